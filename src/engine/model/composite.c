/* composite.c: what a composite is, and how it answers; composite_fit.c makes it. */
#include "engine/model/composite.h"

#include "base/mem.h"
#include "engine/model/composite_link.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CERTAIN 1e-6 /* nearer to 0 or 1 no answer is taken to be */

static void part_done(struct part *p)
{
    for (size_t j = 0; p->recode && j < p->m->enc->n; j++) free(p->recode[j].own);
    free(p->recode);
    free(p->source);
    model_free(p->m);
    *p = (struct part){ 0 };
}

void composite_free(struct composite *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n; i++) part_done(&c->member[i]);
    part_done(&c->combiner);
    free(c->member);
    free(c->weight);
    free(c);
}

struct composite *composite_new(size_t n)
{
    struct composite *c = mem_zalloc(1, sizeof *c);

    c->n = n;
    c->member = mem_zalloc(n, sizeof *c->member);
    c->weight = mem_zalloc(n, sizeof *c->weight);
    return c;
}

/* ---- where a part's inputs come from ---------------------------------------------------- */

void composite_answer_name(const struct model *whole, const struct model *member, int output,
                           struct str *ret)
{
    str_clear(ret);
    str_addf(ret, "member %s", member->learner->name);
    if (model_outputs(whole) > 1) str_addf(ret, " %s", model_class(whole, output));
}

double composite_answer(enum task task, double answer)
{
    double p = fmin(fmax(answer, CERTAIN), 1 - CERTAIN);

    return task == TASK_REGRESSION ? answer : log(p / (1 - p));
}

/* Answers of all members for one row. */
static size_t answers(const struct model *whole)
{
    return whole->composite->n * (size_t)model_outputs(whole);
}

/* The answer of that name; SIZE_MAX: none. */
static size_t find_answer(const struct model *whole, const char *name)
{
    const struct composite *c = whole->composite;
    size_t k = (size_t)model_outputs(whole);
    STR_AUTO known = STR_INIT;

    for (size_t i = 0; i < answers(whole); i++) {
        composite_answer_name(whole, c->member[i / k].m, (int)(i % k), &known);
        if (str_eq(str_c(&known), name)) return i;
    }
    return SIZE_MAX;
}

static size_t find_feature(const struct encoder *enc, const char *name)
{
    for (size_t i = 0; i < enc->n; i++)
        if (str_eq(enc->f[i].name, name)) return i;
    return SIZE_MAX;
}

static struct recode map_levels(const struct feature *from, const struct feature *to)
{
    size_t n = dict_len(from->levels);
    struct recode r = { n, mem_zalloc(n + 1, sizeof *r.own) };

    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *s = dict_str(from->levels, (int32_t)i, &len);
        r.own[i] = encoder_level(to, s, len);
    }
    return r;
}

/* Finds one input of a part; false: the whole has no such thing, or one of another kind. */
static bool link_feature(const struct model *whole, struct part *p, size_t j, bool is_combiner)
{
    const struct feature *f = &p->m->enc->f[j];
    size_t at = is_combiner ? find_answer(whole, f->name) : SIZE_MAX;

    if (at != SIZE_MAX) {
        p->source[j] = at;
        return !f->levels;
    }
    at = find_feature(whole->enc, f->name);
    if (at == SIZE_MAX || !f->levels != !whole->enc->f[at].levels) return false;
    p->source[j] = answers(whole) + at;
    if (f->levels) p->recode[j] = map_levels(&whole->enc->f[at], f);
    return true;
}

static bool link_part(const struct model *whole, struct part *p, bool is_combiner)
{
    size_t n = p->m->enc->n;

    p->source = mem_zalloc(n + 1, sizeof *p->source);
    p->recode = mem_zalloc(n + 1, sizeof *p->recode);
    for (size_t j = 0; j < n; j++)
        if (!link_feature(whole, p, j, is_combiner)) return false;
    return true;
}

