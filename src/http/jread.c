/* jread.c: see jread.h. */
#include "http/jread.h"
#include <math.h>
#include <string.h>

static void blanks(struct jread *j)
{
    while (j->at < j->n && strchr(" \t\r\n", j->text[j->at]) && j->text[j->at]) j->at++;
}

char jread_peek(struct jread *j)
{
    blanks(j);
    return j->at < j->n ? j->text[j->at] : '\0';
}

static int expected(struct jread *j, const char *what)
{
    if (jread_peek(j) == '\0')
        return err_set(j->e, ERR_PARSE, "the JSON ends early, at byte %zu: %s expected", j->at + 1,
                       what);
    return err_set(j->e, ERR_PARSE, "byte %zu: %s expected", j->at + 1, what);
}

int jread_open(struct jread *j, char bracket)
{
    const char closing = bracket == '{' ? '}' : ']';

    if (jread_peek(j) != bracket) return expected(j, bracket == '{' ? "an object" : "a list");
    j->at++;
    if (jread_peek(j) != closing) return 1;
    j->at++;
    return 0;
}

int jread_more(struct jread *j, char closing)
{
    char c = jread_peek(j);

    if (c != ',' && c != closing) return expected(j, closing == '}' ? "',' or '}'" : "',' or ']'");
    j->at++;
    return c == ',';
}

int jread_key(struct jread *j, struct jtext *ret)
{
    if (jread_peek(j) != '"') return expected(j, "a name in quotes");
    int rc = jread_text(j, "a name", ret);
    if (rc) return rc;
    if (jread_peek(j) != ':') return expected(j, "':'");
    j->at++;
    return 0;
}

int jread_cell(struct jread *j, struct cell *ret)
{
    return cell_scan_json(j->rows, j->text, j->n, &j->at, ret, j->e);
}

int jread_text(struct jread *j, const char *what, struct jtext *ret)
{
    struct cell c;

    if (jread_peek(j) != '"') return err_set(j->e, ERR_INVALID, "%s must be a text", what);
    int rc = jread_cell(j, &c);
    if (rc == 0) *ret = (struct jtext){ c.text, c.n };
    return rc;
}

int jread_int(struct jread *j, const char *what, int64_t *ret)
{
    struct cell c;
    char first = jread_peek(j);

    if (first != '-' && (first < '0' || first > '9'))
        return err_set(j->e, ERR_INVALID, "%s must be a whole number", what);
    int rc = jread_cell(j, &c);
    if (rc) return rc;
    if (!(fabs(c.num) <= 9007199254740992.0) || floor(c.num) < c.num)
        return err_set(j->e, ERR_INVALID, "%s must be a whole number", what);
    *ret = (int64_t)c.num;
    return 0;
}

int jread_bool(struct jread *j, const char *what, bool *ret)
{
    struct cell c;
    char first = jread_peek(j);

    if (first != 't' && first != 'f')
        return err_set(j->e, ERR_INVALID, "%s must be true or false", what);
    int rc = jread_cell(j, &c);
    if (rc == 0) *ret = c.num > 0;
    return rc;
}

int jread_skip(struct jread *j)
{
    return cell_skip_json(j->rows, j->text, j->n, &j->at, j->e);
}

int jread_end(struct jread *j)
{
    return jread_peek(j) || j->at < j->n ? expected(j, "the end") : 0;
}

bool jtext_is(struct jtext t, const char *s)
{
    return strlen(s) == t.n && memcmp(s, t.p, t.n) == 0;
}
