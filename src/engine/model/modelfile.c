/* modelfile.c: a model as bytes, and back. All integers little-endian.
 *
 *   0   "SIGNALBX"
 *   8   u32 format version (1 or 2), u32 number of sections, u64 size of the file
 *   24  a section: name[8], u64 offset, u64 size, u32 CRC-32C of its bytes, u32 0   (32 bytes)
 *   …   u32 CRC-32C of everything before
 *   …   the sections, in the order of the table, without gaps, to the end of the file
 *
 * Version 1 has three sections: model, encoder, learner. Version 2 has a fourth, calib, and is
 * written only for models that are calibrated, so that programs which know version 1 alone
 * refuse what they would answer wrongly and still read the rest.
 *
 * So every byte of the file is under exactly one checksum, and a file cut or changed anywhere
 * is refused before anything in it is believed. What passes is still read as if an enemy had
 * written it: the checksums are no signature. */
#include "base/digest.h"
#include "base/mem.h"
#include "engine/model/composite.h"
#include "engine/model/parts.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC      "SIGNALBX"
#define VERSION    1 /* without calibration */
#define CALIBRATED 2
#define FIXED_HEAD 24
#define ENTRY      32
#define NAME       8
#define MAX_PARAMS 1000

enum section { SECTION_MODEL, SECTION_ENCODER, SECTION_LEARNER, SECTION_CALIBRATION, SECTIONS };
static const char *const section_names[] = { "model", "encoder", "learner", "calib" };

static int sections_of(uint32_t version)
{
    return version == CALIBRATED ? SECTIONS : SECTION_CALIBRATION;
}

static size_t head_size(int n_sections)
{
    return FIXED_HEAD + (size_t)n_sections * ENTRY + 4;
}

/* ---- what was asked for -------------------------------------------------------------- */

void model_write_params(const struct model *m, struct buf *out)
{
    buf_u32(out, (uint32_t)val_len(m->params));
    for (size_t i = 0; i < val_len(m->params); i++) {
        const struct val *v = val_at(m->params, i);
        buf_str(out, val_key(m->params, i));
        buf_u8(out, (uint8_t)val_type(v));
        switch (val_type(v)) {
        case VAL_BOOL: buf_u8(out, val_as_bool(v, false)); break;
        case VAL_INT: buf_u64(out, (uint64_t)val_as_int(v, 0)); break;
        case VAL_REAL: buf_f64(out, val_as_real(v, 0)); break;
        case VAL_STR: buf_str(out, val_as_str(v, "")); break;
        case VAL_NULL:
        case VAL_LIST:
        case VAL_OBJ: break; /* learners have no such parameters */
        }
    }
}

static struct val *read_scalar(struct cursor *in, struct arena *a)
{
    size_t len;
    const char *s;

    switch (cur_u8(in)) {
    case VAL_NULL: return val_null(a);
    case VAL_BOOL: return val_bool(a, cur_u8(in) != 0);
    case VAL_INT: return val_int(a, (int64_t)cur_u64(in));
    case VAL_REAL: return val_real(a, cur_f64(in));
    case VAL_STR: s = cur_str(in, &len); return val_strn(a, s, len);
    default: in->bad = true; return val_null(a);
    }
}

/* A text without NUL bytes, or NULL and in->bad. */
static char *read_text(struct cursor *in, struct arena *a)
{
    size_t len;
    const char *s = cur_str(in, &len);

    if (in->bad || memchr(s, 0, len)) {
        in->bad = true;
        return NULL;
    }
    return arena_strndup(a, s, len);
}

static void read_params(struct cursor *in, struct model *m)
{
    uint32_t n = cur_u32(in);

    m->params = val_obj(&m->arena);
    if (n > MAX_PARAMS) in->bad = true;
    for (uint32_t i = 0; i < n && !in->bad; i++) {
        const char *key = read_text(in, &m->arena);
        if (key) val_set(m->params, key, read_scalar(in, &m->arena));
    }
}

static void write_model(const struct model *m, struct buf *out)
{
    const struct target *t = &m->target;
    int n = target_n_classes(t);

    buf_str(out, m->learner->name);
    buf_str(out, t->name);
    buf_u8(out, (uint8_t)t->type);
    buf_u8(out, (uint8_t)t->task);
    buf_u32(out, (uint32_t)n);
    for (int c = 0; c < n; c++) buf_str(out, dict_str(t->classes, c, NULL));
    model_write_params(m, out);
}

