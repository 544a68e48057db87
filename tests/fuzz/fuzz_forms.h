/* fuzz_forms.h: what the fuzz targets of model files do with a file: take it over, and when it
 * is one, ask the model everything that can be asked of one. Reading a file may neither take
 * seconds nor gigabytes. */
#pragma once
#include "app/modelform.h"
#include "base/mem.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FUZZ_CPU_SECONDS = 30, FUZZ_ARENA_MAX = 1 << 30, FUZZ_ROWS = 4, FUZZ_MAX_D = 4000 };

static inline void fuzz_demand(bool truth)
{
    if (!truth) abort();
}

/* The process is killed when what follows takes too long; 0 ends that. */
static inline void fuzz_limit(int seconds)
{
    const struct itimerval t = { .it_value.tv_sec = seconds };

    setitimer(ITIMER_PROF, &t, NULL);
}

/* Rows of numbers a model may meet: missing, negative, huge, infinite, codes. */
static inline void fuzz_row(const struct model *m, size_t row, double *x)
{
    static const double odd[] = { 0, -1, 1, 2.5, 1e300, -1e300, HUGE_VAL, -HUGE_VAL, 4095, 65536 };

    for (size_t i = 0; i < model_features(m); i++) {
        size_t k = (i * 7 + row * 3) % (ARRAY_LEN(odd) + 1);
        x[i] = k < ARRAY_LEN(odd) ? odd[k] : (double)NAN;
    }
}

static inline void fuzz_ask(const struct model *m)
{
    size_t d = model_features(m), k = (size_t)model_outputs(m);
    MEM_AUTO double *x = mem_zalloc(d + 1, sizeof *x);
    MEM_AUTO double *out = mem_zalloc(k + d + 1, sizeof *out);
    MEM_AUTO double *scratch = mem_zalloc(model_scratch(m) + 1, sizeof *scratch);

    for (size_t row = 0; row < FUZZ_ROWS; row++) {
        fuzz_row(m, row, x);
        model_predict_row(m, x, scratch, out);
        fuzz_demand(model_decide(m, out) < model_classes(m) + (model_classes(m) == 0));
    }
    model_importance(m, out);
    for (size_t i = 0; i < d; i++) fuzz_demand(!(model_code(m, i, "x", 1) < 0));
}

/* What was taken over can be kept: written and read again, also in the forms of others. */
static inline void fuzz_keep(const struct model *m)
{
    static const char *const formats[] = { "lightgbm", "xgboost-json", "onnx" };
    struct model *again = NULL;
    STR_AUTO bytes = STR_INIT;

    fuzz_demand(modelform_save(m, &bytes, NULL) == 0);
    fuzz_demand(model_open(bytes.p, bytes.len, &again, NULL) == 0);
    fuzz_demand(model_features(again) == model_features(m));
    model_free(again);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct err e = ERR_INIT;
        STR_AUTO other = STR_INIT;
        str_addn(&other, bytes.p, bytes.len);
        fuzz_demand(modelform_write(&other, formats[i], &e) == 0 || e.msg[0]);
    }
}

/* format NULL: our own. The file is a copy of its own size: one byte too many is seen. */
static inline int fuzz_form(const char *format, const void *data, size_t n)
{
    const struct modelform_wish wish = { .format = format };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct str file = { mem_alloc(n + 1), n, n + 1 };
    struct model *m = NULL;
    const char *found;

    memcpy(file.p, data, n);
    file.p[n] = '\0';
    fuzz_limit(FUZZ_CPU_SECONDS);
    int rc =
        format ? modelform_read(&a, &file, &wish, &m, &found, &e) : model_open(file.p, n, &m, &e);
    fuzz_demand(rc == 0 ? m != NULL : rc == -(int)e.kind && e.msg[0]);
    fuzz_demand(a.used < FUZZ_ARENA_MAX);
    if (rc == 0) {
        fuzz_ask(m);
        if (model_features(m) <= FUZZ_MAX_D) fuzz_keep(m);
    }
    fuzz_limit(0);
    model_free(m);
    arena_done(&a);
    str_done(&file);
    return 0;
}
