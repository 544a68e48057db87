/* fmt.c: see fmt.h. The table of metrics orders what is shown first where there is room for one
 * number only, and says which direction is good, so that an arrow never praises a higher loss. */
#include "views/fmt.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct metric_info metrics[] = {
    { "auc", true },
    { "accuracy", true },
    { "f1", true },
    { "rmse", false },
    { "r2", true },
    { "mae", false },
    { "log_loss", false },
    { "brier", false },
    { "balanced_accuracy", true },
    { "precision", true },
    { "recall", true },
    { "mcc", true },
    { "average_precision", true },
    { "ece", false },
    { "mape", false },
};
static const struct metric_info unknown_metric = { "", true };

const struct metric_info *metric_info(const char *name)
{
    const char *base = str_starts(name, "train_") ? name + 6 : name;
    if (str_starts(base, "valid_")) base += 6;
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (str_eq(metrics[i].name, base)) return &metrics[i];
    static const struct metric_info lower = { "", false };
    return strstr(base, "loss") || strstr(base, "error") ? &lower : &unknown_metric;
}

const char *metric_main(const struct val *m)
{
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (val_has(m, metrics[i].name)) return metrics[i].name;
    return val_len(m) ? val_key(m, 0) : NULL;
}

static const char *set(char *buf, const char *s)
{
    snprintf(buf, FMT_LEN, "%s", s);
    return buf;
}

const char *fmt_metric(char buf[FMT_LEN], double v)
{
    double a = fabs(v);
    if (!isfinite(v)) return set(buf, "–");
    if (a != 0 && (a < 1e-4 || a >= 1e7)) snprintf(buf, FMT_LEN, "%.2g", v);
    else if (a < 10) snprintf(buf, FMT_LEN, "%.4f", v);
    else if (a < 1000) snprintf(buf, FMT_LEN, "%.2f", v);
    else snprintf(buf, FMT_LEN, "%.0f", v);
    return buf;
}

const char *fmt_delta(char buf[FMT_LEN], double d)
{
    char num[FMT_LEN];
    if (!isfinite(d)) return set(buf, "–");
    fmt_metric(num, fabs(d));
    snprintf(buf, FMT_LEN, "%s%.30s", d < 0 ? "−" : "+", num);
    return buf;
}

const char *fmt_count(char buf[FMT_LEN], int64_t n)
{
    long long v = n;
    if (v < 0) snprintf(buf, FMT_LEN, "%lld", v);
    else if (v >= 1000000) snprintf(buf, FMT_LEN, "%.2fM", (double)v / 1e6);
    else if (v >= 1000) snprintf(buf, FMT_LEN, "%lld,%03lld", v / 1000, v % 1000);
    else snprintf(buf, FMT_LEN, "%lld", v);
    return buf;
}

const char *fmt_bytes(char buf[FMT_LEN], int64_t n)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    double v = (double)n;
    size_t u = 0;
    while (v >= 1000 && u + 1 < ARRAY_LEN(units)) {
        v /= 1000;
        u++;
    }
    snprintf(buf, FMT_LEN, u && v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
    return buf;
}

const char *fmt_duration(char buf[FMT_LEN], double s)
{
    if (!isfinite(s) || s < 0) return set(buf, "–");
    long long t = (long long)s;
    if (s < 10) snprintf(buf, FMT_LEN, "%.2fs", s);
    else if (t < 60) snprintf(buf, FMT_LEN, "%llds", t);
    else if (t < 3600) snprintf(buf, FMT_LEN, "%lldm%02llds", t / 60, t % 60);
    else if (t < 86400) snprintf(buf, FMT_LEN, "%lldh%02lldm", t / 3600, t / 60 % 60);
    else snprintf(buf, FMT_LEN, "%lldd%02lldh", t / 86400, t / 3600 % 24);
    return buf;
}

