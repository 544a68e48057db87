/* test_curses.c: the terminal layer against a terminal emulator: what curses sends is read by
 * libvterm and must show the canvas; how much it sends is bounded; keys come out translated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_host.h"
#include "pty.h"
#include "views/canvas_curses.h"
#include "views/widgets/chart.h"
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rig {
    struct screen *screen;
    int out[2], in[2];
    FILE *file;
    struct vt vt;
    struct str raw; /* of the last taking */
};

/* A pipe, not a pty: writing never waits for a reader that is this same thread. */
static void rig_open(struct rig *r, int w, int h, const char *term, bool no_color)
{
    struct err e = ERR_INIT;
    *r = (struct rig){ 0 };
    assert_int_equal(pipe2(r->out, O_NONBLOCK), 0);
    assert_int_equal(pipe2(r->in, O_NONBLOCK), 0);
    fcntl(r->out[1], F_SETPIPE_SZ, 1 << 20);
    r->file = fdopen(r->out[1], "w");
    struct screen_options o = {
        .term = term, .no_color = no_color, .out = r->file, .in_fd = r->in[0]
    };
    if (screen_open(&r->screen, &o, &e)) fail_msg("%s", e.msg);
    screen_set_size(r->screen, w, h);
    vt_open(&r->vt, w, h);
}

static size_t rig_take(struct rig *r)
{
    char buf[65536];
    str_clear(&r->raw);
    for (ssize_t n; (n = read(r->out[0], buf, sizeof buf)) > 0;) {
        vt_feed(&r->vt, buf, (size_t)n);
        str_addn(&r->raw, buf, (size_t)n);
    }
    return r->raw.len;
}

static void rig_close(struct rig *r)
{
    screen_close(r->screen);
    rig_take(r);
    fclose(r->file);
    close(r->out[0]);
    close(r->in[0]);
    close(r->in[1]);
    vt_close(&r->vt);
    str_done(&r->raw);
}

static void assert_shows(const struct rig *r, const struct canvas *cv)
{
    for (int y = 0; y < cv->h; y++)
        for (int x = 0; x < cv->w; x++)
            if (vt_cell(&r->vt, x, y) != canvas_at(cv, x, y)->cp)
                fail_msg("cell %d,%d is U+%04X, not U+%04X", x, y, vt_cell(&r->vt, x, y),
                         canvas_at(cv, x, y)->cp);
}

static void test_panes_arrive_and_same_frames_cost_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = { "1", "2j", "3", "4", "5",           "6",
                                        "7", "8",  "9", "?", "<Esc>3<Tab>p" };
    struct rig r;
    struct fake f;
    fake_open(&f, 120, 40, false);
    rig_open(&r, 120, 40, "xterm-256color", false);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        fake_keys(&f, keys[i]);
        fake_draw(&f);
        screen_show(r.screen, &f.cv);
        size_t bytes = rig_take(&r);
        assert_in_range(bytes, 100, 12 * 1024);
        assert_shows(&r, &f.cv);
        fake_draw(&f);
        assert_int_equal(screen_show(r.screen, &f.cv), 0);
        assert_int_equal(rig_take(&r), 0);
    }
    rig_close(&r);
    fake_close(&f);
}

static void test_moving_the_cursor_is_cheap(void **state)
{
    (void)state;
    struct rig r;
    struct fake f;
    fake_open(&f, 120, 40, false);
    rig_open(&r, 120, 40, "xterm-256color", false);
    static const char panes[] = "2345789";
    for (const char *p = panes; *p; p++) {
        fake_keys(&f, (char[]){ *p, '\0' });
        fake_draw(&f);
        screen_show(r.screen, &f.cv);
        rig_take(&r);
        ui_key(f.ui, 'j', f.now_us); /* the details follow only when the cursor rests */
        fake_draw(&f);
        assert_true(screen_show(r.screen, &f.cv) > 0);
        /* of alerts the footer changes too: the second is acknowledged */
        assert_in_range(rig_take(&r), 1, *p == '7' ? 450 : 400);
        assert_shows(&r, &f.cv);
    }
    rig_close(&r);
    fake_close(&f);
}

static void test_moving_in_time_is_cheap(void **state)
{
    (void)state;
    struct rig r;
    struct fake f;
    fake_open(&f, 120, 40, false);
    rig_open(&r, 120, 40, "xterm-256color", false);
    for (int pane = 0; pane < 2; pane++) {
        fake_keys(&f, pane ? "8h" : "6h");
        fake_draw(&f);
        screen_show(r.screen, &f.cv);
        rig_take(&r);
        for (int i = 0; i < 5; i++) {
            ui_key(f.ui, 'h', f.now_us); /* what was then is read when the cursor rests */
            fake_draw(&f);
            screen_show(r.screen, &f.cv);
            assert_in_range(rig_take(&r), 1, pane ? 480 : 250);
            assert_shows(&r, &f.cv);
        }
        fake_keys(&f, "0");
    }
    rig_close(&r);
    fake_close(&f);
}

