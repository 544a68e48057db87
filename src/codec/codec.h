/* codec.h: the table of row formats (codecs.def) and how one is chosen for an input. */
#pragma once
#include "codec/rows.h"

enum codec_id {
#define CODEC(id, name, endings, delimiter, header, written, reader, help) CODEC_##id,
#include "codec/codecs.def"
#undef CODEC
    CODEC_COUNT
};
struct codec {
    const char *name, *endings;
    char delimiter;
    bool header, written;
    row_reader *read;
    const char *help;
};
extern const struct codec codecs[CODEC_COUNT];

/* By content first (an object at the start of the block), then by the ending of the name. */
const struct codec *codec_choose(const struct block *b);
/* "csv", "tsv.gz" …; NULL: no such format. */
const struct codec *codec_of_format(const char *format);
/* As the name of a file says; NULL when it says nothing. */
const struct codec *codec_of_name(const char *name);
