/* canvas_mem.c: a canvas as a golden screen, and looking things up in one.
 *
 * The golden file is meant to be read and reviewed: first the text in full width between bars,
 * then, sparse, the runs of cells that do not look like ordinary text:
 *   y  x-x  ROLE ground
 * A wide character is written once; its right half is not. Any thread. */
#include "base/utf8.h"
#include "views/canvas.h"
#include <string.h>

static void add_cells(const struct canvas *cv, int y, struct str *out)
{
    for (int x = 0; x < cv->w; x++) {
        const struct cell *c = canvas_at(cv, x, y);
        if (c->cp == 0) continue;
        char buf[4];
        str_addn(out, buf, utf8_put(buf, c->cp));
    }
}

static bool same_look(const struct cell *a, const struct cell *b)
{
    return a->role == b->role && a->ground == b->ground;
}

/* A blank shows nothing of its role. */
static bool is_plain(const struct cell *c)
{
    return c->ground == GROUND_PLAIN && (c->role == ROLE_TEXT || c->cp == ' ');
}

static void add_looks(const struct canvas *cv, int y, struct str *out)
{
    for (int x = 0; x < cv->w;) {
        const struct cell *c = canvas_at(cv, x, y);
        int from = x++;
        if (is_plain(c)) continue;
        while (x < cv->w && same_look(canvas_at(cv, x, y), c)) x++;
        int to = x - 1;
        while (to > from && is_plain(canvas_at(cv, to, y))) to--;
        str_addf(out, "%d %d-%d %s", y, from, to, theme_roles[c->role].name);
        if (c->ground != GROUND_PLAIN) str_addf(out, " %s", theme_grounds[c->ground].name);
        str_addc(out, '\n');
    }
}

void canvas_write_golden(const struct canvas *cv, const char *name, struct str *out)
{
    str_addf(out, "%s %dx%d\n", name, cv->w, cv->h);
    for (int y = 0; y < cv->h; y++) {
        str_addc(out, '|');
        add_cells(cv, y, out);
        str_add(out, "|\n");
    }
    if (cv->cursor_x >= 0) str_addf(out, "cursor %d %d\n", cv->cursor_y, cv->cursor_x);
    for (int y = 0; y < cv->h; y++) add_looks(cv, y, out);
}

bool canvas_equal(const struct canvas *a, const struct canvas *b)
{
    if (a->w != b->w || a->h != b->h) return false;
    size_t n = (size_t)a->w * (size_t)a->h;
    for (size_t i = 0; i < n; i++)
        if (a->cells[i].cp != b->cells[i].cp || !same_look(&a->cells[i], &b->cells[i]))
            return false;
    return a->cursor_x == b->cursor_x && a->cursor_y == b->cursor_y;
}

bool canvas_find(const struct canvas *cv, const char *s, int *ret_x, int *ret_y)
{
    STR_AUTO row = STR_INIT;
    for (int y = 0; y < cv->h; y++) {
        str_clear(&row);
        add_cells(cv, y, &row);
        const char *hit = strstr(str_c(&row), s);
        if (!hit) continue;
        STR_AUTO before = STR_INIT;
        str_addn(&before, row.p, (size_t)(hit - row.p));
        if (ret_x) *ret_x = (int)utf8_width(str_c(&before));
        if (ret_y) *ret_y = y;
        return true;
    }
    return false;
}
