/* audit.c: the hash-chained log.
 *
 * hash = SHA-256(prev ‖ canonical text). The canonical text is every field as "length:bytes,"
 * in a fixed order, so no two rows share one. The first prev is 64 zeros. Sequence numbers have
 * no gaps, and a separate row holds the end of the chain. Triggers refuse UPDATE and DELETE;
 * who goes around them breaks the chain, and audit_verify names the first row that is wrong.
 * (Whoever can write the file could recompute all of it: export the head elsewhere.) */
#include "store/audit.h"
#include "base/digest.h"
#include "store/store_priv.h"
#include <stdio.h>
#include <string.h>

#define PAGE    1000
#define GENESIS "0000000000000000000000000000000000000000000000000000000000000000"
#define COLUMNS "seq, at_us, actor, verb, object, reason, detail, hash, prev"

static void add_field(struct sha256 *h, const char *p)
{
    char len[24];
    size_t n = strlen(p);
    int k = snprintf(len, sizeof len, "%zu:", n);
    sha256_add(h, len, (size_t)k);
    sha256_add(h, p, n);
    sha256_add(h, ",", 1);
}

static void add_number(struct sha256 *h, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    add_field(h, text);
}

static void hash_row(const struct audit_row *row, const char *prev, char hex[SHA256_HEX + 1])
{
    struct sha256 h;
    sha256_init(&h);
    add_field(&h, prev);
    add_number(&h, row->seq);
    add_number(&h, row->at_us);
    add_field(&h, row->actor);
    add_field(&h, row->verb);
    add_field(&h, row->object);
    add_field(&h, row->reason);
    add_field(&h, row->detail);
    sha256_hex(&h, hex);
}

static void read_row(struct db_stmt *st, struct arena *a, void *ret)
{
    struct audit_row *r = ret;
    *r = (struct audit_row){
        .seq = db_i64(st, 0),
        .at_us = db_i64(st, 1),
        .actor = db_dup_or(st, 2, a),
        .verb = db_dup_or(st, 3, a),
        .object = db_dup_or(st, 4, a),
        .reason = db_dup_or(st, 5, a),
        .detail = db_dup_or(st, 6, a),
        .hash = db_dup_or(st, 7, a),
        .prev = db_dup_or(st, 8, a),
    };
}

/* The end of the chain; 0 and GENESIS when empty. */
static int read_head(struct store *s, int64_t *ret_seq, char hash[SHA256_HEX + 1], struct err *e)
{
    struct db_stmt *st;
    int r = db_query(s->db, &st, "SELECT seq, hash FROM audit_head WHERE one = 1", DB_NOARGS, e);
    if (r < 0) return r;
    r = db_step(st, e);
    if (r >= 0) {
        *ret_seq = r > 0 ? db_i64(st, 0) : 0;
        const char *h = r > 0 ? db_text(st, 1) : NULL;
        snprintf(hash, SHA256_HEX + 1, "%s", h ? h : GENESIS);
    }
    db_end(st);
    return r < 0 ? r : 0;
}