static void test_a_growing_curve_is_cheap(void **state)
{
    (void)state;
    static struct chart_point p[400];
    struct rig r;
    struct canvas cv;
    size_t most = 0, sum = 0;
    for (int i = 0; i < 400; i++)
        p[i] = (struct chart_point){ i, 0.3 + 0.4 * exp(-i / 40.0) + 0.002 * (i % 3) };
    canvas_init(&cv, 120, 20, false);
    rig_open(&r, 120, 20, "xterm-256color", false);
    for (size_t n = 200; n < 400; n++) {
        struct chart_series s = { p, n, "log_loss", ROLE_S1, NULL };
        struct chart c = { .series = &s, .n_series = 1, .threshold = NAN, .x_max = 400 };
        canvas_clear(&cv);
        chart_draw(&cv, rect_make(0, 0, 120, 20), &c);
        screen_show(r.screen, &cv);
        size_t bytes = rig_take(&r);
        if (n == 200) continue; /* the first painting */
        sum += bytes;
        if (bytes > most) most = bytes;
    }
    assert_in_range(most, 1, 200);
    assert_in_range(sum / 200, 1, 60);
    rig_close(&r);
    canvas_done(&cv);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint32_t key;
    } keys[] = {
        { "\033[A", K_UP },      { "\033OB", K_DOWN },    { "\033[C", K_RIGHT },
        { "\033OD", K_LEFT },    { "\033[5~", K_PGUP },   { "\033[6~", K_PGDN },
        { "\033[H", K_HOME },    { "\033OF", K_END },     { "\033[3~", K_DELETE },
        { "\033[Z", K_BACKTAB }, { "\r", K_ENTER },       { "\n", K_ENTER },
        { "\177", K_BACKSPACE }, { "\t", K_TAB },         { "j", 'j' },
        { "\303\251", 0xe9 },    { "\014", K_CTRL('l') }, { "\033", K_ESC },
    };
    struct rig r;
    rig_open(&r, 80, 24, "xterm-256color", false);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        size_t n = strlen(keys[i].bytes);
        assert_int_equal(write(r.in[1], keys[i].bytes, n), n);
        assert_int_equal(screen_key(r.screen), keys[i].key);
        assert_int_equal(screen_key(r.screen), K_NONE);
    }
    assert_int_equal(write(r.in[1], "\033[Bjq", 5), 5); /* three keys in one read */
    assert_int_equal(screen_key(r.screen), K_DOWN);
    assert_int_equal(screen_key(r.screen), 'j');
    assert_int_equal(screen_key(r.screen), 'q');
    rig_close(&r);
}

static bool has_colour(const char *s)
{
    return strstr(s, "\033[38;5;") || strstr(s, "\033[48;5;") || strstr(s, "\033[31m") ||
           strstr(s, "\033[32m") || strstr(s, ";31m") || strstr(s, ";32m");
}

static void test_colour_is_optional(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 80, 24, false);
    fake_draw(&f);
    for (int mono = 0; mono < 2; mono++) {
        struct rig r;
        rig_open(&r, 80, 24, "xterm-256color", mono);
        screen_show(r.screen, &f.cv);
        rig_take(&r);
        assert_int_equal(has_colour(str_c(&r.raw)), !mono);
        assert_shows(&r, &f.cv);
        rig_close(&r);
    }
    fake_close(&f);
}

static void test_unknown_terminals_work(void **state)
{
    (void)state;
    static const char *const terms[] = { "xterm-ghostty-unknown", NULL, "", "vt100" };
    struct fake f;
    fake_open(&f, 80, 24, true);
    fake_draw(&f);
    for (size_t i = 0; i < ARRAY_LEN(terms); i++) {
        struct rig r;
        rig_open(&r, 80, 24, terms[i], false);
        assert_int_equal(screen_fallback(r.screen) != NULL, i < 3);
        screen_show(r.screen, &f.cv);
        rig_take(&r);
        assert_shows(&r, &f.cv);
        rig_close(&r);
    }
    fake_close(&f);
}

static void test_the_terminal_is_given_back(void **state)
{
    (void)state;
    struct rig r;
    struct canvas cv;
    canvas_init(&cv, 80, 24, false);
    rig_open(&r, 80, 24, "xterm-256color", false);
    screen_show(r.screen, &cv);
    rig_take(&r);
    assert_non_null(strstr(str_c(&r.raw), "\033[?1049h"));
    screen_close(r.screen);
    rig_take(&r);
    assert_non_null(strstr(str_c(&r.raw), "\033[?1049l"));
    assert_non_null(strstr(str_c(&r.raw), "\033[?25h"));
    r.screen = NULL;
    rig_close(&r);
    canvas_done(&cv);
}

static void test_resizing(void **state)
{
    (void)state;
    struct rig r;
    struct fake f;
    fake_open(&f, 80, 24, false);
    rig_open(&r, 80, 24, "xterm-256color", false);
    static const int sizes[][2] = { { 80, 24 }, { 120, 40 }, { 40, 10 },
                                    { 20, 4 },  { 1, 1 },    { 200, 60 } };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        canvas_resize(&f.cv, sizes[i][0], sizes[i][1]);
        fake_draw(&f);
        vt_close(&r.vt);
        vt_open(&r.vt, sizes[i][0], sizes[i][1]);
        screen_show(r.screen, &f.cv);
        rig_take(&r);
        assert_shows(&r, &f.cv);
    }
    rig_close(&r);
    fake_close(&f);
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) return 77;
    unsetenv("LINES");
    unsetenv("COLUMNS");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panes_arrive_and_same_frames_cost_nothing),
        cmocka_unit_test(test_moving_the_cursor_is_cheap),
        cmocka_unit_test(test_moving_in_time_is_cheap),
        cmocka_unit_test(test_a_growing_curve_is_cheap),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_colour_is_optional),
        cmocka_unit_test(test_unknown_terminals_work),
        cmocka_unit_test(test_the_terminal_is_given_back),
        cmocka_unit_test(test_resizing),
    };
    return cmocka_run_group_tests_name("tui.curses", tests, NULL, NULL);
}
