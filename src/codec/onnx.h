/* onnx.h: models as ONNX files (IR 7, operators ai.onnx 13 and ai.onnx.ml 3), written only.
 *
 * Input: "input", float32 [N, features] in the model's order. NaN is a missing value; a category
 * is the place of its level in the list that the metadata property "signalbox.features" (JSON)
 * has. Output: "label" [N] (int64 or text) and "probabilities" [N, classes], or, for a number,
 * "variable" [N, 1]. Inputs and values are float32 there: thresholds are rounded so that the same
 * rows go left, sums differ in the last digits. Any thread. */
#pragma once
#include "base/dense.h"
#include "base/str.h"

void onnx_write_ensemble(const struct ensemble *m, struct str *out);
void onnx_write_dense(const struct dense *m, struct str *out);
