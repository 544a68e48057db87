/* crash_serve.c: kills the daemon under load, over and over, and counts what is left.
 *
 * In each round a daemon serves a model; one client asks for predictions without a pause, each
 * with a request id of its own, while versions are moved through the stages and labels are added
 * over HTTP. After a random delay comes SIGKILL. Then, read from the workspace:
 *
 *   predictions  what is stored of the round is a beginning of what was answered, without a gap:
 *                lost are only the last ones, those since the last group commit
 *   labels       of an acknowledged request all are there
 *   production   the version of the last acknowledged promotion, or of one that was under way
 *   audit        the chain holds
 *
 * CRASH_ROUNDS: how many kills (4); CRASH_SEED: of the delays (1). */
#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"
#include "daemon.h"
#include "store/audit.h"
#include "store/prediction.h"
#include "store/registry.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FLUSH_MS = 100, LOST_MS = FLUSH_MS + 2000, MAX_ASKED = 200000 };
static const char row[] = "{\"amount\":32.38,\"hour\":0,\"merchant_category\":\"grocery\","
                          "\"country\":\"IT\",\"channel\":\"atm\",\"card_age_days\":3286,"
                          "\"transactions_24h\":4,\"distance_km\":11.8,\"amount_ratio\":1.555,"
                          "\"is_weekend\":false}";

struct test {
    struct daemon d;
    struct rng rng;
    int round, killed, lost, most_lost;
    int64_t answered, labelled, moved;
    /* this round */
    int n;               /* predictions answered */
    int64_t *at_ms;      /* when */
    int production, aim; /* version: acknowledged; of a promotion under way, 0: none */
    bool to_production;  /* that one goes there, else to Staging */
    bool staged;         /* the other version is in Staging */
    int labels;          /* rows of this round's labels; 0: none to give */
    bool labels_asked, labels_acknowledged;
};

static void run(const struct test *t, const char *const *words)
{
    assert_int_equal(daemon_run(&t->d, words), 0);
}

static void train(const struct test *t, const char *csv, const char *trees)
{
    char param[32];

    snprintf(param, sizeof param, "n_estimators=%s", trees);
    run(t, (const char *const[]){ "train", "-q", "--data", csv, "--target", "fraud", "--drop",
                                  "transaction_id,timestamp", "--algorithm", "gbdt", "--param",
                                  param, "--register", "m", NULL });
}

static bool prepare(struct test *t)
{
    const char *top = getenv("top_srcdir"), *seed = getenv("CRASH_SEED");
    char csv[512];

    snprintf(csv, sizeof csv, "%s/data/transactions_sample.csv", top ? top : ".");
    rng_seed(&t->rng, seed ? strtoull(seed, NULL, 10) : 1);
    if (!file_exists(csv) || !daemon_open(&t->d, "serve: {flush_ms: 100}\n")) return false;
    train(t, csv, "10");
    train(t, csv, "12");
    run(t, (const char *const[]){ "model", "promote", "m", "1", "--to", "Production", "--reason",
                                  "first", NULL });
    t->production = 1;
    t->at_ms = calloc(MAX_ASKED, sizeof *t->at_ms);
    assert_non_null(t->at_ms);
    return true;
}

/* Labels of the round before, as a data set that a request can name. */
static void prepare_labels(struct test *t)
{
    STR_AUTO csv = STR_INIT;
    char path[128], name[32];

    t->labels = t->n < 500 ? t->n : 500;
    t->labels_asked = t->labels_acknowledged = false;
    if (!t->labels) return;
    str_add(&csv, "request_id,label,timestamp\n");
    for (int i = 0; i < t->labels; i++)
        str_addf(&csv, "r%d-%d,%d,2026-01-01T00:00:00Z\n", t->round - 1, i, i % 2);
    snprintf(path, sizeof path, "%s/labels.csv", t->d.dir);
    snprintf(name, sizeof name, "labels%d", t->round);
    assert_int_equal(file_write_atomic(path, csv.p, csv.len, NULL), 0);
    run(t, (const char *const[]){ "data", "import", path, "--name", name, "-q", NULL });
}

/* ---- the clients ------------------------------------------------------------------------ */

static bool post(int fd, const char *path, const char *id, const char *body)
{
    char text[1024]; /* in one piece: two would wait for each other's acknowledgement */
    int n = snprintf(text, sizeof text,
                     "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "X-Request-Id: %s\r\nContent-Length: %zu\r\n\r\n%s",
                     path, id, strlen(body), body);

    return say_n(fd, text, (size_t)n);
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) > 0;
}

/* -1: gone, 0: nothing yet, else the status. */
static int heard(int fd, int timeout_ms)
{
    if (timeout_ms == 0 && !readable(fd)) return 0;
    struct answer a = hear(fd, timeout_ms ? timeout_ms : 5000);
    int status = a.status > 0 ? a.status : -1;
    if (status >= 400) print_message("%d: %s\n", status, a.body ? a.body : "");
    answer_done(&a);
    return status;
}

/* The other version goes to Staging, then to Production, and so on. */
static void move_on(struct test *t, int fd)
{
    char body[160];

    if (t->aim) {
        int status = heard(fd, 0);
        if (status <= 0) return;
        assert_int_equal(status, 200);
        t->moved++;
        if (t->to_production) t->production = t->aim;
        t->staged = !t->to_production;
    }
    t->aim = 3 - t->production;
    t->to_production = t->staged;
    snprintf(body, sizeof body,
             "{\"name\":\"m\",\"version\":\"%d\",\"to\":\"%s\",\"reason\":\"crash test\"}", t->aim,
             t->to_production ? "Production" : "Staging");
    post(fd, "/api/v1/model/promote", "move", body);
}

