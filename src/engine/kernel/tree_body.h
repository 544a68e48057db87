/* tree_body.h: the kernels of prediction for any instruction set, in the manner of vec_body.h:
 * ranks of values, trees over blocks of rows, trees on one row. See tree.h for what they do.
 * No step branches on a value. */
#pragma once
#include "engine/kernel/rank.h"
#include "engine/kernel/vec_body.h"

typedef int8_t v32c __attribute__((vector_size(32)));

#define VALUE static inline __attribute__((always_inline))

BODY body_ranks(const struct kernel_cuts *c, const double *x, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) out[i] = kernel_rank(c, x[i]);
}

/* ---- blocks ---- */

BODY body_number_op(const struct kernel_op *o, const uint8_t *p, const uint8_t *l, const uint8_t *r,
                    const struct kernel_block *b)
{
    uint8_t *out = b->slots + o->out * KERNEL_ROWS;

    for (size_t j = 0; j < b->rows; j += sizeof(v32b)) {
        v32b x, y, z;
        LOAD(x, p + j);
        LOAD(y, l + j);
        LOAD(z, r + j);
        v32b m = (v32b)((v32c)(x - o->bias) > (int8_t)o->threshold);
        y = (z & m) | (y & ~m);
        STORE(out + j, y);
    }
}

BODY body_set_op(const struct kernel_op *o, const uint8_t *p, const uint8_t *l, const uint8_t *r,
                 const struct kernel_block *b)
{
    uint8_t *out = b->slots + o->out * KERNEL_ROWS;
    const uint8_t *set = b->sets + o->set * (size_t)32, *bit = p + b->rows, *page = bit + b->rows;

    for (size_t j = 0; j < b->rows; j++) {
        size_t at = o->pages > 1 ? page[j] : 0;
        out[j] = set[at * 32 + p[j]] & bit[j] ? r[j] : l[j];
    }
}

BODY body_tree_block(const struct kernel_ops *ops, const struct kernel_block *b)
{
    for (const struct kernel_op *o = ops->op; o < ops->op + ops->n; o++) {
        const uint8_t *p = b->planes + o->plane * b->rows, *l = b->slots + o->left * KERNEL_ROWS;
        const uint8_t *r = b->slots + o->right * KERNEL_ROWS;
        if (o->pages) body_set_op(o, p, l, r, b);
        else body_number_op(o, p, l, r, b);
    }
}

/* ---- one row ---- */

/* Leaves of tree t that are out because of nodes on numbers. */
VALUE uint32_t body_dropped(const struct kernel_row_model *m, size_t t, const uint8_t *bytes)
{
    const struct kernel_row_tree *tree = &m->trees[t];
    uint32_t out = 0;

    for (unsigned i = 0; i < KERNEL_ROW_LEAVES; i++) {
        uint8_t x = bytes[m->wide ? m->wide[t][i] : tree->plane[i]], bias = m->bias[t][i];
        bool right = (int8_t)(uint8_t)(x - bias) > (int8_t)(uint8_t)(tree->threshold[i] - bias);
        out |= -(uint32_t)right & tree->drop[kernel_drop(i)];
    }
    return out;
}

/* What category i of a row puts out, by tree. */
VALUE const uint32_t *body_level(const struct kernel_row_model *m, unsigned i, const double *x)
{
    const struct kernel_levels *l = &m->levels[i];

    return l->drop + kernel_class(l->class_of, l->levels, x[l->column]) * m->stride;
}

BODY body_ranked_row(const struct kernel_row_model *m, const double *x, double *score)
{
    const uint32_t *at[KERNEL_RANKED + KERNEL_ROW_LEVELS];
    size_t n = m->n_cuts, c = 0;

    for (unsigned i = 0; i < m->n_cuts; i++) {
        const struct kernel_cuts *cut = &m->cuts[i];
        double v = x[cut->column];
        unsigned row = v != v ? 0 : 1 + (uint8_t)(kernel_rank(cut, v) - cut->first);
        at[i] = m->by_rank[i] + row * m->stride;
    }
    for (unsigned i = 0; i < m->n_levels; i++) at[n++] = body_level(m, i, x);
    for (size_t t = 0; t < m->n_trees; t++) {
        uint32_t out = 0;
        for (size_t i = 0; i < n; i++) out |= at[i][t];
        score[c] += m->value[t][__builtin_ctz(~out)];
        if (++c == m->k) c = 0;
    }
}

BODY body_tree_row(const struct kernel_row_model *m, const double *x, double *score)
{
    if (m->by_rank) {
        body_ranked_row(m, x, score);
        return;
    }
    uint8_t bytes[KERNEL_ROW_PLANES];
    const uint32_t *level[KERNEL_ROW_LEVELS];
    size_t c = 0;

    bytes[0] = 0;
    for (unsigned i = 0; i < m->n_cuts; i++)
        bytes[i] = kernel_rank(&m->cuts[i], x[m->cuts[i].column]);
    for (unsigned i = 0; i < m->n_levels; i++) level[i] = body_level(m, i, x);
    for (size_t t = 0; t < m->n_trees; t++) {
        uint32_t out = body_dropped(m, t, bytes);
        for (unsigned i = 0; i < m->n_levels; i++) out |= level[i][t];
        score[c] += m->value[t][__builtin_ctz(~out)];
        if (++c == m->k) c = 0;
    }
}

/* ---- splits ---- */

/* A field below 2^52 as a double. */
BODY body_field4(const v4l *x, v4d *ret)
{
    *ret = (v4d)(*x | INT64_C(0x4330000000000000)) - 0x1p52;
}

BODY body_count_score(const int64_t *prefix, size_t n, const struct kernel_count *a, double *score)
{
    const int64_t mask = (INT64_C(1) << KERNEL_COUNT_BITS) - 1;
    const int64_t rows = a->total & mask;
    const double draws = (double)(a->total >> KERNEL_COUNT_BITS & mask);
    const double yes = (double)(a->total >> (2 * KERNEL_COUNT_BITS));

    for (size_t i = 0; i < n; i += 4) {
        v4l left, none;
        v4d dl, yl, both;
        LOAD(left, prefix + i);
        left += a->extra;
        v4l d = left >> KERNEL_COUNT_BITS & mask, y = left >> (2 * KERNEL_COUNT_BITS);
        body_field4(&d, &dl);
        body_field4(&y, &yl);
        v4d dr = draws - dl, yr = yes - yl;
        both = (yl * yl * dr + yr * yr * dl) / (dl * dr);
        none = ((left & mask) < a->least) | (rows - (left & mask) < a->least);
        both = PICK(none, SPLAT(v4d, -1.0), both);
        STORE(score + i, both);
    }
}
