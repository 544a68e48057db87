/* adwin.c: adaptive windowing (Bifet and Gavalda 2007, algorithm ADWIN2).
 *
 * The window is an exponential histogram: row r holds up to ROW buckets of 2^r values each,
 * oldest rows last, oldest bucket of a row first. Every `clock` values each boundary between
 * buckets is tried as a cut, the newest bucket of every row included; while two sides differ
 * by more than the bound, the oldest bucket is dropped. */
#include "engine/drift/detector.h"

#include <math.h>

#define ROW      5
#define MAX_ROWS 56
#define MIN_SIDE 5
#define GRACE    10

struct bucket {
    double sum, spread; /* spread: sum of squared deviations from the bucket's mean */
};

struct row {
    struct bucket b[ROW + 1];
    int n;
};

struct adwin {
    double delta;
    int64_t clock, ticks;
    double width, sum, spread; /* of the whole window */
    int n_rows;
    struct row rows[MAX_ROWS];
};

static const struct param params[] = {
    { .name = "delta", .type = PARAM_REAL, .dflt = "0.002", .min = 1e-12, .max = 0.5,
      .help = "confidence: false-alarm probability of one comparison" },
    { .name = "clock", .type = PARAM_INT, .dflt = "32", .min = 1, .max = 1e6,
      .help = "values between two looks" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct adwin *a = state;
    (void)seed;
    a->delta = val_get_real(p, "delta", 0.002);
    a->clock = val_get_int(p, "clock", 32);
    a->n_rows = 1;
}

static double row_size(int r)
{
    return ldexp(1, r);
}

/* Two oldest buckets of a full row become one of the next. */
static void compress(struct adwin *a)
{
    for (int r = 0; r < a->n_rows && a->rows[r].n == ROW + 1; r++) {
        struct row *row = &a->rows[r], *up = &a->rows[r + 1];
        if (r + 1 == MAX_ROWS) return; /* 2^56 values: never */
        if (r + 1 == a->n_rows) a->n_rows++;
        double n = row_size(r), gap = row->b[0].sum / n - row->b[1].sum / n;
        up->b[up->n++] = (struct bucket){
            row->b[0].sum + row->b[1].sum,
            row->b[0].spread + row->b[1].spread + n * gap * gap / 2,
        };
        for (int k = 2; k <= ROW; k++) row->b[k - 2] = row->b[k];
        row->n -= 2;
    }
}

static void insert(struct adwin *a, double x)
{
    if (a->width > 0) {
        double gap = x - a->sum / a->width;
        a->spread += a->width * gap * gap / (a->width + 1);
    }
    a->width++;
    a->sum += x;
    a->rows[0].b[a->rows[0].n++] = (struct bucket){ x, 0 };
    compress(a);
}

static void drop_oldest(struct adwin *a)
{
    struct row *row = &a->rows[a->n_rows - 1];
    double n = row_size(a->n_rows - 1), mean = row->b[0].sum / n;
    a->width -= n;
    a->sum -= row->b[0].sum;
    double gap = a->width > 0 ? mean - a->sum / a->width : 0;
    a->spread -= row->b[0].spread + n * a->width * gap * gap / (n + a->width);
    for (int k = 1; k < row->n; k++) row->b[k - 1] = row->b[k];
    if (--row->n == 0 && a->n_rows > 1) a->n_rows--;
}

static bool sides_differ(const struct adwin *a, double n0, double sum0)
{
    double n1 = a->width - n0;
    if (n0 < MIN_SIDE || n1 < MIN_SIDE) return false;
    double gap = fabs(sum0 / n0 - (a->sum - sum0) / n1);
    double log_term = log(2 * log(a->width) / a->delta);
    double m = 1 / (n0 - MIN_SIDE + 1) + 1 / (n1 - MIN_SIDE + 1);
    return gap > sqrt(2 * m * (a->spread / a->width) * log_term) + 2.0 / 3 * log_term * m;
}

/* Some cut, from the oldest boundary to the newest, separates two different means. */
static bool has_cut(const struct adwin *a)
{
    double n0 = 0, sum0 = 0;
    for (int r = a->n_rows - 1; r >= 0; r--)
        for (int k = 0; k < a->rows[r].n; k++) {
            n0 += row_size(r);
            sum0 += a->rows[r].b[k].sum;
            if (sides_differ(a, n0, sum0)) return true;
        }
    return false;
}

static enum detector_state add(void *state, double x)
{
    struct adwin *a = state;
    enum detector_state s = DETECTOR_STEADY;
    insert(a, x);
    if (++a->ticks % a->clock || a->width <= GRACE) return s;
    while (has_cut(a)) {
        s = DETECTOR_DRIFT;
        drop_oldest(a);
    }
    return s;
}

const struct detector detector_adwin = {
    .name = "adwin", .title = "adaptive windowing", .params = params,
    .help = "mean of any bounded stream when its level is unknown (Bifet and Gavalda 2007)",
    .size = sizeof(struct adwin), .start = start, .add = add,
};
