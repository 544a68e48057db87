/* report_html.c: a report as one HTML file: its style, its charts and nothing else; a policy in
 * its head forbids scripts and anything from elsewhere, and all text is escaped. */
#include "app/report.h"
#include "app/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light "
    "dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--dim:#667085;--line:#e3e7ee;"
    "--soft:#f0f3f8;--c0:#2563c9;--c1:#d97a12;--c2:#1f9d6b;--c3:#cf4257;--c4:#7a57c7;--c5:#4b8a99}"
    "@media(prefers-color-scheme:dark){:root{--bg:#10141b;--card:#181e28;--ink:#e6eaf1;--dim:#"
    "93a0b4;"
    "--line:#2a3342;--soft:#1f2733;--c0:#6ea2ff;--c1:#f0a550;--c2:#4fce9b;--c3:#f2788a;--c4:#"
    "b39bf0;--c5:#7fc3d3}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 "
    "system-ui,"
    "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
    "main{max-width:1120px;margin:0 auto;padding:36px 20px 60px}"
    "header{margin-bottom:26px}.kind{display:inline-block;font-size:12px;letter-spacing:.08em;text-"
    "transform:uppercase;"
    "color:var(--c0);font-weight:600}h1{font-size:29px;line-height:1.2;margin:4px 0 "
    "4px;overflow-wrap:anywhere}"
    ".sub{color:var(--dim);overflow-wrap:anywhere}h2{font-size:18px;margin:34px 0 12px}"
    "h3{font-size:14px;margin:0 0 10px;font-weight:600}"
    ".grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(440px,100%),1fr)"
    ")}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px "
    "18px;min-width:0}"
    ".wide{grid-column:1/-1}figure{margin:0}figure svg{width:100%;height:auto;display:block}"
    "figcaption{font-size:14px;font-weight:600;margin-bottom:8px}"
    ".facts{display:grid;gap:10px "
    "26px;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));margin:0}"
    ".facts dt{font-size:12px;color:var(--dim)}.facts "
    "dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}"
    ".tiles{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(158px,1fr))}"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px "
    "14px}"
    ".tile "
    "b{display:block;font-size:23px;font-weight:650;font-variant-numeric:tabular-nums;line-height:"
    "1.25}"
    ".tile span{font-size:12px;color:var(--dim);display:block}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px;font-"
    "variant-numeric:tabular-nums}"
    "th{font-weight:600;color:var(--dim);text-align:left;font-size:12px;white-space:nowrap}"
    "td,th{padding:6px 10px;border-bottom:1px solid var(--line)}tbody tr:last-child "
    "td{border-bottom:0}"
    "tbody "
    "tr:hover{background:var(--soft)}.r{text-align:right}td{max-width:340px;overflow-wrap:anywhere}"
    "td "
    "b{color:var(--c2)}p{margin:0;white-space:pre-line;overflow-wrap:anywhere}footer{margin-top:"
    "40px;color:var(--dim);font-size:12.5px}"
    ".spark{width:84px;height:18px;display:block}"
    "svg text{font-size:11.5px;fill:var(--ink)}svg .t{fill:var(--dim)}svg "
    ".l{fill:var(--ink);font-size:12px}"
    "svg .v{fill:var(--ink)}svg .i{fill:var(--card)}svg .g{stroke:var(--line);fill:none}svg "
    ".a{stroke:var(--dim);fill:none}"
    "svg .n{fill:none;stroke-width:2.1;stroke-linejoin:round}svg "
    ".d{stroke:var(--dim);stroke-dasharray:4 4;fill:none}"
    "svg .w{stroke-width:1.3;fill:none}svg path.w.a{stroke:var(--ink)}"
    "svg .f0{fill:var(--c0)}svg .f1{fill:var(--c1)}svg .f2{fill:var(--c2)}svg "
    ".f3{fill:var(--c3)}svg .f4{fill:var(--c4)}"
    "svg .f5{fill:var(--c5)}svg .s0{stroke:var(--c0)}svg .s1{stroke:var(--c1)}svg "
    ".s2{stroke:var(--c2)}"
    "svg .s3{stroke:var(--c3)}svg .s4{stroke:var(--c4)}svg .s5{stroke:var(--c5)}"
    "@media print{body{background:#fff}.card,.tile{break-inside:avoid}}";

static void element(struct str *out, const char *open, const char *text, const char *close)
{
    str_add(out, open);
    xml_add(out, text);
    str_add(out, close);
}

static void add_scalar(struct str *out, const struct val *v)
{
    char buf[48];
    STR_AUTO s = STR_INIT;

    if (val_type(v) == VAL_NULL) return;
    if (val_type(v) == VAL_REAL || val_type(v) == VAL_INT)
        str_add(&s, report_number(buf, val_as_real(v, 0)));
    else val_write_text(&s, v);
    xml_add(out, str_c(&s));
}

static void add_cell(struct str *out, const struct val *v)
{
    if (val_has(v, "spark")) {
        svg_spark(out, val_get(v, "spark"));
    } else if (val_type(v) == VAL_OBJ) {
        str_add(out, "<b>");
        add_scalar(out, val_get(v, "strong"));
        str_add(out, "</b>");
    } else {
        add_scalar(out, v);
    }
}