static bool read_classes(struct cursor *in, struct model *m)
{
    struct target *t = &m->target;
    uint32_t n = cur_u32(in);

    if (t->task == TASK_REGRESSION) return n == 0;
    if (n < 2 || n > TARGET_MAX_CLASSES || (t->task == TASK_BINARY && n != 2)) return false;
    t->classes = dict_new();
    for (uint32_t i = 0; i < n; i++) {
        const char *s = read_text(in, &m->arena);
        if (!s || dict_add(t->classes, s, strlen(s)) != (int32_t)i) return false;
    }
    return true;
}

static int senseless(enum section s, struct err *e)
{
    return err_set(e, ERR_CORRUPT, "the model file's section \"%s\" makes no sense",
                   section_names[s]);
}

static int read_model(struct cursor *in, struct model *m, struct err *e)
{
    const char *algorithm = read_text(in, &m->arena), *target = read_text(in, &m->arena);
    uint8_t type = cur_u8(in), task = cur_u8(in);

    if (in->bad || type > COL_TEXT) return senseless(SECTION_MODEL, e);
    m->learner = learner_find(algorithm);
    if (!m->learner)
        return err_set(e, ERR_PARSE, "the model is of an algorithm this program does not have: %s",
                       algorithm);
    m->target.name = mem_strdup(target);
    m->target.type = (enum col_type)type;
    m->target.task = (enum task)task;
    if (task != TASK_BINARY && task != TASK_MULTICLASS && task != TASK_REGRESSION)
        return senseless(SECTION_MODEL, e);
    if (!(m->learner->tasks & task) || !read_classes(in, m)) return senseless(SECTION_MODEL, e);
    read_params(in, m);
    return in->bad || in->left ? senseless(SECTION_MODEL, e) : 0;
}

/* ---- the file ------------------------------------------------------------------------ */

static void write_head(uint32_t version, const struct buf sections[], struct buf *out)
{
    int n = sections_of(version);
    uint64_t at = head_size(n);

    for (int i = 0; i < n; i++) at += sections[i].n;
    buf_bytes(out, MAGIC, NAME);
    buf_u32(out, version);
    buf_u32(out, (uint32_t)n);
    buf_u64(out, at);
    at = head_size(n);
    for (int i = 0; i < n; i++) {
        char name[NAME] = "";
        memcpy(name, section_names[i], strlen(section_names[i]));
        buf_bytes(out, name, NAME);
        buf_u64(out, at);
        buf_u64(out, sections[i].n);
        buf_u32(out, crc32c(0, sections[i].p, sections[i].n));
        buf_u32(out, 0);
        at += sections[i].n;
    }
}

int model_save(const struct model *m, struct buf *out, struct err *e)
{
    struct buf s[SECTIONS] = { BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT }, file = BUF_INIT;
    uint32_t version = m->calibration ? CALIBRATED : VERSION;
    int r = m->composite ? composite_save(m->composite, &s[SECTION_LEARNER], e)
                         : m->learner->save(m->state, &s[SECTION_LEARNER], e);

    if (r == 0) {
        write_model(m, &s[SECTION_MODEL]);
        encoder_save(m->enc, &s[SECTION_ENCODER]);
        if (m->calibration) calibration_save(m->calibration, &s[SECTION_CALIBRATION]);
        write_head(version, s, &file);
        buf_u32(&file, crc32c(0, file.p, file.n));
        for (int i = 0; i < sections_of(version); i++) buf_bytes(&file, s[i].p, s[i].n);
        buf_bytes(out, file.p, file.n);
        buf_done(&file);
    }
    for (int i = 0; i < SECTIONS; i++) buf_done(&s[i]);
    return r;
}

/* One row of the table of sections, and the checksum of what it speaks of, which begins at. */
static int read_entry(struct cursor *in, int i, const struct cursor *file, uint64_t at,
                      struct cursor *ret, struct err *e)
{
    char name[NAME] = "";
    const uint8_t *stored_name = cur_bytes(in, NAME);
    uint64_t offset = cur_u64(in), bytes = cur_u64(in);
    uint32_t crc = cur_u32(in);

