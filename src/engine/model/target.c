/* target.c: see target.h. A column is first reduced to its labels (up to a limit), then the
 * task is chosen, then the labels get their order. Labels are compared by their text, so that
 * a test file in which 0 and 1 were read as another type of number still fits. */
#include "engine/model/target.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANY             (TARGET_MAX_CLASSES + 1)
#define FEW_INTEGERS     20
#define ROWS_PER_INTEGER 5

/* The different values of a column, at most MANY; texts are owned. */
struct labels {
    size_t n;       /* MANY: that many or more */
    size_t present; /* rows with a value */
    bool integral;  /* numbers: all of them whole */
    double *number; /* numbers: ascending */
    char **text;    /* in class order */
};

void target_done(struct target *t)
{
    free(t->name);
    dict_unref(t->classes);
    *t = (struct target){ 0 };
}

struct target target_copy(const struct target *t)
{
    struct target c = *t;

    c.name = mem_strdup(t->name);
    if (t->classes) c.classes = dict_ref(t->classes);
    return c;
}

int target_n_classes(const struct target *t)
{
    return t->classes ? (int)dict_len(t->classes) : 0;
}

static void labels_done(struct labels *l)
{
    for (size_t i = 0; l->text && i < l->n; i++) free(l->text[i]);
    free(l->text);
    free(l->number);
}

