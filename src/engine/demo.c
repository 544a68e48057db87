/* demo.c: card transactions out of nothing but a seed.
 *
 * A transaction is drawn from what cardholders do (daily rhythm, typical amounts, channels,
 * places), then a risk score is computed from it and fraud is drawn with the probability the
 * score gives. Part of the score is a sum a linear model can learn; the larger part are
 * patterns that only combinations of columns show (see score()), so that trees are visibly
 * better. The score's offset is found on a pilot sample at shift 0, so that fraud_rate holds
 * there and drift moves it as it would in life. Rows are drawn in order from one generator:
 * more rows with the same seed begin with the same rows. Numbers are rounded to what a bank
 * would store, which also hides differences of math libraries. */
#include "engine/demo.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_RATE 0.03
#define PILOT_ROWS   20000
#define PILOT_SEED   20240229
#define MEAN_GAP_S   120.0

struct choice {
    const char *name;
    double share;   /* of transactions; shares of a list sum to 1 */
    double drifted; /* the same at shift 1 */
    double value;   /* merchants: typical amount, relative; others: risk */
    double risk;
};

static const struct choice merchants[] = {
    { "grocery", 0.30, 0.22, 0.8, -0.5 },    { "restaurant", 0.18, 0.12, 0.7, -0.4 },
    { "fuel", 0.12, 0.08, 1.0, -0.2 },       { "clothing", 0.12, 0.13, 1.3, 0.0 },
    { "electronics", 0.09, 0.15, 3.0, 0.7 }, { "travel", 0.07, 0.06, 5.0, 0.4 },
    { "pharmacy", 0.07, 0.06, 0.5, -0.4 },   { "gaming", 0.05, 0.18, 0.9, 0.9 },
};
static const struct choice countries[] = {
    { "DE", 0.55, 0.45, 0, 0.0 }, { "FR", 0.12, 0.10, 0, 0.0 }, { "NL", 0.10, 0.08, 0, 0.0 },
    { "IT", 0.08, 0.07, 0, 0.1 }, { "PL", 0.06, 0.08, 0, 0.2 }, { "US", 0.05, 0.12, 0, 0.5 },
    { "BR", 0.04, 0.10, 0, 0.8 },
};
enum channel { CHIP, ONLINE, CONTACTLESS, ATM };
static const struct choice channels[] = {
    { "chip", 0.38, 0.22, 0, 0.0 },
    { "online", 0.32, 0.58, 0, 0.3 },
    { "contactless", 0.24, 0.15, 0, -0.3 },
    { "atm", 0.06, 0.05, 0, 0.4 },
};

struct transaction {
    double time_us, amount, hour, card_age_days, per_day, distance_km, amount_ratio;
    size_t merchant, country, channel;
    bool weekend, fraud;
};

static size_t choose(struct rng *r, const struct choice *c, size_t n, double shift)
{
    double u = rng_unit(r);

    for (size_t i = 0; i + 1 < n; i++) {
        u -= c[i].share + shift * (c[i].drifted - c[i].share);
        if (u < 0) return i;
    }
    return n - 1;
}

/* How busy the hour is; 1 on average. */
static double rhythm(double hour)
{
    return 1 - 0.75 * cos((hour - 2.5) * (2 * 3.14159265358979323846 / 24));
}

static double rounded(double v, double step)
{
    double per_unit = round(1 / step); /* dividing gives the double nearest to the decimal */
    return step < 1 ? round(v * per_unit) / per_unit : round(v / step) * step;
}

