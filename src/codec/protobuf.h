/* protobuf.h: writing messages in protocol buffers' wire format. A message is a string of bytes
 * that fields are appended to; one inside another is made first and then put in. Any thread. */
#pragma once
#include "base/str.h"
#include <stdint.h>

void pb_int(struct str *m, unsigned field, int64_t v);
void pb_float(struct str *m, unsigned field, float v);
void pb_bytes(struct str *m, unsigned field, const void *p, size_t n);
void pb_text(struct str *m, unsigned field, const char *s);
void pb_message(struct str *m, unsigned field, const struct str *inner);
/* Packed lists. */
void pb_ints(struct str *m, unsigned field, const int64_t *v, size_t n);
void pb_floats(struct str *m, unsigned field, const float *v, size_t n);