const char *fmt_age(char buf[FMT_LEN], const char *rfc3339, int64_t now_us)
{
    int64_t t;
    if (!rfc3339 || !clock_parse(rfc3339, strlen(rfc3339), &t)) return set(buf, "–");
    int64_t age = (now_us - t) / 1000000;
    if (age < 60) return set(buf, "now"); /* a text that ticks every second would move */
    if (age < 3600) snprintf(buf, FMT_LEN, "%lldm", (long long)age / 60);
    else if (age < 2 * 86400) snprintf(buf, FMT_LEN, "%lldh", (long long)age / 3600);
    else snprintf(buf, FMT_LEN, "%lldd", (long long)age / 86400);
    return buf;
}

const char *fmt_ago(char buf[FMT_LEN], const char *rfc3339, int64_t now_us)
{
    char age[FMT_LEN];
    fmt_age(age, rfc3339, now_us);
    bool plain = str_eq(age, "now") || str_eq(age, "–");
    snprintf(buf, FMT_LEN, "%.20s%s", age, plain ? "" : " ago");
    return buf;
}

const char *fmt_time(char buf[FMT_LEN], const char *rfc3339)
{
    if (!rfc3339 || strlen(rfc3339) < 16) return set(buf, "–");
    snprintf(buf, FMT_LEN, "%.10s %.5s", rfc3339, rfc3339 + 11);
    return buf;
}

const char *fmt_id(char buf[FMT_LEN], const char *id)
{
    /* Run ids are random from the start; ULIDs begin with the time and differ at the end. */
    size_t n = id ? strlen(id) : 0;
    if (n == 0) return set(buf, "–");
    snprintf(buf, FMT_LEN, "%.8s", n == 26 ? id + 18 : id);
    return buf;
}

const char *fmt_percent(char buf[FMT_LEN], double fraction)
{
    if (!isfinite(fraction)) return set(buf, "–");
    snprintf(buf, FMT_LEN, "%3.0f %%", floor(fraction * 100 + 1e-9));
    return buf;
}

const struct val *fmt_path(const struct val *v, const char *path)
{
    while (v && path) {
        const struct val *whole = val_get(v, path);
        if (whole) return whole;
        const char *dot = strchr(path, '.');
        if (!dot) return NULL;
        char key[128];
        snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
        v = val_get(v, key);
        path = dot + 1;
    }
    return v;
}

static const char *fmt_known(char buf[FMT_LEN], const struct val *v, const char *format,
                             int64_t now_us)
{
    if (str_eq(format, "time")) return fmt_time(buf, val_as_str(v, NULL));
    if (str_eq(format, "stamp")) {
        fmt_time(buf, val_as_str(v, NULL));
        if (strlen(buf) == 16) memmove(buf, buf + 5, 12); /* without the year */
        return buf;
    }
    if (str_eq(format, "age")) return fmt_age(buf, val_as_str(v, NULL), now_us);
    if (str_eq(format, "bytes")) return fmt_bytes(buf, val_as_int(v, 0));
    if (str_eq(format, "real")) return fmt_metric(buf, val_as_real(v, NAN));
    if (str_eq(format, "percent")) return fmt_percent(buf, val_as_real(v, NAN));
    if (str_eq(format, "duration")) return fmt_duration(buf, val_as_real(v, NAN));
    if (str_eq(format, "count")) return fmt_count(buf, val_as_int(v, 0));
    if (str_eq(format, "id")) return fmt_id(buf, val_as_str(v, NULL));
    return NULL;
}

const char *fmt_val(char *buf, size_t cap, const struct val *v, const char *format, int64_t now_us)
{
    char small[FMT_LEN];
    const char *known = NULL;
    if (val_type(v) == VAL_NULL) {
        snprintf(buf, cap, "–");
        return buf;
    }
    if (format) known = fmt_known(small, v, format, now_us);
    if (!known && val_type(v) == VAL_REAL) known = fmt_metric(small, val_as_real(v, NAN));
    if (known) {
        snprintf(buf, cap, "%s", known);
        return buf;
    }
    STR_AUTO s = STR_INIT;
    val_write_text(&s, v);
    size_t n = s.len < cap ? s.len : cap - 1;
    memcpy(buf, str_c(&s), n);
    buf[n] = '\0';
    return buf;
}
