/* monitor_cache.c: a model's reference as bytes, so that a check need not read, score and sort
 * it again. Of the features numbers are kept sorted and levels as counts, which is all that
 * comparing them one by one wants; beside them whole rows for the tests of features together.
 * What is read back is, to the bit, what was kept. */
#include "app/cache.h"
#include "app/monitor_priv.h"
#include "base/mem.h"
#include "engine/model/buf.h"

#include <string.h>

#define MOST_COLUMNS 100000

/* ---- writing ---------------------------------------------------------------------------- */

static void put_dict(struct buf *b, const struct dict *d)
{
    size_t n = dict_len(d);

    buf_u64(b, n);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *s = dict_str(d, (int32_t)i, &len);
        buf_u32(b, (uint32_t)len);
        buf_bytes(b, s, len);
    }
}

/* Codes that ascend, missing ones last, are told by how often each occurs. */
static void put_counts(struct buf *b, const struct column *c, size_t n_rows)
{
    size_t i = 0;

    for (int32_t code = 0; (size_t)code < dict_len(c->dict); code++) {
        size_t from = i;
        while (i < n_rows && c->code[i] == code) i++;
        buf_u64(b, i - from);
    }
}

static void put_frame(struct buf *b, const struct frame *f, bool sorted)
{
    buf_u8(b, f != NULL);
    if (!f) return;
    buf_u64(b, f->n_rows);
    buf_u32(b, (uint32_t)f->n_cols);
    for (size_t j = 0; j < f->n_cols; j++) {
        const struct column *c = &f->cols[j];
        buf_str(b, c->name);
        buf_u8(b, (uint8_t)c->type);
        if (!c->code) {
            for (size_t i = 0; i < f->n_rows; i++) buf_f64(b, c->num[i]);
            continue;
        }
        put_dict(b, c->dict);
        if (sorted) put_counts(b, c, f->n_rows);
        else
            for (size_t i = 0; i < f->n_rows; i++) buf_u32(b, (uint32_t)c->code[i]);
    }
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool get_dict(struct cursor *in, struct dict *d)
{
    uint64_t n = cur_u64(in);

    for (uint64_t i = 0; i < n && !in->bad; i++) {
        size_t len = cur_u32(in);
        const uint8_t *s = cur_bytes(in, len);
        if (in->bad || dict_add(d, (const char *)s, len) != (int32_t)i) return false;
    }
    return !in->bad;
}

static bool get_counts(struct cursor *in, struct column *c, size_t n_rows)
{
    size_t at = 0;

    for (int32_t code = 0; (size_t)code < dict_len(c->dict); code++) {
        uint64_t n = cur_u64(in);
        if (in->bad || n > n_rows - at) return false;
        while (n--) c->code[at++] = code;
    }
    while (at < n_rows) c->code[at++] = -1;
    return true;
}

static bool get_codes(struct cursor *in, struct column *c, size_t n_rows)
{
    int64_t known = (int64_t)dict_len(c->dict);

    for (size_t i = 0; i < n_rows; i++) {
        c->code[i] = (int32_t)cur_u32(in);
        if (c->code[i] < -1 || c->code[i] >= known) return false;
    }
    return !in->bad;
}

static bool get_column(struct cursor *in, struct frame *f, size_t n_rows, bool sorted)
{
    size_t len;
    const char *s = cur_str(in, &len);
    unsigned type = cur_u8(in);
    struct column *c;
    char name[1024];

    if (in->bad || len >= sizeof name || type > COL_TEXT) return false;
    if (!col_is_coded((enum col_type)type) && n_rows > in->left / sizeof(double)) return false;
    memcpy(name, s, len);
    name[len] = '\0';
    if (frame_add(f, name, (enum col_type)type, n_rows, &c, NULL) < 0) return false;
    if (!c->code) {
        for (size_t i = 0; i < n_rows; i++) c->num[i] = cur_f64(in);
        return !in->bad;
    }
    if (!get_dict(in, c->dict)) return false;
    return sorted ? get_counts(in, c, n_rows) : get_codes(in, c, n_rows);
}

/* false: these bytes are no frame. */
static bool get_frame(struct cursor *in, bool sorted, struct frame **ret)
{
    struct frame *f;

    *ret = NULL;
    if (!cur_u8(in)) return !in->bad;
    uint64_t n_rows = cur_u64(in);
    uint32_t n_cols = cur_u32(in);
    if (in->bad || n_rows > CACHE_ENTRY_MAX || n_cols > MOST_COLUMNS) return false;
    f = frame_new();
    f->n_rows = n_rows;
    bool ok = true;
    for (uint32_t j = 0; ok && j < n_cols; j++) ok = get_column(in, f, n_rows, sorted);
    if (ok) *ret = f;
    else frame_free(f);
    return ok;
}

/* ---- the interface ---------------------------------------------------------------------- */

static struct cache_slot slot_of(const struct monitor *m, const char *key)
{
    return (struct cache_slot){ "reference", m->model, key };
}

bool reference_recall(const struct monitor *m, const char *key, struct reference *r)
{
    const struct cache_slot slot = slot_of(m, key);
    STR_AUTO bytes = STR_INIT;

    if (!cache_get(m->app, &slot, &bytes)) return false;
    struct cursor in = { (const uint8_t *)bytes.p, bytes.len, false };
    size_t rows = cur_u64(&in);
    bool probable = cur_u8(&in) != 0;
    bool ok = get_frame(&in, true, &r->features) && r->features;
    ok = ok && get_frame(&in, false, &r->sample) && r->sample;
    ok = ok && get_frame(&in, true, &r->scores) && !in.left;
    if (!ok) {
        reference_done(r);
        return false;
    }
    r->rows = rows;
    r->probable = probable;
    return true;
}

void reference_remember(const struct monitor *m, const char *key, const struct reference *r)
{
    const struct cache_slot slot = slot_of(m, key);
    struct buf b = BUF_INIT;

    buf_u64(&b, r->rows);
    buf_u8(&b, r->probable);
    put_frame(&b, r->features, true);
    put_frame(&b, r->sample, false);
    put_frame(&b, r->scores, true);
    cache_put(m->app, &slot, b.p, b.n);
    buf_done(&b);
}