bool composite_link(const struct model *whole)
{
    struct composite *c = whole->composite;

    for (size_t i = 0; i < c->n; i++)
        if (!link_part(whole, &c->member[i], false)) return false;
    return !c->combiner.m || link_part(whole, &c->combiner, true);
}

/* ---- prediction -------------------------------------------------------------------------- */

static size_t part_scratch(const struct part *p)
{
    return p->m ? p->m->enc->n + model_scratch(p->m) : 0;
}

/* A row: every member's answers as the combiner's columns, one member's answer as it comes, and
 * then the inputs of the part that is asked. */
size_t composite_scratch(const struct model *m)
{
    const struct composite *c = m->composite;
    size_t most = part_scratch(&c->combiner);

    for (size_t i = 0; i < c->n; i++) {
        size_t s = part_scratch(&c->member[i]);
        most = s > most ? s : most;
    }
    return answers(m) + (size_t)model_outputs(m) + most;
}

static void translate(const double *from, const struct recode *r, size_t n, double *to)
{
    if (!r->own) {
        memcpy(to, from, n * sizeof *to);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bool known = from[i] >= 0 && from[i] < (double)r->n; /* false for NaN */
        to[i] = known ? r->own[(size_t)from[i]] : (double)NAN;
    }
}

/* Blocks of n rows, column-major. */
struct inputs {
    const double *answer, *raw;
    size_t n_answers, n;
};

static void ask(const struct part *p, const struct inputs *in, double *scratch, double *out)
{
    size_t n = in->n;
    const struct encoder *enc = p->m->enc;

    for (size_t j = 0; j < enc->n; j++) {
        size_t s = p->source[j];
        const double *from =
            s < in->n_answers ? in->answer + s * n : in->raw + (s - in->n_answers) * n;
        translate(from, &p->recode[j], n, scratch + j * n);
    }
    model_predict_raw(p->m, scratch, n, scratch + enc->n * n, out);
}

static void combine(const struct model *m, struct inputs *in, double *answer, double *scratch,
                    double *out)
{
    const struct composite *c = m->composite;
    size_t k = (size_t)model_outputs(m), n = in->n;
    double *one = scratch, *rest = scratch + k * n;

    for (size_t i = 0; i < c->n; i++) {
        ask(&c->member[i], in, rest, one);
        for (size_t r = 0; r < n; r++)
            for (size_t o = 0; o < k; o++)
                answer[(i * k + o) * n + r] = composite_answer(m->target.task, one[r * k + o]);
    }
    in->answer = answer;
    ask(&c->combiner, in, rest, out);
}

static void vote(const struct model *m, const struct inputs *in, double *scratch, double *out)
{
    const struct composite *c = m->composite;
    size_t values = (size_t)model_outputs(m) * in->n;
    double *one = scratch, *rest = scratch + values;

    for (size_t v = 0; v < values; v++) out[v] = 0;
    for (size_t i = 0; i < c->n; i++) {
        ask(&c->member[i], in, rest, one);
        for (size_t v = 0; v < values; v++) out[v] += c->weight[i] * one[v];
    }
}

void composite_predict(const struct model *m, const double *raw, size_t n, double *scratch,
                       double *out)
{
    struct inputs in = { .raw = raw, .n_answers = answers(m), .n = n };
    double *rest = scratch + in.n_answers * n;

    if (m->composite->combiner.m) combine(m, &in, scratch, rest, out);
    else vote(m, &in, rest, out);
}

/* ---- importance -------------------------------------------------------------------------- */

/* Adds a part's importance, times the weight, to the features of the whole; what goes to answers
 * of members is added to theirs. */
static void spread(const struct model *whole, const struct part *p, double weight, double *answer,
                   double *out)
{
    size_t n_answers = answers(whole), n = p->m->enc->n;
    double *own = mem_zalloc(n + 1, sizeof *own);

    model_importance(p->m, own);
    for (size_t j = 0; j < n; j++) {
        size_t s = p->source[j];
        if (s < n_answers) answer[s] += weight * own[j];
        else out[s - n_answers] += weight * own[j];
    }
    free(own);
}

