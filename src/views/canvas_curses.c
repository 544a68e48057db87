/* canvas_curses.c: the only file that knows ncurses.
 *
 * A copy of the last canvas is compared with the new one and only differing cells are handed to
 * curses, which again sends only what the terminal does not show yet: no erase, no flicker, and
 * a frame without changes does not even call curses. Keys are translated to key.h, also the
 * forms of arrow keys that terminfo does not list (ESC [ A instead of ESC O A).
 * The terminal is given back on every way out: screen_close, and for crashes a handler that
 * writes strings prepared at opening (async-signal-safe, hence the one static variable). */
#include "views/canvas_curses.h"
#include "base/mem.h"
#include "views/key.h"
#include <fcntl.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

struct look {
    attr_t attr;
    short pair;
};
struct screen {
    SCREEN *curses;
    FILE *out, *in;
    int out_fd, in_fd;
    bool own_in, fell_back, color, repaint, cursor_shown;
    char term[64];
    struct canvas shown; /* what the terminal shows */
    struct look looks[ROLE_COUNT][GROUND_COUNT];
};

/* -- giving the terminal back after a crash --------------------------------------------- */

static struct {
    int fd;
    size_t len;
    char text[256];
    struct termios mode;
    bool have_mode;
} rescue = { .fd = -1 };

static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

static void on_fatal(int signum)
{
    if (rescue.fd >= 0) {
        ssize_t n = write(rescue.fd, rescue.text, rescue.len);
        (void)n;
        if (rescue.have_mode) tcsetattr(rescue.fd, TCSANOW, &rescue.mode);
    }
    raise(signum); /* the handler was reset when it was entered */
}

static void rescue_add(const char *cap)
{
    const char *s = tigetstr(cap);
    if (!s || s == (const char *)-1) return;
    size_t n = strlen(s);
    if (rescue.len + n > sizeof rescue.text) return;
    memcpy(rescue.text + rescue.len, s, n);
    rescue.len += n;
}

