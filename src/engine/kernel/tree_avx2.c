/* tree_avx2.c: the kernels of prediction written for AVX2, called only where the processor has
 * it (dispatch.c). Counts and leaves are integers and sums run over trees in their order, so
 * results equal those of tree_body.h to the bit. Any thread. */
#include "engine/kernel/tree_body.h"
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include <immintrin.h>

#define AVX2   __attribute__((target("avx2,popcnt")))
#define INLINE AVX2 static inline __attribute__((always_inline))

INLINE __m256i load(const void *p)
{
    __m256i v;

    memcpy(&v, p, sizeof v);
    return v;
}

INLINE __m128i load_half(const void *p)
{
    __m128i v;

    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(void *p, __m256i v)
{
    memcpy(p, &v, sizeof v);
}

/* 16 bytes, in both halves. */
INLINE __m256i load_twice(const void *p)
{
    return _mm256_broadcastsi128_si256(load_half(p));
}

/* ---- ranks ---- */

/* As kernel_rank, where p bounds are known to be below; not for missing values. */
INLINE unsigned finish_rank(const struct kernel_cuts *c, unsigned near, unsigned p, double x)
{
    if (near == 1) return p + (x > c->bound[p]);
    if (near == 2) return p + (x > c->bound[p]) + (x > c->bound[p + 1]);
    p = kernel_rank_near(c, p, x);
    __m256d below = _mm256_cmp_pd(_mm256_loadu_pd(c->bound + p), _mm256_set1_pd(x), _CMP_LT_OQ);
    return p + (unsigned)__builtin_popcount((unsigned)_mm256_movemask_pd(below));
}

INLINE __m128i buckets4(const struct kernel_cuts *c, __m256d x)
{
    __m256d t = _mm256_mul_pd(_mm256_sub_pd(x, _mm256_set1_pd(c->lo)), _mm256_set1_pd(c->scale));

    t = _mm256_max_pd(t, _mm256_setzero_pd()); /* the second where one is no number */
    return _mm256_cvttpd_epi32(_mm256_min_pd(t, _mm256_set1_pd(c->top)));
}

INLINE void ranks8(const struct kernel_cuts *c, unsigned near, const double *x, uint8_t *out)
{
    __m256d lo = _mm256_loadu_pd(x), hi = _mm256_loadu_pd(x + 4);
    int32_t bucket[8];

    store(bucket, _mm256_set_m128i(buckets4(c, hi), buckets4(c, lo)));
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        out[j] = (uint8_t)(finish_rank(c, near, c->below[bucket[j]], x[j]) + c->first);
    unsigned odd = (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(lo, lo, _CMP_UNORD_Q)) |
                   (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(hi, hi, _CMP_UNORD_Q)) << 4;
    for (; odd; odd &= odd - 1) out[__builtin_ctz(odd)] = c->missing;
}

INLINE void ranks(const struct kernel_cuts *cuts, unsigned near, const double *x, size_t n,
                  uint8_t *out)
{
    const struct kernel_cuts c = *cuts; /* a copy: stores of bytes cannot change it */
    size_t i = 0;

    for (; i + 8 <= n; i += 8) ranks8(&c, near, x + i, out + i);
    if (i == n) return;
    double last[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    uint8_t bytes[8];
    memcpy(last, x + i, (n - i) * sizeof *x);
    ranks8(&c, near, last, bytes);
    memcpy(out + i, bytes, n - i);
}

AVX2 void kernel_ranks_avx2(const struct kernel_cuts *c, const double *x, size_t n, uint8_t *out)
{
    switch (c->near) {
    case 1: ranks(c, 1, x, n, out); break;
    case 2: ranks(c, 2, x, n, out); break;
    default: ranks(c, 4, x, n, out); break;
    }
}

/* ---- splits ---- */

AVX2 void kernel_count_score_avx2(const int64_t *prefix, size_t n, const struct kernel_count *a,
                                  double *score)
{
    body_count_score(prefix, n, a, score);
}

/* ---- blocks ---- */

/* What is done to a block. rows is a constant where it can be, so that nothing is left of loops. */
enum ops { OPS_PAIRS = 1, OPS_MISSING = 2 };
struct part {
    const struct kernel_block *b;
    size_t rows;
    enum ops kind;
};

/* The rows of an op. */
struct rows {
    const uint8_t *plane, *left, *right;
    uint8_t *out;
    __m256i pair[2]; /* left and right, if they are leaves */
};

INLINE struct rows rows_of(const struct kernel_op *op, const struct part *p)
{
    return (struct rows){ .plane = p->b->planes + op->plane * p->rows,
                          .left = p->b->slots + op->left * KERNEL_ROWS,
                          .right = p->b->slots + op->right * KERNEL_ROWS,
                          .out = p->b->slots + op->out * KERNEL_ROWS,
                          .pair = { _mm256_set1_epi8((char)(op->left - KERNEL_TEMPS)),
                                    _mm256_set1_epi8((char)(op->right - KERNEL_TEMPS)) } };
}

INLINE __m256i choose(const struct rows *o, size_t at, enum ops kind, __m256i right)
{
    if (kind & OPS_PAIRS) return _mm256_blendv_epi8(o->pair[0], o->pair[1], right);
    return _mm256_blendv_epi8(load(o->left + at), load(o->right + at), right);
}

/* n times 32 rows. Loads go before stores, since stores might be to where they are from. */
INLINE void number_rows(const struct rows *o, size_t at, size_t n, enum ops kind,
                        const __m256i limit[2])
{
    __m256i leaf[4];

#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) {
        __m256i x = load(o->plane + at + 32 * i);
        if (kind & OPS_MISSING) x = _mm256_sub_epi8(x, limit[1]);
        leaf[i] = choose(o, at + 32 * i, kind, _mm256_cmpgt_epi8(x, limit[0]));
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) store(o->out + at + 32 * i, leaf[i]);
}

INLINE void number_op(const struct kernel_op *op, const struct part *p)
{
    const struct rows o = rows_of(op, p);
    const uint8_t most = p->kind & OPS_MISSING ? op->threshold : op->plain;
    const __m256i limit[2] = { _mm256_set1_epi8((char)most), _mm256_set1_epi8((char)op->bias) };
    size_t at = 0;

#pragma GCC unroll 2
    for (; at + 128 <= p->rows; at += 128) number_rows(&o, at, 4, p->kind, limit);
    for (; at < p->rows; at += 32) number_rows(&o, at, 1, p->kind, limit);
}

struct page { /* 32 bytes of bits, each half twice */
    __m256i lo, hi;
};

INLINE struct page page_at(const uint8_t *p)
{
    return (struct page){ load_twice(p), load_twice(p + 16) };
}

/* Which of 32 rows have their bit in a page: all ones there. */
INLINE __m256i in_page(const struct page *p, __m256i byte, __m256i bit)
{
    __m256i lo = _mm256_shuffle_epi8(p->lo, byte), hi = _mm256_shuffle_epi8(p->hi, byte);
    __m256i found = _mm256_blendv_epi8(lo, hi, _mm256_slli_epi16(byte, 3));

    return _mm256_cmpeq_epi8(_mm256_and_si256(found, bit), bit);
}

/* The same in any of several pages; page: which is meant. */
INLINE __m256i in_pages(const uint8_t *set, unsigned n, __m256i byte, __m256i bit, __m256i page)
{
    __m256i found = _mm256_setzero_si256(), at = found, one = _mm256_set1_epi8(1);

    for (unsigned i = 0; i < n; i++, at = _mm256_add_epi8(at, one)) {
        const struct page p = page_at(set + 32 * i);
        __m256i here = _mm256_and_si256(_mm256_cmpeq_epi8(page, at), in_page(&p, byte, bit));
        found = _mm256_or_si256(found, here);
    }
    return found;
}

INLINE void set_op(const struct kernel_op *op, const struct part *p)
{
    const struct rows o = rows_of(op, p);
    const uint8_t *set = p->b->sets + op->set * (size_t)32;
    const struct page only = page_at(set);
    const unsigned pages = op->pages;

    for (size_t at = 0; at < p->rows && pages == 1; at += 32) {
        __m256i right = in_page(&only, load(o.plane + at), load(o.plane + p->rows + at));
        store(o.out + at, choose(&o, at, p->kind, right));
    }
    for (size_t at = 0; at < p->rows && pages > 1; at += 32) {
        __m256i byte = load(o.plane + at), bit = load(o.plane + p->rows + at);
        __m256i right = in_pages(set, pages, byte, bit, load(o.plane + 2 * p->rows + at));
        store(o.out + at, choose(&o, at, p->kind, right));
    }
}

INLINE void run_ops(const struct kernel_op *ops, size_t n, const struct part *p)
{
    for (const struct kernel_op *o = ops; o < ops + n; o++)
        if (o->pages) set_op(o, p);
        else number_op(o, p);
}

INLINE void run_all(const struct kernel_ops *ops, const struct kernel_block *b, size_t rows,
                    enum ops missing)
{
    const struct part pairs = { b, rows, OPS_PAIRS | missing }, others = { b, rows, missing };

    run_ops(ops->op, ops->pairs, &pairs);
    run_ops(ops->op + ops->pairs, ops->n - ops->pairs, &others);
}

AVX2 void kernel_tree_block_avx2(const struct kernel_ops *ops, const struct kernel_block *block)
{
    const struct kernel_block b = *block; /* a copy: stores to slots cannot change it */

    if (b.rows == KERNEL_ROWS && !b.missing) run_all(ops, &b, KERNEL_ROWS, 0);
    else if (b.rows == KERNEL_ROWS) run_all(ops, &b, KERNEL_ROWS, OPS_MISSING);
    else if (b.rows == KERNEL_ROWS / 2) run_all(ops, &b, KERNEL_ROWS / 2, OPS_MISSING);
    else run_all(ops, &b, b.rows, OPS_MISSING);
}

/* ---- one row ---- */

/* How a tree's 32 bytes are put together. FEW: all planes are in registers, so many quarters
 * of 16. */
enum pick { PICK_16 = 1, PICK_32 = 2, PICK_48 = 3, PICK_64 = 4, PICK_WIDE = 0 };

struct row { /* one row as bytes */
    const uint8_t *bytes;
    __m256i quarter[4];                       /* each twice */
    const uint32_t *level[KERNEL_ROW_LEVELS]; /* leaves out, by tree */
};

/* The bytes of nodes [i, i + 8). Put together in a register: a vector read right after bytes
 * written singly would wait for them. */
INLINE int64_t eight_bytes(const uint16_t *plane, const uint8_t *bytes)
{
    uint64_t w = 0;

#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) w |= (uint64_t)bytes[plane[j]] << (8 * j);
    return (int64_t)w;
}

/* A shuffle looks up the low four bits in each quarter, then bits 4 and 5 choose. */
INLINE __m256i pick_bytes(const struct kernel_row_model *m, size_t t, const struct row *r,
                          enum pick pick)
{
    if (pick == PICK_WIDE) {
        const uint16_t *p = m->wide[t];
        return _mm256_set_epi64x(eight_bytes(p + 24, r->bytes), eight_bytes(p + 16, r->bytes),
                                 eight_bytes(p + 8, r->bytes), eight_bytes(p, r->bytes));
    }
    __m256i at = load(m->trees[t].plane), a = _mm256_shuffle_epi8(r->quarter[0], at);
    if (pick == PICK_16) return a;
    __m256i bit4 = _mm256_slli_epi16(at, 3);
    a = _mm256_blendv_epi8(a, _mm256_shuffle_epi8(r->quarter[1], at), bit4);
    if (pick == PICK_32) return a;
    __m256i c = _mm256_shuffle_epi8(r->quarter[2], at);
    if (pick == PICK_64) c = _mm256_blendv_epi8(c, _mm256_shuffle_epi8(r->quarter[3], at), bit4);
    return _mm256_blendv_epi8(a, c, _mm256_slli_epi16(at, 2));
}

/* Bytes 4i .. 4i + 3 of either half as words, all ones or zeros, and with those leaves. */
INLINE __m256i drop_four(__m256i right, int i, const struct kernel_row_tree *t)
{
    const __m256i four = _mm256_broadcastsi128_si256(
        _mm_set_epi32(0x03030303 + 0x04040404 * i, 0x02020202 + 0x04040404 * i,
                      0x01010101 + 0x04040404 * i, 0x04040404 * i));

    return _mm256_and_si256(_mm256_shuffle_epi8(right, four), load(t->drop + 8 * i));
}

/* Leaves of tree t that are out because of nodes on numbers, spread over eight words. */
INLINE __m256i dropped(const struct kernel_row_model *m, size_t t, const struct row *r,
                       enum pick pick, bool missing)
{
    const struct kernel_row_tree *tree = &m->trees[t];
    __m256i x = pick_bytes(m, t, r, pick), most = load(tree->threshold);

    if (missing) {
        __m256i bias = load(m->bias[t]);
        x = _mm256_sub_epi8(x, bias);
        most = _mm256_sub_epi8(most, bias);
    }
    __m256i right = _mm256_cmpgt_epi8(x, most);
    __m256i a = _mm256_or_si256(drop_four(right, 0, tree), drop_four(right, 1, tree));
    __m256i b = _mm256_or_si256(drop_four(right, 2, tree), drop_four(right, 3, tree));
    return _mm256_or_si256(a, b);
}

INLINE __m256i or_words(__m256i a, __m256i b)
{
    return _mm256_or_si256(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}

/* Leaves that remain of trees t .. t + 3, a word each. */
INLINE __m128i remaining4(const struct kernel_row_model *m, size_t t, const struct row *r,
                          enum pick pick, bool missing)
{
    __m256i ab = or_words(dropped(m, t, r, pick, missing), dropped(m, t + 1, r, pick, missing));
    __m256i cd = or_words(dropped(m, t + 2, r, pick, missing), dropped(m, t + 3, r, pick, missing));
    __m256i e = _mm256_or_si256(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    __m128i out = _mm_or_si128(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));

    for (unsigned i = 0; i < m->n_levels; i++) out = _mm_or_si128(out, load_half(r->level[i] + t));
    return _mm_xor_si128(out, _mm_set1_epi32(-1));
}

INLINE void run_trees(const struct kernel_row_model *m, const struct row *r, enum pick pick,
                      bool missing, double *score)
{
    size_t c = 0, t = 0;
    double sum = score[0];

    for (; m->k == 1 && t + 4 <= m->n_trees; t += 4) {
        __m128i rest = remaining4(m, t, r, pick, missing);
        uint64_t low = (uint64_t)_mm_cvtsi128_si64(rest);
        uint64_t high = (uint64_t)_mm_extract_epi64(rest, 1);
        sum += m->value[t][__builtin_ctzll(low)];
        sum += m->value[t + 1][__builtin_ctzll(low >> 32)];
        sum += m->value[t + 2][__builtin_ctzll(high)];
        sum += m->value[t + 3][__builtin_ctzll(high >> 32)];
    }
    score[0] = sum;
    for (; t < m->n_trees; t += 4) {
        uint32_t rest[4];
        __m128i four = remaining4(m, t, r, pick, missing);
        memcpy(rest, &four, sizeof rest);
        for (size_t i = 0; i < 4 && t + i < m->n_trees; i++) {
            score[c] += m->value[t + i][__builtin_ctz(rest[i])];
            if (++c == m->k) c = 0;
        }
    }
}

INLINE void run_picking(const struct kernel_row_model *m, struct row *r, bool missing,
                        double *score)
{
    for (int i = 0; !m->wide && i < 4; i++) r->quarter[i] = load_twice(r->bytes + 16 * i);
    if (m->wide) run_trees(m, r, PICK_WIDE, missing, score);
    else if (m->n_cuts <= 16) run_trees(m, r, PICK_16, missing, score);
    else if (m->n_cuts <= 32) run_trees(m, r, PICK_32, missing, score);
    else if (m->n_cuts <= 48) run_trees(m, r, PICK_48, missing, score);
    else run_trees(m, r, PICK_64, missing, score);
}

/* Words of 8 n trees from t on, n constant: the leaves that remain. */
INLINE void ranked(const uint32_t *const *at, size_t n_at, size_t t, size_t n, uint32_t *rest)
{
    __m256i out[4];

#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) out[i] = _mm256_setzero_si256();
    for (const uint32_t *const *a = at; a < at + n_at; a++)
#pragma GCC unroll 4
        for (size_t i = 0; i < n; i++) out[i] = _mm256_or_si256(out[i], load(*a + t + 8 * i));
#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++)
        store(rest + 8 * i, _mm256_xor_si256(out[i], _mm256_set1_epi32(-1)));
}

INLINE void add_ranked(const struct kernel_row_model *m, size_t t, size_t n, const uint32_t *rest,
                       double *score)
{
    double sum = score[0];

    if (m->k == 1) {
#pragma GCC unroll 8
        for (size_t i = 0; i < n; i++) sum += m->value[t + i][__builtin_ctz(rest[i])];
        score[0] = sum;
        return;
    }
    for (size_t i = 0, c = t % m->k; i < n; i++) {
        score[c] += m->value[t + i][__builtin_ctz(rest[i])];
        if (++c == m->k) c = 0;
    }
}

AVX2 static void ranked_row(const struct kernel_row_model *m, const double *x, double *score)
{
    const uint32_t *at[KERNEL_RANKED + KERNEL_ROW_LEVELS];
    size_t n = m->n_cuts, t = 0;
    uint32_t rest[32];

    for (unsigned i = 0; i < m->n_cuts; i++) {
        const struct kernel_cuts *c = &m->cuts[i];
        double v = x[c->column];
        unsigned p = finish_rank(c, c->near, c->below[kernel_bucket(c, v)], v);
        at[i] = m->by_rank[i] + (v != v ? 0 : 1 + p) * m->stride;
    }
    for (unsigned i = 0; i < m->n_levels; i++) at[n++] = body_level(m, i, x);

    for (; t + 32 <= m->n_trees; t += 32) {
        ranked(at, n, t, 4, rest);
        add_ranked(m, t, 32, rest, score);
    }
    for (; t < m->n_trees; t += 8) {
        ranked(at, n, t, 1, rest);
        add_ranked(m, t, m->n_trees - t < 8 ? m->n_trees - t : 8, rest, score);
    }
}

AVX2 void kernel_tree_row_avx2(const struct kernel_row_model *m, const double *x, double *score)
{
    if (m->by_rank) {
        ranked_row(m, x, score);
        return;
    }
    uint8_t bytes[KERNEL_ROW_PLANES];
    struct row r;
    bool missing = false;

    memset(bytes, 0, KERNEL_FEW_PLANES);
    r.bytes = bytes;
    for (unsigned i = 0; i < m->n_cuts; i++) {
        const struct kernel_cuts *c = &m->cuts[i];
        double v = x[c->column];
        unsigned p = finish_rank(c, c->near, c->below[kernel_bucket(c, v)], v);
        missing |= v != v;
        bytes[i] = v != v ? c->missing : (uint8_t)(p + c->first);
    }
    for (unsigned i = 0; i < m->n_levels; i++) r.level[i] = body_level(m, i, x);
    if (missing) run_picking(m, &r, true, score);
    else run_picking(m, &r, false, score);
}
#endif