void composite_importance(const struct model *m, double *out)
{
    const struct composite *c = m->composite;
    size_t k = (size_t)model_outputs(m);
    double *answer = mem_zalloc(answers(m) + 1, sizeof *answer), sum = 0;

    for (size_t i = 0; i < m->enc->n; i++) out[i] = 0;
    if (c->combiner.m) spread(m, &c->combiner, 1, answer, out);
    for (size_t i = 0; i < c->n; i++) {
        double weight = c->weight[i];
        for (size_t o = 0; o < k && c->combiner.m; o++) weight += answer[i * k + o];
        spread(m, &c->member[i], weight, NULL, out);
    }
    free(answer);
    for (size_t i = 0; i < m->enc->n; i++) sum += out[i];
    for (size_t i = 0; i < m->enc->n && sum > 0; i++) out[i] /= sum;
}

/* ---- file form ---------------------------------------------------------------------------- */

void composite_describe(const struct composite *c, struct buf *out)
{
    for (size_t i = 0; i < c->n; i++) buf_str(out, c->member[i].m->learner->name);
    if (c->combiner.m) buf_str(out, c->combiner.m->learner->name);
}

static int save_part(const struct model *m, struct buf *out, struct err *e)
{
    struct buf b = BUF_INIT;
    int r = model_save(m, &b, e);

    buf_u64(out, b.n);
    buf_bytes(out, b.p, b.n);
    buf_done(&b);
    return r;
}

int composite_save(const struct composite *c, struct buf *out, struct err *e)
{
    int r = 0;

    buf_u32(out, (uint32_t)c->n);
    buf_u8(out, c->combiner.m != NULL);
    for (size_t i = 0; i < c->n && r == 0; i++) {
        buf_f64(out, c->weight[i]);
        r = save_part(c->member[i].m, out, e);
    }
    return r == 0 && c->combiner.m ? save_part(c->combiner.m, out, e) : r;
}

static int senseless(struct err *e)
{
    return err_set(e, ERR_CORRUPT, "the models inside the model file make no sense together");
}

static bool same_target(const struct target *a, const struct target *b)
{
    int n = target_n_classes(a);

    if (!str_eq(a->name, b->name) || a->task != b->task || n != target_n_classes(b)) return false;
    for (int c = 0; c < n; c++)
        if (!str_eq(dict_str(a->classes, c, NULL), dict_str(b->classes, c, NULL))) return false;
    return true;
}

static int load_part(struct cursor *in, const struct model *whole, struct part *p, struct err *e)
{
    uint64_t n = cur_u64(in);
    const uint8_t *bytes = in->bad || n > in->left ? NULL : cur_bytes(in, n);
    int r = bytes ? model_open_part(bytes, n, &p->m, e) : senseless(e);

    if (r == 0 && !same_target(&whole->target, &p->m->target)) r = senseless(e);
    return r;
}

int composite_load(struct cursor *in, struct model *m, struct err *e)
{
    uint32_t n = cur_u32(in);
    uint8_t combines = cur_u8(in);
    int r = 0;

    if (in->bad || n == 0 || n > COMPOSITE_MEMBERS || combines != m->learner->combines)
        return senseless(e);
    m->composite = composite_new(n);
    for (size_t i = 0; i < n && r == 0; i++) {
        double weight = m->composite->weight[i] = cur_f64(in);
        r = weight >= 0 && weight <= 1 ? load_part(in, m, &m->composite->member[i], e)
                                       : senseless(e);
    }
    if (r == 0 && combines) r = load_part(in, m, &m->composite->combiner, e);
    if (r == 0 && (in->left || !composite_link(m))) r = senseless(e);
    return r;
}
