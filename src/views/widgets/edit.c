/* edit.c: the readline keys everybody's fingers know: arrows, Home/^A, End/^E, Backspace, Del/^D,
 * ^W a word, ^U to the start, ^K to the end. */
#include "views/widgets/edit.h"
#include "base/utf8.h"
#include <string.h>

void edit_done(struct edit *e)
{
    str_done(&e->text);
    e->pos = 0;
}

void edit_set(struct edit *e, const char *text)
{
    str_clear(&e->text);
    str_add(&e->text, text ? text : "");
    e->pos = e->text.len;
}

const char *edit_text(const struct edit *e)
{
    return str_c(&e->text);
}

static size_t before(const struct edit *e, size_t pos)
{
    if (pos == 0) return 0;
    pos--;
    while (pos && ((unsigned char)e->text.p[pos] & 0xc0) == 0x80) pos--;
    return pos;
}

static size_t after(const struct edit *e, size_t pos)
{
    uint32_t cp;
    return pos < e->text.len ? pos + utf8_next(e->text.p + pos, e->text.len - pos, &cp) : pos;
}

static size_t word_start(const struct edit *e)
{
    size_t p = e->pos;
    while (p && e->text.p[p - 1] == ' ') p--;
    while (p && e->text.p[p - 1] != ' ') p--;
    return p;
}

static void erase(struct edit *e, size_t from, size_t to)
{
    if (from >= to) return;
    memmove(e->text.p + from, e->text.p + to, e->text.len - to + 1);
    e->text.len -= to - from;
    e->pos = from;
}

static void insert(struct edit *e, const char *s, size_t n)
{
    if (e->text.len + n > EDIT_MAX) return;
    str_reserve(&e->text, n + 1);
    memmove(e->text.p + e->pos + n, e->text.p + e->pos, e->text.len - e->pos);
    memcpy(e->text.p + e->pos, s, n);
    e->text.len += n;
    e->text.p[e->text.len] = '\0';
    e->pos += n;
}

void edit_complete(struct edit *e, size_t from, const char *with)
{
    erase(e, from, e->pos);
    insert(e, with, strlen(with));
}

bool edit_key(struct edit *e, uint32_t key)
{
    switch (key) {
    case K_LEFT:
    case K_CTRL('b'): e->pos = before(e, e->pos); return true;
    case K_RIGHT:
    case K_CTRL('f'): e->pos = after(e, e->pos); return true;
    case K_HOME:
    case K_CTRL('a'): e->pos = 0; return true;
    case K_END:
    case K_CTRL('e'): e->pos = e->text.len; return true;
    case K_BACKSPACE:
    case K_CTRL('h'): erase(e, before(e, e->pos), e->pos); return true;
    case K_DELETE:
    case K_CTRL('d'): erase(e, e->pos, after(e, e->pos)); return true;
    case K_CTRL('w'): erase(e, word_start(e), e->pos); return true;
    case K_CTRL('u'): erase(e, 0, e->pos); return true;
    case K_CTRL('k'): erase(e, e->pos, e->text.len); return true;
    default: break;
    }
    if (!key_is_text(key)) return false;
    char buf[4];
    insert(e, buf, utf8_put(buf, key));
    return true;
}

void edit_draw(struct canvas *cv, struct rect at, const struct edit *e, bool focus)
{
    if (at.w <= 0) return;
    const char *s = str_c(&e->text);
    /* Drop whole code points from the left until the cursor is inside. */
    size_t from = 0;
    struct str head = STR_INIT;
    str_addn(&head, s, e->pos);
    int column = (int)utf8_width(str_c(&head));
    while (column >= at.w) {
        size_t next = after(e, from);
        str_clear(&head);
        str_addn(&head, s + next, e->pos - next);
        from = next;
        column = (int)utf8_width(str_c(&head));
    }
    str_done(&head);
    canvas_fill(cv, at, ROLE_INPUT, ' ');
    struct rect old = canvas_clip(cv, at);
    canvas_text(cv, at.x, at.y, ROLE_INPUT, s + from);
    canvas_unclip(cv, old);
    if (!focus) return;
    cv->cursor_x = at.x + column;
    cv->cursor_y = at.y;
}
