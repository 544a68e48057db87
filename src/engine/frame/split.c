/* split.c: holdout and k folds.
 *
 * Every kind of split is reduced to one list: `order` holds all row numbers, cut into groups
 * (random: one group; stratified: a group a stratum; time: the sorted order itself), and the
 * sides are runs of that list. Shuffling inside a group depends on the seed and the group's
 * rows alone. Stratified shares are rounded by largest remainder, so that the test has the
 * same number of rows as a random one would. Results are ascending row lists. */
#include "engine/frame/split.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW_VALUES      20
#define QUANTILE_GROUPS 10

struct strata {
    uint32_t *order; /* all rows, group after group */
    size_t *start;   /* groups + 1 positions in order */
    size_t groups;
};

struct row_key {
    double key;
    uint32_t row;
};

void split_done(struct split *s)
{
    free(s->train);
    free(s->test);
    *s = (struct split){ 0 };
}

static void strata_done(struct strata *s)
{
    free(s->order);
    free(s->start);
}

static int no_memory(size_t n_rows, struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory to split %zu rows", n_rows);
}

/* ---- ordering rows ------------------------------------------------------------------- */

static int by_key(const void *pa, const void *pb)
{
    const struct row_key *a = pa, *b = pb;

    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static double column_key(const struct column *c, size_t row)
{
    double v = col_is_coded(c->type) ? (double)c->code[row] : c->num[row];

    return isnan(v) ? -HUGE_VAL : v;
}

/* Rows by ascending value, missing first, equal values by row. NULL: no memory. */
static struct row_key *sort_rows(size_t n_rows, const struct column *by)
{
    struct row_key *k = mem_try(n_rows, sizeof *k);

    if (!k) return NULL;
    for (size_t i = 0; i < n_rows; i++)
        k[i] = (struct row_key){ .key = by ? column_key(by, i) : 0, .row = (uint32_t)i };
    if (by) qsort(k, n_rows, sizeof *k, by_key);
    return k;
}

/* ---- groups -------------------------------------------------------------------------- */

static size_t distinct_keys(const struct row_key *k, size_t n)
{
    size_t d = n > 0;

    for (size_t i = 1; i < n; i++) d += k[i].key != k[i - 1].key;
    return d;
}

/* Marks where groups begin in the sorted keys: at every new value, or, when there are many,
 * at the first new value after every tenth of the present rows; missing is its own group. */
static size_t mark_groups(const struct row_key *k, size_t n, bool every_value, size_t *start)
{
    size_t groups = 0, missing = 0, last_bin = 0;

    while (missing < n && k[missing].key == -HUGE_VAL) missing++;
    for (size_t i = 0; i < n; i++) {
        bool new_value = i == 0 || i == missing || k[i].key != k[i - 1].key;
        size_t bin = i < missing ? 0 : 1 + (i - missing) * QUANTILE_GROUPS / (n - missing);
        if (!new_value || (!every_value && i > 0 && bin == last_bin)) continue;
        start[groups++] = i;
        last_bin = bin;
    }
    start[groups] = n;
    return groups;
}

static int make_strata(size_t n_rows, enum split_kind kind, const struct column *by,
                       struct strata *ret, struct err *e)
{
    struct row_key *k = sort_rows(n_rows, kind == SPLIT_STRATIFIED ? by : NULL);
    struct strata s = { 0 };
    bool every_value;
    size_t slots;

    if (!k) return no_memory(n_rows, e);
    every_value = col_is_coded(by ? by->type : COL_REAL) || distinct_keys(k, n_rows) <= FEW_VALUES;
    slots = distinct_keys(k, n_rows) + 2;
    s.order = mem_try(n_rows, sizeof *s.order);
    s.start = mem_try(slots, sizeof *s.start);
    if (!s.order || !s.start) {
        strata_done(&s);
        free(k);
        return no_memory(n_rows, e);
    }
    s.groups = mark_groups(k, n_rows, every_value, s.start);
    for (size_t i = 0; i < n_rows; i++) s.order[i] = k[i].row;
    free(k);
    *ret = s;
    return 0;
}

static void shuffle_groups(struct strata *s, uint64_t seed)
{
    for (size_t g = 0; g < s->groups; g++) {
        struct rng rng;
        rng_stream(&rng, seed, g);
        rng_shuffle(&rng, s->order + s->start[g], s->start[g + 1] - s->start[g]);
    }
}

/* ---- sides --------------------------------------------------------------------------- */

/* Rows with side[row] != 0 are the test. */
static int from_marks(const uint8_t *test, size_t n_rows, struct split *ret, struct err *e)
{
    struct split s = { 0 };

    for (size_t i = 0; i < n_rows; i++) s.n_test += test[i] == 1;
    for (size_t i = 0; i < n_rows; i++) s.n_train += test[i] == 0;
    if (!s.n_test || !s.n_train)
        return err_set(e, ERR_INVALID, "the split leaves no rows to %s: %zu rows are too few",
                       s.n_test ? "train on" : "measure on", n_rows);
    s.train = mem_try(s.n_train, sizeof *s.train);
    s.test = mem_try(s.n_test, sizeof *s.test);
    if (!s.train || !s.test) {
        split_done(&s);
        return no_memory(n_rows, e);
    }
    for (size_t i = 0, a = 0, b = 0; i < n_rows; i++) {
        if (test[i] == 1) s.test[b++] = (uint32_t)i;
        else if (test[i] == 0) s.train[a++] = (uint32_t)i;
    }
    *ret = s;
    return 0;
}

/* How many rows of each group go to the test: floor of the share, and the rows that are
 * missing from the total to the groups with the largest remainders (ties: first group). */
static int share_out(const struct strata *s, double share, size_t total, size_t *take)
{
    struct row_key *rest = mem_try(s->groups + 1, sizeof *rest);
    size_t given = 0;

    if (!rest) return -ERR_NOMEM;
    for (size_t g = 0; g < s->groups; g++) {
        double part = share * (double)(s->start[g + 1] - s->start[g]);
        take[g] = (size_t)part;
        given += take[g];
        rest[g] = (struct row_key){ .key = (double)take[g] - part, .row = (uint32_t)g };
    }
    qsort(rest, s->groups, sizeof *rest, by_key);
    for (size_t i = 0; i < s->groups && given < total; i++, given++) take[rest[i].row]++;
    free(rest);
    return 0;
}

/* Cut of time-sorted rows nearest to `at` that does not separate equal times. */
static size_t time_cut(const struct row_key *k, size_t n, size_t at, bool rows_are_time)
{
    size_t lo = at, hi = at;

    if (rows_are_time || at == 0 || at >= n) return at;
    while (lo > 0 && k[lo - 1].key == k[at].key) lo--;
    while (hi < n && k[hi].key == k[at - 1].key) hi++;
    if (lo == at || hi == at) return at;
    if (lo == 0) return hi;
    return at - lo <= hi - at || hi == n ? lo : hi;
}

static int check_by(enum split_kind kind, const struct column *by, struct err *e)
{
    if (kind == SPLIT_STRATIFIED && !by)
        return err_set(e, ERR_INVALID, "a stratified split needs a column to stratify by");
    if (kind == SPLIT_TIME && by && col_is_coded(by->type))
        return err_set(e, ERR_INVALID, "column %s is %s: a split by time needs times or numbers",
                       by->name, col_type_name(by->type));
    return 0;
}

static int holdout_by_time(size_t n_rows, double share, const struct column *by, uint8_t *test,
                           struct err *e)
{
    struct row_key *k = sort_rows(n_rows, by);
    size_t cut = n_rows - (size_t)lround(share * (double)n_rows);

    if (!k) return no_memory(n_rows, e);
    cut = time_cut(k, n_rows, cut, !by);
    for (size_t i = cut; i < n_rows; i++) test[k[i].row] = 1;
    free(k);
    return 0;
}

static int holdout_by_chance(size_t n_rows, enum split_kind kind, double share,
                             const struct column *by, uint64_t seed, uint8_t *test, struct err *e)
{
    struct strata s;
    size_t total = (size_t)lround(share * (double)n_rows), *take;
    int r = make_strata(n_rows, kind, by, &s, e);

    if (r < 0) return r;
    shuffle_groups(&s, seed);
    take = mem_try_zero(s.groups + 1, sizeof *take);
    if (take && share_out(&s, share, total, take) == 0) {
        for (size_t g = 0; g < s.groups; g++)
            for (size_t i = 0; i < take[g]; i++) test[s.order[s.start[g] + i]] = 1;
    } else {
        r = no_memory(n_rows, e);
    }
    free(take);
    strata_done(&s);
    return r;
}

int split_holdout(size_t n_rows, enum split_kind kind, double share, const struct column *by,
                  uint64_t seed, struct split *ret, struct err *e)
{
    MEM_AUTO uint8_t *test = NULL;
    int r = check_by(kind, by, e);

    if (r < 0) return r;
    if (!(share > 0 && share < 1))
        return err_set(e, ERR_INVALID, "holdout share %g is not between 0 and 1", share);
    if (n_rows > UINT32_MAX) return err_set(e, ERR_LIMIT, "%zu rows are too many", n_rows);
    test = mem_try_zero(n_rows + 1, 1);
    if (!test) return no_memory(n_rows, e);
    if (kind == SPLIT_TIME) r = holdout_by_time(n_rows, share, by, test, e);
    else r = holdout_by_chance(n_rows, kind, share, by, seed, test, e);
    return r < 0 ? r : from_marks(test, n_rows, ret, e);
}

/* ---- folds --------------------------------------------------------------------------- */

/* Deals the shuffled rows to the folds in turn, going on from group to group, so that the
 * sizes of folds differ by one at most. fold_of gets the fold of every row. */
static int deal_folds(size_t n_rows, enum split_kind kind, int k, const struct column *by,
                      uint64_t seed, uint32_t *fold_of, struct err *e)
{
    struct strata s;
    int r = make_strata(n_rows, kind, by, &s, e);

    if (r < 0) return r;
    shuffle_groups(&s, seed);
    for (size_t i = 0; i < n_rows; i++) fold_of[s.order[i]] = (uint32_t)(i % (size_t)k);
    strata_done(&s);
    return 0;
}

/* Blocks 0..k of consecutive times; equal times are in one block. */
static int cut_blocks(size_t n_rows, int k, const struct column *by, uint32_t *block_of,
                      struct err *e)
{
    struct row_key *keys = sort_rows(n_rows, by);
    size_t blocks = (size_t)k + 1, from = 0;

    if (!keys) return no_memory(n_rows, e);
    for (size_t b = 0; b < blocks; b++) {
        size_t to = time_cut(keys, n_rows, (b + 1) * n_rows / blocks, !by);
        for (size_t i = from; i < to; i++) block_of[keys[i].row] = (uint32_t)b;
        if (to > from) from = to;
    }
    free(keys);
    return 0;
}

static void mark_fold(enum split_kind kind, const uint32_t *part, size_t n_rows, uint32_t fold,
                      uint8_t *test)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (kind == SPLIT_TIME)
            test[i] = part[i] == fold + 1 ? 1 : part[i] <= fold ? 0 : 2; /* 2: not used */
        else test[i] = part[i] == fold;
    }
}

int split_folds(size_t n_rows, enum split_kind kind, int k, const struct column *by, uint64_t seed,
                struct split *ret, struct err *e)
{
    MEM_AUTO uint32_t *part = NULL;
    MEM_AUTO uint8_t *test = NULL;
    int r = check_by(kind, by, e);

    if (r < 0) return r;
    if (k < 2 || (size_t)k > n_rows)
        return err_set(e, ERR_INVALID, "%d folds of %zu rows: need 2 folds at least and a row each",
                       k, n_rows);
    if (n_rows > UINT32_MAX) return err_set(e, ERR_LIMIT, "%zu rows are too many", n_rows);
    part = mem_try_zero(n_rows, sizeof *part);
    test = mem_try_zero(n_rows, 1);
    if (!part || !test) return no_memory(n_rows, e);
    r = kind == SPLIT_TIME ? cut_blocks(n_rows, k, by, part, e)
                           : deal_folds(n_rows, kind, k, by, seed, part, e);
    for (int i = 0; r == 0 && i < k; i++) {
        mark_fold(kind, part, n_rows, (uint32_t)i, test);
        r = from_marks(test, n_rows, &ret[i], e);
        if (r < 0)
            while (i-- > 0) split_done(&ret[i]);
    }
    return r;
}
