/* test_notify.c: deliveries against real receivers: a small HTTP server in a thread, and the
 * real Alertmanager started on loopback where it is installed. The jobs run as a worker runs
 * them, in a real workspace; the clock is moved instead of waiting for back-off. */
#include "app/job.h"
#include "app/notify.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/pool.h"
#include "run/fetch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* needs the headers above */

/* ---- a receiver ------------------------------------------------------------------------- */

static struct receiver {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *answers[16]; /* given in turn, then the last again; NULL: say nothing for 3 s */
    int n_answers, heard;
    char request[16][8192];
} rx = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t read_request(int fd, char *buf, size_t room)
{
    size_t n = 0, want = 0;
    while (n + 1 < room) {
        ssize_t k = read(fd, buf + n, room - n - 1);
        if (k <= 0) break;
        n += (size_t)k;
        buf[n] = '\0';
        char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "content-length:");
        if (end && length) want = (size_t)(end - buf) + 4 + strtoul(length + 15, NULL, 10);
        if (end && n >= want) break;
    }
    return n;
}

static void *serve(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept(rx.fd, NULL, NULL);
        if (fd < 0) return NULL;
        pthread_mutex_lock(&rx.lock);
        int turn = rx.heard < 15 ? rx.heard : 15;
        int which = turn < rx.n_answers ? turn : rx.n_answers - 1;
        const char *answer = rx.answers[which];
        pthread_mutex_unlock(&rx.lock);
        read_request(fd, rx.request[turn], sizeof rx.request[turn]);
        pthread_mutex_lock(&rx.lock);
        rx.heard++;
        pthread_mutex_unlock(&rx.lock);
        if (answer) (void)!write(fd, answer, strlen(answer));
        else sleep(3);
        close(fd);
    }
}

static int listen_anywhere(int *ret_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BAD "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nno us"
#define LATER "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"

static void answers(int n, ...)
{
    va_list ap;
    pthread_mutex_lock(&rx.lock);
    va_start(ap, n);
    for (int i = 0; i < n; i++) rx.answers[i] = va_arg(ap, const char *);
    va_end(ap);
    rx.n_answers = n;
    rx.heard = 0;
    memset(rx.request, 0, sizeof rx.request);
    pthread_mutex_unlock(&rx.lock);
}

/* ---- a workspace ------------------------------------------------------------------------ */

static char dir[64];
static struct clock now;
static struct app app;

static const char *secret(void *user, const char *name)
{
    (void)user;
    return str_eq(name, "HOOK_SECRET") ? "s3cret" : NULL;
}
static const struct ports ports = { .http_post = fetch_post, .secret = secret };

static int setup(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/signalbox-notify-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    now = clock_fixed(1700000000LL * 1000000);
    const struct app_config cfg = { .dir = dir, .create = true, .actor = "test", .clock = &now,
                                    .ports = &ports };
    if (app_open(&app, &cfg, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return -1;
    }
    rx.fd = listen_anywhere(&rx.port);
    return pthread_create(&rx.thread, NULL, serve, NULL);
}

static int teardown(void **state)
{
    (void)state;
    shutdown(rx.fd, SHUT_RDWR);
    close(rx.fd);
    pthread_join(rx.thread, NULL);
    app_close(&app);
    return file_remove_tree(dir, NULL);
}

__attribute__((format(printf, 1, 2))) static void settings(const char *fmt, ...)
{
    char text[2048], path[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(path, sizeof path, "%s/signalbox.yaml", dir);
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), 0);
}

static const struct alert drift = {
    .id = "a1b2c3d4e5f6a1b2c3d4e5f6a1", .model = "fraud", .rule = "drift", .kind = "drift",
    .state = "incident", .severity = "critical", .value = 0.43, .threshold = 0.2, .n = 500,
    .since_us = 1699990000LL * 1000000, .recommended_action = "investigate",
};

static void queue(const struct alert *al, const char *from)
{
    struct err e = ERR_INIT;
    assert_int_equal(store_begin(app.store, &e), 0);
    if (notify_queue(&app, al, from, &e)) fail_msg("%s", e.msg);
    assert_int_equal(store_commit(app.store, &e), 0);
}

static void silent(struct job_ctx *c, double progress, const char *message)
{
    (void)c;
    (void)progress;
    (void)message;
}

/* Runs what is ready now, as a worker does; the number of jobs. */
static int work(void)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct job j;
    atomic_bool cancel = false;
    int n = 0;
    for (; store_job_claim(app.store, &a, "default", NULL, "w", getpid(), &j, &e) == 0; n++) {
        struct job_ctx c = { .app = &app, .job = &j, .arena = &a, .cancel = &cancel,
                             .report = silent };
        struct val *args;
        assert_int_equal(val_parse_json(&a, j.payload, strlen(j.payload), &args, &e), 0);
        c.args = args;
        job_execute(&c, &e);
    }
    arena_done(&a);
    return n;
}

