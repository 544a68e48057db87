/* script.c: the tokenizer of batch scripts: a state per quoting style, a character at a time.
 * Limits hold before memory is taken: a script is input from outside. */
#include "batch/script.h"
#include "base/str.h"
#include "base/vec.h"
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 64 * 1024, WORDS_MAX = 4096 };

struct reader {
    struct script *s;
    struct str word;
    bool in_word; /* also after an empty pair of quotes */
    int line;     /* of the character at hand */
    VEC(char *) words;
    struct arena *a;
    struct err *e;
};

static int get(struct script *s)
{
    int c = getc(s->f);
    if (c == '\n') s->line++;
    return c;
}

static int fail(struct reader *r, int line, const char *what)
{
    return err_set(r->e, ERR_PARSE, "%s:%d: %s", r->s->name, line, what);
}

static int put(struct reader *r, int c)
{
    if (c == 0) return fail(r, r->s->line + 1, "a NUL byte; this is not a text file");
    if (r->word.len >= WORD_MAX) return fail(r, r->s->line + 1, "a word is longer than 64 KiB");
    r->in_word = true;
    str_addc(&r->word, (char)c);
    return 0;
}

static int end_word(struct reader *r)
{
    if (!r->in_word) return 0;
    if (r->words.n >= WORDS_MAX) return fail(r, r->line, "more than 4096 words in a command");
    vec_push(&r->words, arena_strndup(r->a, str_c(&r->word), r->word.len));
    str_clear(&r->word);
    r->in_word = false;
    return 0;
}

/* After the opening quote, to the closing one. */
static int read_quoted(struct reader *r, int quote)
{
    int start = r->s->line + 1;
    r->in_word = true;
    for (int c = get(r->s); c != quote; c = get(r->s)) {
        if (c == '\\' && quote == '"') {
            c = get(r->s);
            if (c == '\n') continue;
            if (c != EOF && !strchr("\"\\$`", c) && put(r, '\\')) return -ERR_PARSE;
        }
        if (c == EOF) return fail(r, start, quote == '"' ? "\" is not closed" : "' is not closed");
        if (put(r, c)) return -ERR_PARSE;
    }
    return 0;
}

static int read_escape(struct reader *r)
{
    int c = get(r->s);
    if (c == '\r') {
        int next = get(r->s);
        if (next == '\n') return 0;
        if (next != EOF) ungetc(next, r->s->f);
    }
    if (c == EOF) return fail(r, r->s->line + 1, "\\ at the end of the script");
    return c == '\n' ? 0 : put(r, c);
}

/* One character outside quotes. 1: the command ends here. */
static int step(struct reader *r, int c)
{
    int rc;
    switch (c) {
    case EOF:
    case '\n': rc = end_word(r); return rc ? rc : 1;
    case ' ':
    case '\t':
    case '\r': return end_word(r);
    case '\\': return read_escape(r);
    case '\'':
    case '"': return read_quoted(r, c);
    case '#':
        if (r->in_word) return put(r, c);
        while (c != '\n' && c != EOF) c = get(r->s);
        return 1;
    default: return put(r, c);
    }
}

static int read_command(struct reader *r, int *ret_line, bool *ret_end)
{
    int rc = 0, c = 0;
    for (*ret_line = 0; !rc;) {
        r->line = r->s->line + 1;
        c = get(r->s);
        rc = step(r, c);
        if (!*ret_line && (r->in_word || r->words.n)) *ret_line = r->line;
    }
    *ret_end = c == EOF;
    return rc;
}

int script_next(struct script *s, struct arena *a, struct script_command *ret, struct err *e)
{
    struct reader r = { .s = s, .a = a, .e = e, .words = VEC_INIT };
    int rc = 1, line = 0;
    for (bool end = false; rc > 0 && !end && !r.words.n;) rc = read_command(&r, &line, &end);
    if (rc > 0 && ferror(s->f)) rc = err_sys(e, ERR_IO, "%s cannot be read", s->name);
    if (rc > 0 && r.words.n) {
        char **argv = arena_array(a, r.words.n + 1, char *);
        memcpy(argv, r.words.p, r.words.n * sizeof *argv);
        *ret = (struct script_command){ line, (int)r.words.n, argv };
    } else if (rc > 0) {
        rc = 0;
    }
    str_done(&r.word);
    vec_done(&r.words);
    return rc;
}