static int insert_row(struct store *s, const struct audit_row *row, struct err *e)
{
    int r = store_exec(s,
                       "INSERT INTO audit (" COLUMNS ")"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                       DB_ARGS(db_i(row->seq), db_i(row->at_us), db_t(row->actor), db_t(row->verb),
                               db_t(row->object), db_t(row->reason), db_t(row->detail),
                               db_t(row->hash), db_t(row->prev)),
                       NULL, e);
    if (r < 0) return r;
    return store_exec(s,
                      "INSERT INTO audit_head (one, seq, hash) VALUES (1, $1, $2)"
                      " ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
                      DB_ARGS(db_i(row->seq), db_t(row->hash)), NULL, e);
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

int audit_append(struct store *s, const struct audit_row *in, int64_t *ret_seq, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    char prev[SHA256_HEX + 1], hash[SHA256_HEX + 1];
    struct audit_row row = {
        .at_us = in->at_us ? in->at_us : store_now(s),
        .actor = or_empty(in->actor),
        .verb = or_empty(in->verb),
        .object = or_empty(in->object),
        .reason = or_empty(in->reason),
        .detail = in->detail ? in->detail : "{}",
        .hash = hash,
        .prev = prev,
    };
    r = read_head(s, &row.seq, prev, e);
    if (r == 0) {
        row.seq++;
        hash_row(&row, prev, hash);
        r = insert_row(s, &row, e);
    }
    r = tx_leave(s, own, r, e);
    if (r == 0 && ret_seq) *ret_seq = row.seq;
    return r;
}

int audit_list(struct store *s, struct arena *a, const char *object, int64_t before, int64_t limit,
               struct audit_row **ret, size_t *n, struct err *e)
{
    if (before <= 0) before = INT64_MAX;
    if (limit <= 0) limit = 100;
    if (!object)
        return store_all(s, a,
                         "SELECT " COLUMNS " FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
                         DB_ARGS(db_i(before), db_i(limit)), sizeof **ret, read_row, ret, n, e);
    size_t len = strlen(object);
    bool prefix = len > 0 && object[len - 1] == '*';
    if (!prefix)
        return store_all(s, a,
                         "SELECT " COLUMNS " FROM audit WHERE object = $1 AND seq < $2"
                         " ORDER BY seq DESC LIMIT $3",
                         DB_ARGS(db_t(object), db_i(before), db_i(limit)), sizeof **ret, read_row,
                         ret, n, e);
    char *low = arena_strndup(a, object, len - 1);
    char *high = arena_printf(a, "%s\xf4\x8f\xbf\xbf", low); /* the last character there is */
    return store_all(s, a,
                     "SELECT " COLUMNS " FROM audit WHERE object >= $1 AND object < $2"
                     " AND seq < $3 ORDER BY seq DESC LIMIT $4",
                     DB_ARGS(db_t(low), db_t(high), db_i(before), db_i(limit)), sizeof **ret,
                     read_row, ret, n, e);
}

int audit_page(struct store *s, struct arena *a, int64_t after, int64_t limit,
               struct audit_row **ret, size_t *n, struct err *e)
{
    return store_all(s, a, "SELECT " COLUMNS " FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
                     DB_ARGS(db_i(after), db_i(limit > 0 ? limit : PAGE)), sizeof **ret, read_row,
                     ret, n, e);
}

/* Extends the check by rows in order; false at the first wrong one, which is noted. */
static bool check_rows(const struct audit_row *rows, size_t n, struct audit_check *c)
{
    for (size_t i = 0; i < n; i++) {
        char hash[SHA256_HEX + 1];
        int64_t want = c->rows + 1;
        hash_row(&rows[i], c->head, hash);
        if (rows[i].seq != want || strcmp(rows[i].prev, c->head) != 0 ||
            strcmp(rows[i].hash, hash) != 0) {
            c->first_bad = want;
            return false;
        }
        c->rows = want;
        memcpy(c->head, hash, sizeof hash);
    }
    return true;
}

static int check_pages(struct store *s, struct arena *a, struct audit_check *c, struct err *e)
{
    int64_t after = INT64_MIN;
    for (;;) {
        struct audit_row *rows = NULL;
        size_t n = 0;
        arena_reset(a);
        int r = audit_page(s, a, after, PAGE, &rows, &n, e);
        if (r < 0) return r;
        if (!check_rows(rows, n, c)) return 0;
        if (n < PAGE) return 0;
        after = rows[n - 1].seq;
    }
}

int audit_verify(struct store *s, struct audit_check *ret, struct err *e)
{
    struct audit_check c = { 0, 0, GENESIS };
    struct arena a = ARENA_INIT;
    int64_t head_seq = 0;
    char head[SHA256_HEX + 1];
    int r = read_head(s, &head_seq, head, e); /* first: rows added meanwhile are no finding */
    if (r == 0) r = check_pages(s, &a, &c, e);
    arena_done(&a);
    if (r < 0) return r;
    if (!c.first_bad && c.rows < head_seq) c.first_bad = c.rows + 1;
    if (!c.first_bad && c.rows == head_seq && strcmp(c.head, head) != 0) c.first_bad = c.rows;
    *ret = c;
    return 0;
}
