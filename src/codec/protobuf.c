/* protobuf.c: see protobuf.h. A field is a key, its number and how its value is laid out, and the
 * value: an integer of seven bits a byte, four bytes, or a length and as many bytes. */
#include "codec/protobuf.h"

#include <string.h>

enum layout { VARINT = 0, LENGTH = 2, FOUR_BYTES = 5 };

static void varint(struct str *m, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) str_addc(m, (char)(v | 0x80));
    str_addc(m, (char)v);
}

static void key(struct str *m, unsigned field, enum layout layout)
{
    varint(m, field << 3 | layout);
}

static void four_bytes(struct str *m, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    for (int i = 0; i < 4; i++) str_addc(m, (char)(bits >> 8 * i));
}

void pb_int(struct str *m, unsigned field, int64_t v)
{
    key(m, field, VARINT);
    varint(m, (uint64_t)v);
}

void pb_float(struct str *m, unsigned field, float v)
{
    key(m, field, FOUR_BYTES);
    four_bytes(m, v);
}

void pb_bytes(struct str *m, unsigned field, const void *p, size_t n)
{
    key(m, field, LENGTH);
    varint(m, n);
    if (n) str_addn(m, p, n);
}

void pb_text(struct str *m, unsigned field, const char *s)
{
    pb_bytes(m, field, s, strlen(s));
}

void pb_message(struct str *m, unsigned field, const struct str *inner)
{
    pb_bytes(m, field, str_c(inner), inner->len);
}

void pb_ints(struct str *m, unsigned field, const int64_t *v, size_t n)
{
    STR_AUTO all = STR_INIT;

    for (size_t i = 0; i < n; i++) varint(&all, (uint64_t)v[i]);
    pb_message(m, field, &all);
}

void pb_floats(struct str *m, unsigned field, const float *v, size_t n)
{
    STR_AUTO all = STR_INIT;

    str_reserve(&all, 4 * n);
    for (size_t i = 0; i < n; i++) four_bytes(&all, v[i]);
    pb_message(m, field, &all);
}