static void add_table(struct str *out, const struct val *b)
{
    const struct val *columns = val_get(b, "columns"), *rows = val_get(b, "rows");

    str_add(out, "<div class=\"card wide\">");
    if (val_has(b, "title")) element(out, "<h3>", val_get_str(b, "title", ""), "</h3>");
    str_add(out, "<div class=\"scroll\"><table><thead><tr>");
    for (size_t c = 0; c < val_len(columns); c++) {
        const struct val *col = val_at(columns, c);
        if (!report_column_used(b, c)) continue;
        element(out, val_get_bool(col, "right", false) ? "<th class=\"r\">" : "<th>",
                val_get_str(col, "title", ""), "</th>");
    }
    str_add(out, "</tr></thead><tbody>");
    for (size_t i = 0; i < val_len(rows); i++) {
        str_add(out, "<tr>");
        for (size_t c = 0; c < val_len(columns); c++) {
            if (!report_column_used(b, c)) continue;
            bool right = val_get_bool(val_at(columns, c), "right", false);
            str_add(out, right ? "<td class=\"r\">" : "<td>");
            add_cell(out, val_at(val_at(rows, i), c));
            str_add(out, "</td>");
        }
        str_add(out, "</tr>\n");
    }
    str_add(out, "</tbody></table></div></div>\n");
}

static void add_facts(struct str *out, const struct val *b)
{
    const struct val *items = val_get(b, "items");

    str_add(out, "<div class=\"card wide\"><dl class=\"facts\">");
    for (size_t i = 0; i < val_len(items); i++) {
        element(out, "<div><dt>", val_get_str(val_at(items, i), "label", ""), "</dt>");
        element(out, "<dd>", val_get_str(val_at(items, i), "value", ""), "</dd></div>");
    }
    str_add(out, "</dl></div>\n");
}

static void add_tiles(struct str *out, const struct val *b)
{
    const struct val *items = val_get(b, "items");
    char buf[48], low[48];

    str_add(out, "<div class=\"tiles wide\">");
    for (size_t i = 0; i < val_len(items); i++) {
        const struct val *o = val_at(items, i);
        element(out, "<div class=\"tile\"><span>", val_get_str(o, "label", ""), "</span>");
        element(out, "<b>", report_number(buf, val_get_real(o, "value", (double)NAN)), "</b>");
        if (val_has(o, "low")) {
            report_number(low, val_get_real(o, "low", (double)NAN));
            str_addf(out, "<span>%s – %s</span>", low,
                     report_number(buf, val_get_real(o, "high", (double)NAN)));
        }
        if (val_has(o, "note")) element(out, "<span>", val_get_str(o, "note", ""), "</span>");
        str_add(out, "</div>");
    }
    str_add(out, "</div>\n");
}

static void add_chart(struct str *out, const struct val *b)
{
    bool wide = str_eq(val_get_str(b, "chart", ""), "heat") && val_len(val_get(b, "columns")) > 9;

    str_add(out, wide ? "<figure class=\"card wide\">" : "<figure class=\"card\">");
    element(out, "<figcaption>", val_get_str(b, "title", ""), "</figcaption>");
    svg_chart(out, b);
    str_add(out, "</figure>\n");
}

static void add_block(struct str *out, const struct val *b)
{
    const char *type = val_get_str(b, "type", "");

    if (str_eq(type, "table")) add_table(out, b);
    else if (str_eq(type, "facts")) add_facts(out, b);
    else if (str_eq(type, "tiles")) add_tiles(out, b);
    else if (str_eq(type, "chart")) add_chart(out, b);
    else element(out, "<div class=\"card wide\"><p>", val_get_str(b, "text", ""), "</p></div>\n");
}

void report_write_html(struct str *out, const struct val *doc)
{
    const struct val *sections = val_get(doc, "sections");

    str_add(out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
            "'unsafe-inline'\"><meta name=\"viewport\" "
            "content=\"width=device-width,initial-scale=1\">");
    element(out, "<title>", val_get_str(doc, "title", ""), " · signalbox</title>");
    str_addf(out, "<style>%s</style></head><body><main><header>", style);
    element(out, "<span class=\"kind\">", val_get_str(doc, "kind", ""), "</span>");
    element(out, "<h1>", val_get_str(doc, "title", ""), "</h1>");
    element(out, "<div class=\"sub\">", val_get_str(doc, "subtitle", ""), "</div></header>\n");
    for (size_t i = 0; i < val_len(sections); i++) {
        const struct val *s = val_at(sections, i), *blocks = val_get(s, "blocks");
        if (!val_len(blocks)) continue;
        str_add(out, "<section>");
        if (*val_get_str(s, "title", ""))
            element(out, "<h2>", val_get_str(s, "title", ""), "</h2>");
        str_add(out, "<div class=\"grid\">\n");
        for (size_t b = 0; b < val_len(blocks); b++) add_block(out, val_at(blocks, b));
        str_add(out, "</div></section>\n");
    }
    element(out, "<footer>signalbox report, ", val_get_str(doc, "made_at", ""),
            " · intervals are 95 %</footer></main></body></html>\n");
}
