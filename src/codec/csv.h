/* csv.h: reader of delimited text as RFC 4180 has it, and as files in the wild have it.
 *
 * Line ends LF, CRLF and lone CR; quoted fields with doubled quotes, delimiters and line ends
 * inside; a quote inside an unquoted field is an ordinary character; no final line end needed;
 * empty lines are passed over. The first row names the columns. The delimiter is the one of
 * , ; tab | that the header has most of, unless it is given. A bad row has too few or too many
 * fields, or text behind a closing quote. A quote that is never closed ends the reading under
 * every policy: nothing behind it can be trusted. */
#pragma once
#include "codec/rows.h"

row_reader csv_read;
