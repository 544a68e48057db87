/* feature_pack.h: the features of a prediction as a few bytes, and back into columns.
 *
 * A row of a frame becomes: for a number its 8 bytes, least significant first (NaN: missing);
 * for a category or text a length plus one in groups of seven bits (0: missing) and its bytes.
 * Which columns these are, and in which order, says the schema, a JSON list of {name, type}
 * that is stored once (store/prediction.h). Packing reads the columns directly and allocates
 * nothing a row. One owner. */
#pragma once
#include "base/str.h"
#include "engine/frame/frame.h"
#include <stdint.h>

struct feature_packer;
/* Packs all columns of the frame but those in `skip` (NULL-terminated). Borrows the frame. */
struct feature_packer *feature_packer_new(const struct frame *f, const char *const *skip);
void feature_packer_free(struct feature_packer *p); /* NULL is fine */
const char *feature_packer_schema(const struct feature_packer *p);
size_t feature_packer_columns(const struct feature_packer *p);
void feature_pack(const struct feature_packer *p, size_t row, struct str *out); /* appends */

/* Packed rows on their way back into a frame. */
struct feature_rows;
/* like NULL: all columns that the schemas name. Else exactly the columns of `like`, in its order
 * and of its kinds: numbers where it has categories become their text, text where it has
 * numbers is read as one or missing. */
struct feature_rows *feature_rows_new(const struct frame *like);
void feature_rows_free(struct feature_rows *r); /* NULL is fine */
bool feature_rows_knows(const struct feature_rows *r, int64_t schema_id);
/* Before the first row of that schema. ERR_CORRUPT when the text is no schema. */
int feature_rows_schema(struct feature_rows *r, int64_t schema_id, const char *json,
                        struct err *e);
/* schema_id 0: a prediction without features, all missing. ERR_CORRUPT, ERR_NOMEM. */
int feature_rows_add(struct feature_rows *r, int64_t schema_id, const void *p, size_t n,
                     struct err *e);

/* What the added rows said about a column. */
struct feature_seen {
    size_t rows;         /* rows whose schema has it */
    size_t other;        /* of them, those where it is of the other kind: text, number */
    enum col_type type;  /* as the newest schema has it */
};
struct feature_seen feature_rows_seen(const struct feature_rows *r, const char *name);
/* The frame of all rows added; r keeps nothing of it and takes no more rows. */
int feature_rows_frame(struct feature_rows *r, struct frame **ret, struct err *e);
