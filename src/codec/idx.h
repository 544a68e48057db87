/* idx.h: reads the idx files of MNIST and its likes: unsigned bytes in one to four dimensions.
 *
 *   0 0 8 D   then D sizes, each four bytes, the largest first; then the bytes, last dimension
 *             fastest
 *
 * One dimension is a list of labels: a table of one column, `label`. Two to four are images: a
 * column a byte, pixel_0 … in the file's order. Labels come beside images as the last column
 * from a file of their own (row_options.labels), or from the same stream, ahead of the images:
 * `cat labels images` is one file of both. */
#pragma once
#include "base/str.h"
#include "codec/rows.h"

int idx_read(struct block *b, const struct row_options *o, const struct row_sink *sink,
             struct row_report *r, struct err *e);
/* Whether n bytes look like the start of such a file, of whatever type its numbers are. */
bool idx_is(const char *p, size_t n);
/* Of images: as before, and more than one dimension. */
bool idx_is_images(const char *p, size_t n);
/* The usual name of the labels' file for an images' file: "images" becomes "labels", "idx3"
 * becomes "idx1". False: the name says nothing of images. */
bool idx_labels_name(const char *path, struct str *ret);