static double clamp(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* The next transaction after time_us. */
static struct transaction draw(struct rng *r, double time_us, double shift)
{
    struct transaction t = { 0 };
    double hour = fmod(floor(time_us / 3.6e9), 24), days, typical, far;

    t.time_us = rounded(time_us + rng_exponential(r) * MEAN_GAP_S * 1e6 / rhythm(hour), 1e3);
    days = floor(t.time_us / 8.64e10);
    t.hour = floor(t.time_us / 3.6e9) - 24 * days;
    t.weekend = fmod(days + 4, 7) == 0 || fmod(days + 4, 7) == 6; /* day 0 was a Thursday */
    t.merchant = choose(r, merchants, ARRAY_LEN(merchants), shift);
    t.country = choose(r, countries, ARRAY_LEN(countries), shift);
    t.channel = choose(r, channels, ARRAY_LEN(channels), shift);
    t.card_age_days = floor(clamp(rng_exponential(r) * 700, 0, 5000));
    t.per_day = floor(rng_exponential(r) * (2.2 + 2 * shift));
    typical = 22 * exp(0.6 * rng_normal(r)) * merchants[t.merchant].value;
    t.amount_ratio = exp(0.75 * rng_normal(r) + 0.5 * shift);
    t.amount = rounded(clamp(typical * t.amount_ratio, 0.5, 20000), 0.01);
    t.amount_ratio = rounded(clamp(t.amount_ratio, 0.02, 60), 0.001);
    far = rng_unit(r) < 0.15 + 0.1 * (t.country > 0) ? 350 : 9;
    t.distance_km = rounded(clamp(far * rng_exponential(r), 0, 12000), 0.1);
    return t;
}

/* Log odds of fraud, up to a constant. */
static double score(const struct transaction *t)
{
    bool night = t->hour <= 5, card_present = t->channel != ONLINE;
    double s = merchants[t->merchant].risk + countries[t->country].risk + channels[t->channel].risk;

    s += 0.9 * log(t->amount_ratio) + 0.15 * t->per_day - 0.25 * log1p(t->card_age_days / 30);
    /* out of character for the hour */
    if (night && t->amount_ratio > 1.5) s += 3.2;
    /* a card cannot be in two places: far away matters only where the card itself is used */
    if (card_present && t->distance_km > 150) s += t->channel == ATM ? 4.2 : 2.8;
    /* trying out a stolen number: many tiny payments online */
    if (!card_present && t->per_day >= 5 && t->amount < 15) s += 4.5;
    /* a fresh card emptied in the shops that resell well */
    if (t->card_age_days < 60 && t->amount > 120 && t->merchant == 4) s += 3.5;
    /* weekend trips explain distance and foreign countries */
    if (t->weekend && t->merchant == 5) s -= 2.5;
    return 2 * s;
}

static double sigmoid(double z)
{
    return 1 / (1 + exp(-z));
}

/* Offset at which the pilot's mean probability is rate. */
static double find_offset(double rate, struct err *e, bool *ret_ok)
{
    MEM_AUTO double *s = mem_try(PILOT_ROWS, sizeof *s);
    double lo = -100, hi = 100, time_us = 0;
    struct rng r;

    *ret_ok = s != NULL;
    if (!s) {
        err_set(e, ERR_NOMEM, "no memory for the pilot sample");
        return 0;
    }
    rng_seed(&r, PILOT_SEED);
    for (size_t i = 0; i < PILOT_ROWS; i++) {
        struct transaction t = draw(&r, time_us, 0);
        time_us = t.time_us;
        s[i] = score(&t);
    }
    for (int step = 0; step < 60; step++) {
        double mid = (lo + hi) / 2, sum = 0;
        for (size_t i = 0; i < PILOT_ROWS; i++) sum += sigmoid(s[i] + mid);
        *(sum > rate * PILOT_ROWS ? &hi : &lo) = mid;
    }
    return (lo + hi) / 2;
}

enum {
    ID,
    TIME,
    AMOUNT,
    HOUR,
    MERCHANT,
    COUNTRY,
    CHANNEL,
    AGE,
    PER_DAY,
    DISTANCE,
    RATIO,
    WEEKEND,
    FRAUD,
    COLUMNS
};
static const struct {
    const char *name;
    enum col_type type;
} columns[COLUMNS] = {
    [ID] = { "transaction_id", COL_TEXT },
    [TIME] = { "timestamp", COL_TIME },
    [AMOUNT] = { "amount", COL_REAL },
    [HOUR] = { "hour", COL_INT },
    [MERCHANT] = { "merchant_category", COL_CATEGORY },
    [COUNTRY] = { "country", COL_CATEGORY },
    [CHANNEL] = { "channel", COL_CATEGORY },
    [AGE] = { "card_age_days", COL_INT },
    [PER_DAY] = { "transactions_24h", COL_INT },
    [DISTANCE] = { "distance_km", COL_REAL },
    [RATIO] = { "amount_ratio", COL_REAL },
    [WEEKEND] = { "is_weekend", COL_BOOL },
    [FRAUD] = { "fraud", COL_INT },
};

static int32_t add_text(struct column *c, const char *s)
{
    return dict_add(c->dict, s, strlen(s));
}

static void store(struct frame *f, size_t i, const struct transaction *t, uint64_t seed)
{
    struct column *c = f->cols;
    char id[32];

    snprintf(id, sizeof id, "t%016llx", (unsigned long long)rng_mix(rng_mix(seed) + i));
    c[ID].code[i] = add_text(&c[ID], id);
    c[TIME].num[i] = t->time_us;
    c[AMOUNT].num[i] = t->amount;
    c[HOUR].num[i] = t->hour;
    c[MERCHANT].code[i] = add_text(&c[MERCHANT], merchants[t->merchant].name);
    c[COUNTRY].code[i] = add_text(&c[COUNTRY], countries[t->country].name);
    c[CHANNEL].code[i] = add_text(&c[CHANNEL], channels[t->channel].name);
    c[AGE].num[i] = t->card_age_days;
    c[PER_DAY].num[i] = t->per_day;
    c[DISTANCE].num[i] = t->distance_km;
    c[RATIO].num[i] = t->amount_ratio;
    c[WEEKEND].num[i] = t->weekend;
    c[FRAUD].num[i] = t->fraud;
}

int demo_frame(const struct demo_spec *spec, struct frame **ret, struct err *e)
{
    double rate = spec->fraud_rate > 0 ? spec->fraud_rate : DEFAULT_RATE;
    double time_us = (double)spec->start_us, offset;
    struct frame *f;
    struct rng r;
    bool ok;

    if (!(rate < 1) || !(spec->shift >= 0 && spec->shift <= 1))
        return err_set(e, ERR_INVALID, "fraud rate %g and shift %g: need 0 to 1", rate,
                       spec->shift);
    offset = find_offset(rate, e, &ok);
    if (!ok) return -ERR_NOMEM;
    f = frame_new();
    for (size_t j = 0; j < COLUMNS; j++) {
        struct column *c;
        int err = frame_add(f, columns[j].name, columns[j].type, spec->rows, &c, e);
        if (err < 0) {
            frame_free(f);
            return err;
        }
    }
    rng_seed(&r, spec->seed);
    for (size_t i = 0; i < spec->rows; i++) {
        struct transaction t = draw(&r, time_us, spec->shift);
        t.fraud = rng_unit(&r) < sigmoid(score(&t) + offset);
        time_us = t.time_us;
        store(f, i, &t, spec->seed);
    }
    *ret = f;
    return 0;
}