static struct job newest(struct arena *a)
{
    struct job *j;
    size_t n;
    assert_int_equal(store_job_list(app.store, a, NULL, 1, 0, &j, &n, NULL), 0);
    assert_int_equal(n, 1);
    return *j;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("\"%s\" is not in: %s", part, text);
}

/* ---- tests ------------------------------------------------------------------------------ */

static void webhooks_are_signed(void **state)
{
    (void)state;
    settings("notify: [{name: hook, url: 'http://127.0.0.1:%d/x', secret_env: HOOK_SECRET}]", rx.port);
    answers(1, OK);
    queue(&drift, "watch");
    assert_int_equal(work(), 1);
    assert_int_equal(rx.heard, 1);
    const char *body = strstr(rx.request[0], "\r\n\r\n") + 4;
    char hex[65], header[120];
    hmac_sha256("s3cret", 6, body, strlen(body), hex);
    snprintf(header, sizeof header, "X-Signalbox-Signature: sha256=%s", hex);
    has(rx.request[0], header);
    has(rx.request[0], "POST /x HTTP/1.1");
    has(body, "\"status\":\"firing\"");
    has(body, "\"value\":0.43");
    has(body, "fraud: drift is an incident (0.43, limit 0.2)");
}

static void only_wanted_changes_are_told(void **state)
{
    (void)state;
    settings("notify: [{name: a, url: 'http://127.0.0.1:%d/a', min_state: incident},"
             " {name: b, url: 'http://127.0.0.1:%d/b', send_resolved: false}]", rx.port, rx.port);
    answers(1, OK);
    struct alert al = drift;
    al.state = "watch";
    queue(&al, "active");
    assert_int_equal(work(), 1); /* b */
    al.state = "incident";
    queue(&al, "watch");
    assert_int_equal(work(), 2);
    al.state = "none";
    queue(&al, "incident");
    assert_int_equal(work(), 1); /* a */
    has(rx.request[3], "\"status\":\"resolved\"");
    al.state = "active";
    queue(&al, "none");
    assert_int_equal(work(), 0);
}

static void a_busy_receiver_hears_later(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    settings("notify: [{name: hook, url: 'http://127.0.0.1:%d/'}]", rx.port);
    answers(3, LATER, LATER, OK);
    queue(&drift, "watch");
    assert_int_equal(work(), 1);
    struct job j = newest(&a);
    assert_string_equal(j.state, "scheduled");
    has(j.error, "answered 503");
    assert_true(j.run_at_us > now.fixed_us);
    for (int i = 0; i < 5 && rx.heard < 3; i++) {
        now.fixed_us += 3600 * 1000000LL;
        work();
    }
    assert_int_equal(rx.heard, 3);
    assert_string_equal(newest(&a).state, "succeeded");
    arena_done(&a);
}

static void refusals_are_final_and_silence_is_not(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    settings("notify: [{name: hook, url: 'http://127.0.0.1:%d/', timeout: 1}]", rx.port);
    answers(1, BAD);
    queue(&drift, "watch");
    work();
    assert_string_equal(newest(&a).state, "dead");
    has(newest(&a).error, "answered 400: no us");
    answers(2, NULL, OK); /* the first exchange runs into the time limit */
    queue(&drift, "watch");
    work();
    assert_string_equal(newest(&a).state, "scheduled");
    now.fixed_us += 3600 * 1000000LL;
    sleep(2);
    work();
    assert_string_equal(newest(&a).state, "succeeded");
    settings("notify: [{name: hook, url: 'http://127.0.0.1:1/'}]"); /* nobody listens there */
    queue(&drift, "watch");
    work();
    assert_string_equal(newest(&a).state, "scheduled");
    settings("notify: [{name: hook, url: 'file:///etc/passwd'}]");
    now.fixed_us += 3600 * 1000000LL;
    work();
    assert_string_equal(newest(&a).state, "dead");
    has(newest(&a).error, "no http or https address");
    arena_done(&a);
}

static void missing_secrets_are_named(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    settings("notify: [{name: pd, type: pagerduty, url: 'http://127.0.0.1:%d/', secret_env: NO_SUCH}]",
             rx.port);
    answers(1, OK);
    queue(&drift, "watch");
    work();
    assert_string_equal(newest(&a).state, "dead");
    has(newest(&a).error, "NO_SUCH");
    assert_int_equal(rx.heard, 0);
    arena_done(&a);
}

