/* regret.c: how good the samplers are: regrets on known functions, as JSON lines, one a sampler
 * and function: mean and median over seeds at 20, 50, 100 and 200 trials with the regrets of the
 * seeds, ascending, and µs of processor time a suggestion. Arguments: SAMPLER SEEDS TRIALS
 * [FUNCTION]. */
#include "functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double one(const struct test_function *f, const struct sampler *s, uint64_t seed, int trials,
                  struct search_run *r)
{
    double spent = 0;
    struct err e = ERR_INIT;

    for (int i = 0; i < trials; i++) {
        struct search_past past = { r->trials, (size_t)i };
        struct arena a = ARENA_INIT;
        struct val *p = val_obj(&a);
        double t0 = cpu_us();
        if (s->suggest(&r->space, &past, seed, (uint64_t)i, r->u[i], &e) < 0) {
            fprintf(stderr, "%s\n", e.msg);
            exit(1);
        }
        spent += cpu_us() - t0;
        space_values(&r->space, &a, r->u[i], p);
        double v = f->value(p);
        r->trials[i] = (struct search_trial){ r->u[i], v, SEARCH_DONE, 0 };
        r->best[i] = fmin(i ? r->best[i - 1] : HUGE_VAL, v - f->minimum);
        arena_done(&a);
    }
    return spent / trials;
}

/* Regrets of the seeds after `trials` trials; sorted. */
static void print_mark(int trials, double *v, int seeds)
{
    double mean = 0;

    qsort(v, (size_t)seeds, sizeof *v, ascending);
    for (int s = 0; s < seeds; s++) mean += v[s] / seeds;
    printf(",\"mean_%d\":%.4g,\"median_%d\":%.4g,\"regrets_%d\":[", trials, mean, trials,
           (v[seeds / 2] + v[(seeds - 1) / 2]) / 2, trials);
    for (int s = 0; s < seeds; s++) printf("%s%.6g", s ? "," : "", v[s]);
    printf("]");
}

static void all(const struct test_function *f, const char *name, int seeds, int trials)
{
    static const int marks[] = { 20, 50, 100, 200 };
    static struct search_run r;
    double *v = calloc((size_t)seeds * 4, sizeof *v), us = 0;
    struct val *parameters;
    struct err e = ERR_INIT;

    if (!v || val_parse_json(&r.arena, f->parameters, strlen(f->parameters), &parameters, &e) < 0 ||
        space_parse(&r.arena, parameters, &r.space, &e) < 0) {
        fprintf(stderr, "%s: %s\n", f->name, e.msg);
        exit(1);
    }
    for (int s = 0; s < seeds; s++) {
        us += one(f, sampler_find(name), (uint64_t)s + 1, trials, &r) / seeds;
        for (int m = 0; m < 4 && marks[m] <= trials; m++) v[m * seeds + s] = r.best[marks[m] - 1];
    }
    printf("{\"function\":\"%s\",\"sampler\":\"%s\",\"seeds\":%d", f->name, name, seeds);
    for (int m = 0; m < 4 && marks[m] <= trials; m++) print_mark(marks[m], v + m * seeds, seeds);
    printf(",\"us\":%.1f}\n", us);
    fflush(stdout);
    arena_done(&r.arena);
    free(v);
}

int main(int argc, char **argv)
{
    int seeds = argc > 2 ? atoi(argv[2]) : 3, trials = argc > 3 ? atoi(argv[3]) : 100;

    if (argc < 2 || !sampler_find(argv[1]) || trials > TRIALS_MAX || seeds < 1) {
        fprintf(stderr, "usage: regret SAMPLER SEEDS TRIALS [FUNCTION]\n");
        return 2;
    }
    for (int i = 0; i < FUNCTIONS; i++)
        if (argc < 5 || !strcmp(argv[4], functions[i].name))
            all(&functions[i], argv[1], seeds, trials);
    return 0;
}