static void rescue_arm(const struct screen *s, const struct termios *mode)
{
    rescue.len = 0;
    rescue_add("sgr0");
    rescue_add("cnorm");
    rescue_add("rmkx");
    rescue_add("rmcup");
    rescue.have_mode = mode != NULL;
    if (mode) rescue.mode = *mode;
    rescue.fd = s->out_fd;
    for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++) {
        struct sigaction now, mine = { .sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND };
        /* A handler that is there already (a sanitizer's) knows better. */
        if (sigaction(fatal_signals[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(fatal_signals[i], &mine, NULL);
    }
}

static void rescue_disarm(void)
{
    rescue.fd = -1;
    for (size_t i = 0; i < ARRAY_LEN(fatal_signals); i++) {
        struct sigaction now;
        if (sigaction(fatal_signals[i], NULL, &now) == 0 && now.sa_handler == on_fatal)
            signal(fatal_signals[i], SIG_DFL);
    }
}

/* -- colours ------------------------------------------------------------------------------------
 */

static attr_t curses_attr(unsigned bits)
{
    attr_t a = A_NORMAL;
    if (bits & ATTR_BOLD) a |= A_BOLD;
    if (bits & ATTR_DIM) a |= A_DIM;
    if (bits & ATTR_UNDERLINE) a |= A_UNDERLINE;
    if (bits & ATTR_REVERSE) a |= A_REVERSE;
    return a;
}

static void pick_colours(const struct theme_role *r, const struct theme_ground *g, short *fg,
                         short *bg)
{
    if (COLORS >= 256) {
        *bg = g->bg256;
        *fg = g->bg256 < 0 ? r->fg256 : r->lit256;
    } else {
        *bg = g->bg8;
        *fg = r->fg8;
        if (*bg >= 0 && (*fg < 0 || *fg == *bg)) *fg = COLOR_WHITE;
    }
}

/* The pair for these colours, made when it is the first use; 0 when there are no more. */
static short pair_for(short fg, short bg, short (*made)[2], short *n)
{
    if (fg < 0 && bg < 0) return 0;
    for (short i = 0; i < *n; i++)
        if (made[i][0] == fg && made[i][1] == bg) return (short)(i + 1);
    if (*n + 1 >= COLOR_PAIRS) return 0;
    made[*n][0] = fg;
    made[*n][1] = bg;
    init_pair((short)(*n + 1), fg, bg);
    return ++*n;
}

static void make_looks(struct screen *s)
{
    short made[ROLE_COUNT * GROUND_COUNT][2], n = 0;
    for (int r = 0; r < ROLE_COUNT; r++) {
        for (int g = 0; g < GROUND_COUNT; g++) {
            const struct theme_role *role = &theme_roles[r];
            struct look *look = &s->looks[r][g];
            short fg, bg;
            if (!s->color) {
                look->attr = curses_attr(role->mono | theme_grounds[g].mono);
                continue;
            }
            pick_colours(role, &theme_grounds[g], &fg, &bg);
            look->attr = curses_attr(role->attr);
            look->pair = pair_for(fg, bg, made, &n);
        }
    }
}

/* -- opening, closing ------------------------------------------------------------------- */

static bool term_known(const char *term, int fd)
{
    int status;
    if (!term || !*term || setupterm(term, fd, &status) != OK) return false;
    bool ok = tigetstr("cup") != NULL && tigetstr("cup") != (char *)-1;
    del_curterm(cur_term);
    return ok;
}

static const char *choose_term(struct screen *s, const char *wanted)
{
    const char *const names[] = { wanted, "xterm-256color", "xterm", "vt100" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!term_known(names[i], s->out_fd)) continue;
        snprintf(s->term, sizeof s->term, "%s", names[i]);
        s->fell_back = i > 0;
        return s->term;
    }
    return NULL;
}

static void define_keys(void)
{
    static const struct {
        const char *seq;
        int code;
    } keys[] = {
        { "\033[A", KEY_UP },     { "\033[B", KEY_DOWN }, { "\033[C", KEY_RIGHT },
        { "\033[D", KEY_LEFT },   { "\033OA", KEY_UP },   { "\033OB", KEY_DOWN },
        { "\033OC", KEY_RIGHT },  { "\033OD", KEY_LEFT }, { "\033[H", KEY_HOME },
        { "\033[F", KEY_END },    { "\033OH", KEY_HOME }, { "\033OF", KEY_END },
        { "\033[1~", KEY_HOME },  { "\033[4~", KEY_END }, { "\033[5~", KEY_PPAGE },
        { "\033[6~", KEY_NPAGE }, { "\033[3~", KEY_DC },  { "\033[Z", KEY_BTAB },
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) define_key(keys[i].seq, keys[i].code);
}

/* ^S and ^Q are keys here, not flow control (a stopped terminal looks like a hung program), and
 * so are ^V and ^O. ^C and ^Z stay signals. */
static void free_control_keys(int fd)
{
    struct termios t;
    if (tcgetattr(fd, &t)) return;
    t.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
    t.c_lflag &= ~(tcflag_t)IEXTEN;
    tcsetattr(fd, TCSANOW, &t);
    def_prog_mode();
}

static void start_curses(struct screen *s, bool no_color)
{
    cbreak();
    noecho();
    nonl();
    free_control_keys(s->out_fd);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    leaveok(stdscr, TRUE);
    typeahead(-1); /* a frame is sent whole, whatever is being typed */
    set_escdelay(25);
    define_keys();
    curs_set(0);
    s->color = !no_color && has_colors();
    if (s->color) {
        start_color();
        use_default_colors();
    }
    make_looks(s);
}

int screen_open(struct screen **ret, const struct screen_options *opt, struct err *e)
{
    struct screen *s = mem_zalloc(1, sizeof *s);
    struct termios mode;
    s->out = opt->out ? opt->out : stdout;
    s->out_fd = fileno(s->out);
    s->own_in = opt->in_fd < 0;
    s->in_fd = s->own_in ? open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY) : opt->in_fd;
    if (s->in_fd < 0) {
        free(s);
        err_sys(e, ERR_IO, "cannot open the terminal /dev/tty");
        return err_hint(e, "use --batch VERB, or --once PANE for text");
    }
    bool have_mode = tcgetattr(s->out_fd, &mode) == 0;
    s->in = fdopen(s->in_fd, "r");
    const char *term = choose_term(s, opt->term);
    s->curses = term ? newterm(term, s->out, s->in) : NULL;
    if (!s->curses) {
        fclose(s->in);
        free(s);
        err_set(e, ERR_IO, "no description of this terminal (TERM=%s)", opt->term ? opt->term : "");
        return err_hint(e, "set TERM=xterm-256color, or use --batch VERB or --once PANE");
    }
    start_curses(s, opt->no_color);
    rescue_arm(s, have_mode ? &mode : NULL);
    canvas_init(&s->shown, COLS, LINES, false);
    s->repaint = true;
    *ret = s;
    return 0;
}

void screen_close(struct screen *s)
{
    if (!s) return;
    curs_set(1);
    endwin();
    rescue_disarm();
    delscreen(s->curses);
    fflush(s->out);
    if (s->own_in) fclose(s->in);
    canvas_done(&s->shown);
    free(s);
}

const char *screen_fallback(const struct screen *s)
{
    return s->fell_back ? s->term : NULL;
}
int screen_fd(const struct screen *s)
{
    return s->in_fd;
}

/* -- size -----------------------------------------------------------------------------------------
 */

void screen_set_size(struct screen *s, int w, int h)
{
    w = w < 1 ? 1 : w > CANVAS_MAX ? CANVAS_MAX : w;
    h = h < 1 ? 1 : h > CANVAS_MAX ? CANVAS_MAX : h;
    if (w == s->shown.w && h == s->shown.h && w == COLS && h == LINES) return;
    resizeterm(h, w);
    canvas_resize(&s->shown, w, h);
    s->repaint = true;
}

