/* jsonl.h: reader of JSON lines: one flat object a line, empty lines passed over.
 *
 * Keys are column names; a key that first turns up later adds a column that was missing before;
 * a key that is absent from a row is missing there. Numbers, true and false are fields as in
 * CSV; strings are marked FIELD_STRING; null, NaN and absent keys are missing. A bad row is one
 * that is not such an object, has a key twice, or holds a list or an object; under
 * BAD_ROW_NULL a nested value becomes missing, and a row that does not parse is skipped.
 * A scanner over the window; no tree is built. */
#pragma once
#include "codec/rows.h"

row_reader jsonl_read;
