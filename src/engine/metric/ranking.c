/* ranking.c: metrics of the order of scores: ROC AUC and average precision.
 *
 * Both walk the rows by falling score, tie group by tie group. The AUC is the sum of trapezoids
 * of the ROC curve, so a tie counts half (Mann-Whitney); average precision is the step sum,
 * where a tie group is one step. */
#include "base/mem.h"
#include "engine/metric/fns.h"

#include <math.h>
#include <stdlib.h>

struct scored {
    double score, weight;
    bool positive;
};

static int by_falling_score(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;

    return (a->score < b->score) - (a->score > b->score);
}

/* NULL: no memory. */
static struct scored *ranked(const struct metric_input *in, size_t class)
{
    struct scored *s = mem_try(in->n + 1, sizeof *s);

    if (!s) return NULL;
    for (size_t i = 0; i < in->n; i++)
        s[i] = (struct scored){ metric_prob(in, i, class), metric_weight(in, i),
                                in->y[i] == (double)class };
    /* rows that come sorted, as those of a bootstrap do, cost one look */
    for (size_t i = 1; i < in->n; i++)
        if (s[i - 1].score < s[i].score) {
            qsort(s, in->n, sizeof *s, by_falling_score);
            break;
        }
    return s;
}

/* Adds the tie group that begins at `at`; returns its end. */
static size_t tie_group(const struct scored *s, size_t n, size_t at, double *tp, double *fp)
{
    double score = s[at].score;

    for (; at < n && s[at].score == score; at++) *(s[at].positive ? tp : fp) += s[at].weight;
    return at;
}

static double auc_of(const struct metric_input *in, size_t class)
{
    struct scored *s = ranked(in, class);
    double tp = 0, fp = 0, area = 0;

    if (!s) return (double)NAN;
    for (size_t i = 0; i < in->n;) {
        double tp0 = tp, fp0 = fp;
        i = tie_group(s, in->n, i, &tp, &fp);
        area += (fp - fp0) * (tp + tp0) / 2;
    }
    free(s);
    return tp > 0 && fp > 0 ? area / (tp * fp) : (double)NAN;
}

/* Multiclass: classes that do not occur, for which no curve exists, are left out of the mean. */
double metric_fn_auc(const struct metric_input *in)
{
    double sum = 0, classes = 0;

    if (in->task == TASK_BINARY) return auc_of(in, 1);
    for (size_t c = 0; c < (size_t)in->n_classes; c++) {
        double a = auc_of(in, c);
        if (isnan(a)) continue;
        sum += a;
        classes++;
    }
    return classes > 0 ? sum / classes : (double)NAN;
}

double metric_fn_average_precision(const struct metric_input *in)
{
    struct scored *s = ranked(in, 1);
    double tp = 0, fp = 0, sum = 0;

    if (!s) return (double)NAN;
    for (size_t i = 0; i < in->n;) {
        double tp0 = tp;
        i = tie_group(s, in->n, i, &tp, &fp);
        if (tp > tp0) sum += (tp - tp0) * (tp / (tp + fp));
    }
    free(s);
    return tp > 0 ? sum / tp : (double)NAN;
}
