/* net_int8.h: a net in integers: what `model quantize` makes of one in float32.
 *
 * Weights are int8, symmetric, with a scale for each output channel; what goes into a dense or
 * convolution layer is 7 bits (0..127), with a range for the layer found on data. Sums are exact
 * in int32, so every instruction set gives the same bits; between such layers numbers are float32.
 * Seven bits for activations because products of bytes are added in pairs of 16 bits, which must
 * not overflow; see kernel_gemm8. */
#pragma once
#include "engine/learn/net.h"

/* Quantises net in place; x: n rows of the encoded matrix to find ranges on. ERR_INVALID when it
 * is quantised already, ERR_NOMEM. */
int net8_make(struct net *net, const struct matrix *x, struct err *e);
void net8_free(struct net8 *q);                       /* NULL is fine */
size_t net8_work(const struct net *net, size_t rows); /* floats */
const float *net8_run(struct net_pass *p, const float *x, float *work);
void net8_save(const struct net *net, struct buf *out);
const char *net8_load(struct cursor *in, struct net *net); /* NULL, or what is wrong */