static void label(struct test *t, int fd)
{
    char body[96];

    if (!t->labels) return;
    if (t->labels_asked) {
        int status = t->labels_acknowledged ? 0 : heard(fd, 0);
        if (status <= 0) return;
        assert_int_equal(status, 200);
        t->labels_acknowledged = true;
        t->labelled += t->labels;
        return;
    }
    snprintf(body, sizeof body, "{\"name\":\"m\",\"data\":\"labels%d\"}", t->round);
    t->labels_asked = post(fd, "/api/v1/monitor/label", "label", body);
}

/* Asks until the daemon is gone. */
static void ask_on(struct test *t)
{
    int fd = dial(&t->d), moves = dial(&t->d), labels = dial(&t->d);
    char id[32];

    for (t->n = 0; t->n < MAX_ASKED; t->n++) {
        snprintf(id, sizeof id, "r%d-%d", t->round, t->n);
        if (!post(fd, "/predict?model=m", id, row)) break;
        int status = heard(fd, 10000);
        if (status < 0) break;
        assert_int_equal(status, 200);
        t->at_ms[t->n] = now_ms();
        if (t->n % 50 == 5) move_on(t, moves);
        if (t->n % 50 == 7) label(t, labels);
    }
    close(fd);
    close(moves);
    close(labels);
    t->answered += t->n;
}

static void kill_later(const struct test *t, int after_ms)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid) return;
    usleep((useconds_t)after_ms * 1000);
    kill(t->d.pid, SIGKILL);
    _exit(0);
}

/* ---- what is left ----------------------------------------------------------------------- */

struct seen {
    int round, n, labels;
    unsigned char *there;
};

static int see(void *user, const struct prediction *p)
{
    struct seen *s = user;
    int round, i;

    assert_int_equal(sscanf(p->request_id, "r%d-%d", &round, &i), 2);
    if (round == s->round && i < MAX_ASKED) {
        assert_false(s->there[i]);
        s->there[i] = 1;
        s->n++;
    }
    if (round == s->round - 1) s->labels += p->label != NULL;
    return 0;
}

static void check_predictions(struct test *t, struct store *s, int64_t killed_ms)
{
    struct seen seen = { .round = t->round, .there = calloc(MAX_ASKED, 1) };

    assert_non_null(seen.there);
    assert_int_equal(prediction_each(s, "m", INT64_MIN, INT64_MAX, see, &seen, NULL), 0);
    int stored = 0;
    while (stored < MAX_ASKED && seen.there[stored]) stored++;
    assert_int_equal(seen.n, stored); /* no gap; one more than answered may be there */
    assert_true(stored <= t->n + 1);
    int lost = t->n > stored ? t->n - stored : 0;
    for (int i = stored; i < t->n; i++) assert_true(t->at_ms[i] >= killed_ms - LOST_MS);
    t->lost += lost;
    if (lost > t->most_lost) t->most_lost = lost;
    if (t->labels_acknowledged) assert_int_equal(seen.labels, t->labels);
    free(seen.there);
    t->n = stored; /* what labels can be given for */
}

static void check_registry(struct test *t, struct store *s)
{
    struct arena a = ARENA_INIT;
    struct reg_version v;
    struct audit_check c;
    bool under_way = t->aim && t->to_production;

    assert_int_equal(store_version_by_stage(s, &a, "m", "Production", &v, NULL), 0);
    if (v.version != t->production && !(under_way && v.version == t->aim))
        fail_msg("version %d is in Production, not %d", (int)v.version, t->production);
    t->production = (int)v.version;
    t->aim = 0;
    t->staged = store_version_by_stage(s, &a, "m", "Staging", &v, NULL) == 0;
    assert_int_equal(audit_verify(s, &c, NULL), 0);
    assert_int_equal(c.first_bad, 0);
    arena_done(&a);
}

static void one_round(struct test *t)
{
    struct store *s;
    int delay;

    prepare_labels(t);
    daemon_start(&t->d, (const char *const[]){ "--no-auth", "--io-threads", "1", NULL });
    delay = 100 + (int)rng_below(&t->rng, 900);
    kill_later(t, delay);
    ask_on(t);
    int64_t killed_ms = now_ms();
    assert_int_equal(daemon_wait(&t->d, 10000), 128 + SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    t->killed++;
    int answered = t->n;
    assert_int_equal(store_open(&s, t->d.ws, 0, &clock_system, NULL), 0);
    check_predictions(t, s, killed_ms);
    check_registry(t, s);
    store_close(s);
    print_message("round %d: killed after %d ms, %d answered, %d stored%s\n", t->round, delay,
                  answered, t->n, t->labels_acknowledged ? ", labels acknowledged" : "");
    t->round++;
}

static void nothing_acknowledged_is_lost(void **state)
{
    const char *env = getenv("CRASH_ROUNDS");
    int rounds = env && atoi(env) > 0 ? atoi(env) : 4;
    struct test t = { 0 };

    (void)state;
    if (!prepare(&t)) skip();
    while (t.round < rounds) one_round(&t);
    print_message("%d kills: %lld predictions answered, %d of them lost (at most %d at once), "
                  "%lld labels and %lld moves acknowledged, none lost\n",
                  t.killed, (long long)t.answered, t.lost, t.most_lost, (long long)t.labelled,
                  (long long)t.moved);
    assert_true(t.answered > 0);
    free(t.at_ms);
    daemon_close(&t.d);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(nothing_acknowledged_is_lost) };

    return cmocka_run_group_tests_name("integration.crash_serve", t, NULL, NULL);
}
