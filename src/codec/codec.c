/* codec.c: see codec.h. */
#include "codec/codec.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/idx.h"
#include "codec/jsonl.h"
#include <string.h>
#include <strings.h>

const struct codec codecs[CODEC_COUNT] = {
#define CODEC(id, name, endings, delimiter, header, written, reader, help)                         \
    [CODEC_##id] = { name, endings, delimiter, header, written, reader, help },
#include "codec/codecs.def"
#undef CODEC
};

static size_t without(const char *name, size_t n, const char *ending)
{
    size_t k = strlen(ending);

    return n > k && strncasecmp(name + n - k, ending, k) == 0 ? n - k : n;
}

/* Does name[0..n) end with one of "a|b|c"? */
static bool ends_with_one(const char *name, size_t n, const char *endings)
{
    while (*endings) {
        size_t k = strcspn(endings, "|");
        if (n > k && strncasecmp(name + n - k, endings, k) == 0) return true;
        endings += k + (endings[k] == '|');
    }
    return false;
}

const struct codec *codec_of_name(const char *name)
{
    size_t n = strlen(name);

    for (int p = INPUT_GZIP; p <= INPUT_ZSTD; p++)
        n = without(name, n, input_packing_suffix((enum input_packing)p));
    for (size_t i = 0; i < CODEC_COUNT; i++)
        if (ends_with_one(name, n, codecs[i].endings)) return &codecs[i];
    return NULL;
}

const struct codec *codec_of_format(const char *format)
{
    size_t n = strcspn(format, ".");

    for (size_t i = 0; i < CODEC_COUNT; i++)
        if (strlen(codecs[i].name) == n && memcmp(codecs[i].name, format, n) == 0)
            return &codecs[i];
    return NULL;
}

const struct codec *codec_choose(const struct block *b)
{
    const struct codec *named = codec_of_name(input_name(b->in));
    const char *p = b->buf + b->start, *end = b->buf + b->end;

    if (idx_is(p, (size_t)(end - p))) return &codecs[CODEC_IDX];
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++;
    if (p < end && *p == '{') return &codecs[CODEC_JSONL];
    return named ? named : &codecs[CODEC_CSV];
}
