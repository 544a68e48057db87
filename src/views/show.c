/* show.c: a verb's reply as text for a window: its own text, else its table, else JSON. */
#include "app/reply.h"
#include "base/utf8.h"
#include "views/fmt.h"
#include "views/overlay.h"

enum { COLUMN_MAX = 48, COLUMNS = 24 };

static void add_cell(struct str *out, const char *text, int w, bool last)
{
    size_t fit = utf8_fit(text, (size_t)w);
    STR_AUTO cut = STR_INIT;
    str_addn(&cut, text, fit);
    str_add(out, str_c(&cut));
    if (!last) str_pad(out, ' ', (size_t)w - utf8_width(str_c(&cut)) + 2);
}

static const char *cell_text(char *buf, size_t cap, const struct val *row,
                             const struct reply_column *c, int64_t now_us)
{
    return fmt_val(buf, cap, fmt_path(row, c->key), c->format, now_us);
}

static void add_table(struct str *out, const struct reply *r, int64_t now_us)
{
    const struct val *rows = val_get(r->v, r->rows);
    int width[COLUMNS], n = 0;
    char buf[512];
    for (; n < COLUMNS && r->columns[n].key; n++) {
        width[n] = (int)utf8_width(r->columns[n].title);
        for (size_t i = 0; i < val_len(rows); i++) {
            cell_text(buf, sizeof buf, val_at(rows, i), &r->columns[n], now_us);
            int w = (int)utf8_width(buf);
            if (w > width[n]) width[n] = w < COLUMN_MAX ? w : COLUMN_MAX;
        }
    }
    for (int c = 0; c < n; c++) add_cell(out, r->columns[c].title, width[c], c == n - 1);
    str_addc(out, '\n');
    for (size_t i = 0; i < val_len(rows); i++) {
        for (int c = 0; c < n; c++) {
            cell_text(buf, sizeof buf, val_at(rows, i), &r->columns[c], now_us);
            add_cell(out, buf, width[c], c == n - 1);
        }
        str_addc(out, '\n');
    }
    if (val_len(rows) == 0) str_add(out, "(no rows)\n");
}

void show_reply(struct str *out, const struct reply *r, int64_t now_us)
{
    if (r->text && *r->text) str_add(out, r->text);
    else if (r->v && r->rows && r->columns) add_table(out, r, now_us);
    else if (r->v) val_write_json(out, r->v, 2);
    else str_add(out, "done");
}