void screen_resize(struct screen *s, int *ret_w, int *ret_h)
{
    struct winsize ws;
    if (ioctl(s->out_fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col && ws.ws_row)
        screen_set_size(s, ws.ws_col, ws.ws_row);
    *ret_w = s->shown.w;
    *ret_h = s->shown.h;
}

/* -- output ---------------------------------------------------------------------------------------
 */

bool screen_ready(const struct screen *s)
{
    struct pollfd p = { .fd = s->out_fd, .events = POLLOUT };
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

static void put_cell(const struct screen *s, int x, int y, const struct cell *c)
{
    const struct look *look = &s->looks[c->role][c->ground];
    const wchar_t text[2] = { (wchar_t)c->cp, L'\0' };
    cchar_t cc;
    setcchar(&cc, text, look->attr, look->pair, NULL);
    mvadd_wch(y, x, &cc);
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
    return a->cp == b->cp && a->role == b->role && a->ground == b->ground;
}

/* In a wide character both halves count: a change of either writes the left one. */
static size_t put_changes(struct screen *s, const struct canvas *cv)
{
    size_t written = 0;
    for (int y = 0; y < cv->h; y++) {
        for (int x = 0; x < cv->w; x++) {
            struct cell *old = &s->shown.cells[(size_t)y * (size_t)cv->w + (size_t)x];
            const struct cell *now = canvas_at(cv, x, y);
            bool same = same_cell(old, now);
            if (now->width == 2 && same) same = same_cell(old + 1, now + 1);
            if (same && !s->repaint) continue;
            if (now->cp) put_cell(s, x, y, now);
            written++;
        }
    }
    if (written)
        memcpy(s->shown.cells, cv->cells, (size_t)cv->w * (size_t)cv->h * sizeof *cv->cells);
    return written;
}

/* Returns true when curses has something to send. */
static bool put_cursor(struct screen *s, const struct canvas *cv)
{
    bool show = cv->cursor_x >= 0;
    bool moved = show && (cv->cursor_x != s->shown.cursor_x || cv->cursor_y != s->shown.cursor_y);
    bool changed = show != s->cursor_shown || moved;
    if (show != s->cursor_shown) {
        leaveok(stdscr, !show);
        curs_set(show ? 1 : 0);
        s->cursor_shown = show;
    }
    s->shown.cursor_x = cv->cursor_x;
    s->shown.cursor_y = cv->cursor_y;
    return changed;
}

size_t screen_show(struct screen *s, const struct canvas *cv)
{
    if (cv->w != s->shown.w || cv->h != s->shown.h) screen_set_size(s, cv->w, cv->h);
    if (s->repaint) clearok(stdscr, TRUE);
    size_t written = put_changes(s, cv);
    bool cursor = put_cursor(s, cv);
    if (cv->cursor_x >= 0) move(cv->cursor_y, cv->cursor_x);
    if (written || cursor || s->repaint) refresh();
    s->repaint = false;
    return written;
}

void screen_redraw(struct screen *s)
{
    s->repaint = true;
}

/* -- input ------------------------------------------------------------------------------ */

static uint32_t translate(wint_t code)
{
    static const struct {
        wint_t curses;
        uint32_t key;
    } keys[] = {
        { KEY_UP, K_UP },        { KEY_DOWN, K_DOWN },   { KEY_LEFT, K_LEFT },
        { KEY_RIGHT, K_RIGHT },  { KEY_HOME, K_HOME },   { KEY_END, K_END },
        { KEY_PPAGE, K_PGUP },   { KEY_NPAGE, K_PGDN },  { KEY_DC, K_DELETE },
        { KEY_BTAB, K_BACKTAB }, { KEY_ENTER, K_ENTER }, { KEY_BACKSPACE, K_BACKSPACE },
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].curses == code) return keys[i].key;
    return K_NONE;
}

uint32_t screen_key(struct screen *s)
{
    (void)s;
    for (;;) {
        wint_t code;
        int kind = get_wch(&code);
        if (kind == ERR) return K_NONE;
        if (kind == OK) return code == '\n' ? K_ENTER : code == 8 ? K_BACKSPACE : (uint32_t)code;
        uint32_t key = translate(code);
        if (key != K_NONE) return key; /* others, and KEY_RESIZE, are nobody's */
    }
}

bool screen_gone(const struct screen *s)
{
    struct pollfd p = { .fd = s->in_fd, .events = POLLIN };
    if (poll(&p, 1, 0) < 1) return false;
    if (p.revents & (POLLHUP | POLLERR | POLLNVAL)) return true;
    int waiting = 0;
    /* Readable with nothing to read is end of file. */
    return ioctl(s->in_fd, FIONREAD, &waiting) == 0 && waiting == 0;
}
