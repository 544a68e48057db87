/* functions.h: the functions on which samplers are compared, as sweeps: Branin, Hartmann in six
 * dimensions, Rosenbrock and Ackley in five, and one over mixed parameters. Minima are known, so
 * what is printed are regrets: the best value found less the minimum. tests/peers/optuna_regret.py
 * has the same functions. */
#pragma once
#include "engine/search/search.h"

#include <math.h>
#include <string.h>

struct test_function {
    const char *name, *parameters; /* JSON */
    double (*value)(const struct val *p);
    double minimum;
};

static inline double at(const struct val *p, const char *key)
{
    return val_get_real(p, key, 0);
}

static inline void vector(const struct val *p, double *x, int n)
{
    static const char *const keys[] = { "x0", "x1", "x2", "x3", "x4", "x5" };

    for (int i = 0; i < n; i++) x[i] = at(p, keys[i]);
}

static inline double branin(const struct val *p)
{
    double x = at(p, "x0"), y = at(p, "x1");
    double t = y - 5.1 / (4 * M_PI * M_PI) * x * x + 5 / M_PI * x - 6;

    return t * t + 10 * (1 - 1 / (8 * M_PI)) * cos(x) + 10;
}

static inline double hartmann6(const struct val *p)
{
    static const double alpha[4] = { 1, 1.2, 3, 3.2 };
    static const double a[4][6] = { { 10, 3, 17, 3.5, 1.7, 8 },
                                    { 0.05, 10, 17, 0.1, 8, 14 },
                                    { 3, 3.5, 1.7, 10, 17, 8 },
                                    { 17, 8, 0.05, 10, 0.1, 14 } };
    static const double c[4][6] = { { 0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886 },
                                    { 0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991 },
                                    { 0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650 },
                                    { 0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381 } };
    double x[6], sum = 0;

    vector(p, x, 6);
    for (int i = 0; i < 4; i++) {
        double r = 0;
        for (int j = 0; j < 6; j++) r += a[i][j] * (x[j] - c[i][j]) * (x[j] - c[i][j]);
        sum -= alpha[i] * exp(-r);
    }
    return sum;
}

static inline double rosenbrock5(const struct val *p)
{
    double x[5], sum = 0;

    vector(p, x, 5);
    for (int i = 0; i < 4; i++)
        sum += 100 * (x[i + 1] - x[i] * x[i]) * (x[i + 1] - x[i] * x[i]) + (1 - x[i]) * (1 - x[i]);
    return sum;
}

static inline double ackley5(const struct val *p)
{
    double x[5], squares = 0, waves = 0;

    vector(p, x, 5);
    for (int i = 0; i < 5; i++) {
        squares += x[i] * x[i] / 5;
        waves += cos(2 * M_PI * x[i]) / 5;
    }
    return -20 * exp(-0.2 * sqrt(squares)) - exp(waves) + 20 + exp(1);
}

/* As a learner might answer: a learning rate, a penalty, a depth, a kind; minimum 0. */
static inline double mixed(const struct val *p)
{
    static const char *const kinds[] = { "a", "b", "c", "d" };
    static const double penalty[] = { 0.6, 0, 0.3, 1 };
    double rate = log10(at(p, "rate") / 0.01), l2 = log10(at(p, "l2") / 0.001);
    double size = log2(at(p, "size") / 32);
    const char *kind = val_get_str(p, "kind", "");
    double sum = rate * rate + 0.5 * l2 * l2 + 0.3 * size * size;

    for (int i = 0; i < 4; i++)
        if (!strcmp(kind, kinds[i])) sum += penalty[i] * (1 + 0.5 * fabs(rate));
    return sum;
}

#define BOX(i, lo, hi) "\"x" #i "\":{\"min\":" #lo ",\"max\":" #hi ",\"distribution\":\"uniform\"}"
static const struct test_function functions[] = {
    { "branin", "{" BOX(0, -5, 10) "," BOX(1, 0, 15) "}", branin, 0.39788735772973816 },
    { "hartmann6",
      "{" BOX(0, 0, 1) "," BOX(1, 0, 1) "," BOX(2, 0, 1) "," BOX(3, 0, 1) "," BOX(4, 0, 1) "," BOX(
          5, 0, 1) "}",
      hartmann6, -3.322368011415512 },
    { "rosenbrock5",
      "{" BOX(0, -2, 2) "," BOX(1, -2, 2) "," BOX(2, -2, 2) "," BOX(3, -2, 2) "," BOX(4, -2, 2) "}",
      rosenbrock5, 0 },
    { "ackley5",
      "{" BOX(0, -32.768, 32.768) "," BOX(1, -32.768, 32.768) "," BOX(2, -32.768, 32.768) "," BOX(
          3, -32.768, 32.768) "," BOX(4, -32.768, 32.768) "}",
      ackley5, 0 },
    { "mixed",
      "{\"rate\":{\"distribution\":\"log_uniform_values\",\"min\":1e-5,\"max\":1},"
      "\"l2\":{\"distribution\":\"log_uniform_values\",\"min\":1e-6,\"max\":10},"
      "\"size\":{\"distribution\":\"q_log_uniform_values\",\"min\":1,\"max\":1024,\"q\":1},"
      "\"kind\":{\"values\":[\"a\",\"b\",\"c\",\"d\"]}}",
      mixed, 0 },
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0], TRIALS_MAX = 1000, DIMS = 8 };

struct search_run {
    struct arena arena;
    struct space space;
    double u[TRIALS_MAX][DIMS];
    struct search_trial trials[TRIALS_MAX];
    double best[TRIALS_MAX]; /* regret after each trial */
};