/* Position of v in the ascending numbers, or where it would be. */
static size_t position(const struct labels *l, double v)
{
    size_t lo = 0, hi = l->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->number[mid] < v) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static void collect_numbers(const struct column *c, size_t n_rows, struct labels *l)
{
    l->integral = true;
    l->number = mem_zalloc(MANY, sizeof *l->number);
    for (size_t i = 0; i < n_rows; i++) {
        double v = c->num[i] + 0.0; /* -0 is 0 */
        size_t at;
        if (!isfinite(v)) continue;
        l->present++;
        l->integral = l->integral && v == trunc(v);
        if (l->n == MANY) continue;
        at = position(l, v);
        if (at < l->n && l->number[at] == v) continue;
        memmove(l->number + at + 1, l->number + at, (l->n - at) * sizeof *l->number);
        l->number[at] = v;
        l->n++;
    }
    if (l->n == MANY) return;
    l->text = mem_zalloc(l->n + 1, sizeof *l->text);
    for (size_t i = 0; i < l->n; i++) {
        struct column one = { .type = c->type, .num = &l->number[i] };
        char buf[40];
        l->text[i] = mem_strdup(column_text(&one, 0, buf));
    }
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect_texts(const struct column *c, size_t n_rows, struct labels *l)
{
    size_t levels = dict_len(c->dict);
    bool *seen = mem_zalloc(levels + 1, sizeof *seen);

    l->text = mem_zalloc(MANY, sizeof *l->text);
    for (size_t i = 0; i < n_rows; i++) {
        int32_t code = c->code[i];
        if (code < 0) continue;
        l->present++;
        if (seen[code] || l->n == MANY) continue;
        seen[code] = true;
        l->text[l->n++] = mem_strdup(dict_str(c->dict, code, NULL));
    }
    qsort(l->text, l->n, sizeof *l->text, by_bytes);
    free(seen);
}

/* The task the column itself suggests. */
static enum task suggest(const struct column *c, const struct labels *l, unsigned known)
{
    bool number = c->type == COL_INT || c->type == COL_REAL;

    if (number && known == TASK_REGRESSION) return TASK_REGRESSION;
    if (!number) return l->n == 2 ? TASK_BINARY : TASK_MULTICLASS;
    if (l->n == 2 && (c->type == COL_INT || (l->number[0] == 0 && l->number[1] == 1)))
        return TASK_BINARY;
    if (c->type == COL_INT && l->n >= 3 && l->n <= FEW_INTEGERS &&
        l->present >= ROWS_PER_INTEGER * l->n)
        return TASK_MULTICLASS;
    return TASK_REGRESSION;
}

static int check_task(const struct column *c, const struct labels *l, enum task task,
                      const struct learner *learner, struct err *e)
{
    if (!(learner->tasks & (unsigned)task)) {
        err_set(e, ERR_INVALID, "%s does not do %s, which target column %s asks for", learner->name,
                task_name(task), c->name);
        return err_hint(e, "choose another algorithm, or say --task");
    }
    if (task == TASK_REGRESSION) {
        if (!col_is_coded(c->type)) return 0;
        return err_set(e, ERR_INVALID, "target column %s is %s: regression needs numbers", c->name,
                       col_type_name(c->type));
    }
    if (task == TASK_BINARY && l->n != 2)
        return err_set(e, ERR_INVALID, "target column %s has %s%zu labels: binary needs two",
                       c->name, l->n == MANY ? "at least " : "", l->n);
    if (l->n > TARGET_MAX_CLASSES)
        return err_set(e, ERR_INVALID, "target column %s has more than %d labels", c->name,
                       TARGET_MAX_CLASSES);
    return 0;
}

/* Moves the positive label to the end. */
static int place_positive(const struct column *c, const struct labels *l, const char *positive,
                          struct err *e)
{
    if (!positive || !strcmp(l->text[1], positive)) return 0;
    if (strcmp(l->text[0], positive) != 0) {
        err_set(e, ERR_INVALID, "target column %s has no label %s", c->name, positive);
        return err_hint(e, "its labels are %s and %s", l->text[0], l->text[1]);
    }
    char *t = l->text[0];
    l->text[0] = l->text[1];
    l->text[1] = t;
    return 0;
}

static int choose(const struct column *c, const struct labels *l, const struct target_wish *wish,
                  struct target *t, struct err *e)
{
    int r;

    if (!l->n) return err_set(e, ERR_INVALID, "target column %s has no values", c->name);
    if (l->n == 1)
        return err_set(e, ERR_INVALID, "target column %s has one value only: nothing to learn",
                       c->name);
    if (wish->task && !task_parse(wish->task, &t->task))
        return err_set(e, ERR_INVALID, "there is no task %s", wish->task);
    if (!wish->task) t->task = suggest(c, l, wish->learner->tasks);
    r = check_task(c, l, t->task, wish->learner, e);
    if (r < 0) return r;
    if (wish->positive && t->task != TASK_BINARY)
        return err_set(e, ERR_INVALID, "a positive label was named, but the task is %s",
                       task_name(t->task));
    if (t->task == TASK_BINARY) r = place_positive(c, l, wish->positive, e);
    if (r < 0 || t->task == TASK_REGRESSION) return r;
    t->classes = dict_new();
    for (size_t i = 0; i < l->n; i++) dict_add(t->classes, l->text[i], strlen(l->text[i]));
    return 0;
}

int target_fit(const struct column *c, size_t n_rows, const struct target_wish *wish,
               struct target *ret, struct err *e)
{
    struct labels l = { 0 };
    struct target t = { .type = c->type };
    int r;

    if (c->type == COL_TIME)
        return err_set(e, ERR_INVALID, "target column %s is a timestamp", c->name);
    if (col_is_coded(c->type)) collect_texts(c, n_rows, &l);
    else collect_numbers(c, n_rows, &l);
    r = choose(c, &l, wish, &t, e);
    labels_done(&l);
    if (r < 0) return r;
    t.name = mem_strdup(c->name);
    *ret = t;
    return 0;
}

void target_found(const struct learner *l, const struct val *params, struct target *ret)
{
    size_t n;
    const char *const *names = l->groups(params, &n);

    *ret = (struct target){ .name = mem_strdup(l->finds),
                            .type = COL_CATEGORY,
                            .task = (enum task)l->tasks,
                            .classes = dict_new() };
    for (size_t i = 0; i < n; i++) {
        STR_AUTO number = STR_INIT;
        str_addf(&number, "%zu", i);
        const char *name = names ? names[i] : str_c(&number);
        dict_add(ret->classes, name, strlen(name));
    }
}

/* ---- encoding ------------------------------------------------------------------------ */

static double class_of(const struct target *t, const char *s)
{
    int32_t code = dict_find(t->classes, s, strlen(s));

    return code < 0 ? (double)NAN : (double)code;
}

static int encode_codes(const struct target *t, const struct column *c, size_t n_rows, double *out,
                        struct err *e)
{
    size_t n = dict_len(c->dict);
    MEM_AUTO double *map = mem_try(n + 1, sizeof *map);

    if (!map) return err_set(e, ERR_NOMEM, "no memory for the labels of column %s", c->name);
    map[0] = (double)NAN;
    for (size_t i = 0; i < n; i++) map[i + 1] = class_of(t, dict_str(c->dict, (int32_t)i, NULL));
    for (size_t i = 0; i < n_rows; i++) out[i] = map[c->code[i] + 1];
    return 0;
}

static void encode_numbers(const struct target *t, const struct column *c, size_t n_rows,
                           double *out)
{
    char buf[40];

    for (size_t i = 0; i < n_rows; i++) {
        if (i > 0 && c->num[i] == c->num[i - 1]) out[i] = out[i - 1];
        else out[i] = isnan(c->num[i]) ? (double)NAN : class_of(t, column_text(c, i, buf));
    }
}

int target_encode(const struct target *t, const struct frame *f, double *out, struct err *e)
{
    const struct column *c = frame_col(f, t->name);

    if (!c) return err_set(e, ERR_INVALID, "the data have no column %s, the target", t->name);
    if (t->classes) {
        if (col_is_coded(c->type)) return encode_codes(t, c, f->n_rows, out, e);
        encode_numbers(t, c, f->n_rows, out);
        return 0;
    }
    if (col_is_coded(c->type) && column_missing(c, f->n_rows) < f->n_rows)
        return err_set(e, ERR_INVALID, "target column %s is %s here: regression needs numbers",
                       c->name, col_type_name(c->type));
    for (size_t i = 0; i < f->n_rows; i++)
        out[i] = !col_is_coded(c->type) && isfinite(c->num[i]) ? c->num[i] : (double)NAN;
    return 0;
}
