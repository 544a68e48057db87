/* canvas_text.c: a canvas as plain text, for --once and pipes. No attributes: severity is in
 * glyphs and words already. Any thread. */
#include "base/utf8.h"
#include "views/canvas.h"

static void add_row(const struct canvas *cv, int y, struct str *out)
{
    size_t keep = out->len;
    for (int x = 0; x < cv->w; x++) {
        const struct cell *c = canvas_at(cv, x, y);
        if (c->cp == 0) continue;
        char buf[4];
        str_addn(out, buf, utf8_put(buf, c->cp));
        if (c->cp != ' ') keep = out->len;
    }
    if (out->p) {
        out->len = keep;
        out->p[keep] = '\0';
    }
    str_addc(out, '\n');
}

void canvas_write_text(const struct canvas *cv, struct str *out)
{
    size_t start = out->len, keep = start;
    for (int y = 0; y < cv->h; y++) {
        size_t before = out->len;
        add_row(cv, y, out);
        if (out->len > before + 1) keep = out->len;
    }
    if (out->p) {
        out->len = keep;
        out->p[keep] = '\0';
    }
}