static void slack_and_pagerduty_speak_their_format(void **state)
{
    (void)state;
    settings("notify: [{name: s, type: slack, url: 'http://127.0.0.1:%d/s'},"
             " {name: p, type: pagerduty, url: 'http://127.0.0.1:%d/p', secret_env: HOOK_SECRET}]",
             rx.port, rx.port);
    answers(1, OK);
    struct alert al = drift;
    al.model = "a<b&c";
    queue(&al, "watch");
    assert_int_equal(work(), 2);
    const char *slack = strstr(rx.request[0], "POST /s") ? rx.request[0] : rx.request[1];
    const char *pd = slack == rx.request[0] ? rx.request[1] : rx.request[0];
    has(slack, "a&lt;b&amp;c: drift is an incident");
    has(slack, "\"color\":\"danger\"");
    has(pd, "\"routing_key\":\"s3cret\"");
    has(pd, "\"event_action\":\"trigger\"");
    has(pd, "\"dedup_key\":\"a1b2c3d4e5f6a1b2c3d4e5f6a1\"");
    has(pd, "\"severity\":\"critical\"");
    al.state = "none";
    answers(1, OK);
    queue(&al, "incident");
    work();
    pd = strstr(rx.request[0], "POST /p") ? rx.request[0] : rx.request[1];
    has(pd, "\"event_action\":\"resolve\"");
}

/* ---- the real Alertmanager -------------------------------------------------------------- */

static pid_t start_alertmanager(int port)
{
    char config[128], storage[128], listen_arg[64];
    snprintf(config, sizeof config, "%s/am.yml", dir);
    snprintf(storage, sizeof storage, "--storage.path=%s/am", dir);
    snprintf(listen_arg, sizeof listen_arg, "--web.listen-address=127.0.0.1:%d", port);
    static const char text[] = "route: {receiver: none}\nreceivers: [{name: none}]\n";
    assert_int_equal(file_write_atomic(config, text, sizeof text - 1, NULL), 0);
    char file_arg[160];
    snprintf(file_arg, sizeof file_arg, "--config.file=%s", config);
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execlp("prometheus-alertmanager", "prometheus-alertmanager", file_arg, storage, listen_arg,
               "--cluster.listen-address=", (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* What the Alertmanager says of its alerts, through its API; "" when it does not answer. */
static void ask_alertmanager(int port, char *buf, size_t room)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port) };
    static const char get[] = "GET /api/v2/alerts?filter=model%3D%22fraud%22 HTTP/1.0\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t n = 0;
    buf[0] = '\0';
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        write(fd, get, sizeof get - 1) == (ssize_t)sizeof get - 1) {
        ssize_t k;
        while (n + 1 < room && (k = read(fd, buf + n, room - n - 1)) > 0) n += (size_t)k;
        buf[n] = '\0';
    }
    close(fd);
}

static void the_real_alertmanager_takes_our_alerts(void **state)
{
    (void)state;
    char text[16384];
    int port, status;
    if (system("command -v prometheus-alertmanager >/dev/null")) {
        printf("skipped: prometheus-alertmanager is not installed\n");
        skip();
    }
    close(listen_anywhere(&port));
    pid_t pid = start_alertmanager(port);
    *text = '\0';
    for (int i = 0; i < 100 && !*text; i++) {
        usleep(100000);
        ask_alertmanager(port, text, sizeof text);
    }
    settings("notify: [{name: am, type: alertmanager, url: 'http://127.0.0.1:%d'}]", port);
    now = clock_fixed(clock_now(&clock_system));
    struct alert al = drift;
    al.since_us = now.fixed_us - 60000000;
    queue(&al, "watch");
    work();
    ask_alertmanager(port, text, sizeof text);
    bool fired = strstr(text, "signalbox_drift") && strstr(text, "\"active\"");
    al.state = "none";
    queue(&al, "incident");
    work();
    ask_alertmanager(port, text, sizeof text);
    bool over = *text && !strstr(text, "signalbox_drift");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_true(fired);
    assert_true(over);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest t[] = {
        cmocka_unit_test(webhooks_are_signed),
        cmocka_unit_test(only_wanted_changes_are_told),
        cmocka_unit_test(a_busy_receiver_hears_later),
        cmocka_unit_test(refusals_are_final_and_silence_is_not),
        cmocka_unit_test(missing_secrets_are_named),
        cmocka_unit_test(slack_and_pagerduty_speak_their_format),
        cmocka_unit_test(the_real_alertmanager_takes_our_alerts),
    };
    return cmocka_run_group_tests_name("run.notify", t, setup, teardown);
}