    cur_u32(in);
    memcpy(name, section_names[i], strlen(section_names[i]));
    if (in->bad || memcmp(stored_name, name, NAME) != 0 || offset != at || bytes > file->left - at)
        return err_set(e, ERR_CORRUPT, "the model file's table of sections makes no sense");
    if (crc32c(0, file->p + at, bytes) != crc)
        return err_set(e, ERR_CORRUPT,
                       "the model file's section \"%s\" does not match its checksum",
                       section_names[i]);
    *ret = (struct cursor){ file->p + at, bytes, false };
    return 0;
}

/* Checks everything that can be checked without understanding a section. */
static int read_head(const uint8_t *p, size_t n, struct cursor ret[SECTIONS], int *ret_n,
                     struct err *e)
{
    struct cursor in = { p, n, false };
    const struct cursor file = in;
    const uint8_t *magic = cur_bytes(&in, NAME);
    uint32_t version = cur_u32(&in), count = cur_u32(&in), crc;
    uint64_t size = cur_u64(&in), at;

    if (!magic || memcmp(magic, MAGIC, NAME) != 0)
        return err_set(e, ERR_PARSE, "this is not a signalbox model file");
    if (!in.bad && version != VERSION && version != CALIBRATED) {
        err_set(e, ERR_PARSE, "the model file has format version %u; this program reads %d and %d",
                version, VERSION, CALIBRATED);
        return err_hint(e, "a newer signalbox wrote it");
    }
    at = head_size(*ret_n = sections_of(version));
    if (in.bad || n < at)
        return err_set(e, ERR_CORRUPT, "the model file is cut off in its head, after %zu bytes", n);
    crc = crc32c(0, p, at - 4);
    struct cursor stored = { p + at - 4, 4, false };
    if (count != (uint32_t)*ret_n || cur_u32(&stored) != crc)
        return err_set(e, ERR_CORRUPT, "the model file's head does not match its checksum");
    if (size != n)
        return err_set(e, ERR_CORRUPT, "the model file has %zu bytes instead of %llu", n,
                       (unsigned long long)size);
    for (int i = 0; i < *ret_n; i++) {
        int r = read_entry(&in, i, &file, at, &ret[i], e);
        if (r < 0) return r;
        at += ret[i].left;
    }
    return at == n ? 0 : err_set(e, ERR_CORRUPT, "the model file has bytes after its end");
}

static bool encodes(const struct learner *l, enum encoding kind)
{
    return kind == l->encoding || (l->encoding_of && kind != ENC_TREE);
}

static int read_learner(struct cursor *in, struct model *m, struct err *e)
{
    int r;

    if (m->learner->composite) return composite_load(in, m, e);
    r = m->learner->load(in, m->target.task, target_n_classes(&m->target), m->enc->width, &m->state,
                         e);
    return r == 0 && (in->bad || in->left) ? senseless(SECTION_LEARNER, e) : r;
}

static int read_calibration(struct cursor *in, struct model *m, struct err *e)
{
    if (m->target.task == TASK_REGRESSION) return senseless(SECTION_CALIBRATION, e);
    return calibration_load(in, model_outputs(m), &m->calibration, e);
}

/* part: inside another model, where there is no room for a third. */
static int open_file(const void *p, size_t n, bool part, struct model **ret, struct err *e)
{
    struct cursor s[SECTIONS];
    struct model *m;
    int sections = 0, r = read_head(p, n, s, &sections, e);

    if (r < 0) return r;
    m = mem_zalloc(1, sizeof *m);
    r = read_model(&s[SECTION_MODEL], m, e);
    if (r == 0 && part && m->learner->composite) r = senseless(SECTION_MODEL, e);
    if (r == 0) r = encoder_load(&s[SECTION_ENCODER], &m->enc, e);
    if (r == 0 && (s[SECTION_ENCODER].left || !encodes(m->learner, m->enc->kind)))
        r = senseless(SECTION_ENCODER, e);
    if (r == 0) r = read_learner(&s[SECTION_LEARNER], m, e);
    if (r == 0 && sections > SECTION_CALIBRATION)
        r = read_calibration(&s[SECTION_CALIBRATION], m, e);
    if (r < 0) {
        model_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

int model_open(const void *p, size_t n, struct model **ret, struct err *e)
{
    return open_file(p, n, false, ret, e);
}

int model_open_part(const void *p, size_t n, struct model **ret, struct err *e)
{
    return open_file(p, n, true, ret, e);
}
