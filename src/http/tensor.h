/* tensor.h: elements of tensors as the Open Inference Protocol names and packs them. */
#pragma once
#include "serve/rows.h"

enum tensor_type {
#define TENSOR(id, size) TENSOR_##id,
#include "http/tensors.def"
#undef TENSOR
    TENSOR_TYPES
};
const char *tensor_name(enum tensor_type t);
bool tensor_find(const char *name, size_t n, enum tensor_type *ret);
size_t tensor_size(enum tensor_type t); /* of one element; 0: it says so itself (BYTES) */
/* One packed element, little-endian; p has tensor_size bytes. Not a number: missing. */
struct cell tensor_cell(enum tensor_type t, const void *p);
/* Does a cell read from JSON fit? */
bool tensor_fits(enum tensor_type t, const struct cell *c);
/* Type that a column's values have where they are described. */
enum tensor_type tensor_of_column(enum col_type t);
void tensor_put_f64(struct str *out, double v); /* packed */
void tensor_put_i64(struct str *out, int64_t v);
void tensor_put_bytes(struct str *out, const char *p, size_t n);
