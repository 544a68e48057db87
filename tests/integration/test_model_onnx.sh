#!/usr/bin/env bash
# test_model_onnx.sh: ONNX's own checker accepts what we write, and its runtime gives the same
# answers. The packages are taken from the environment that SIGNALBOX_PEERS names; without them
# the test is skipped.
set -eu
. "${top_srcdir:=.}/tests/integration/lib.sh"

venv=${SIGNALBOX_PEERS:-$PWD/tests/integration/peers-venv}
"$venv/bin/python" -c 'import onnx, onnxruntime, pandas' 2>/dev/null ||
    skip "no onnx and onnxruntime in $venv (SIGNALBOX_PEERS names another environment)"
box init >"$dir/out"
"$venv/bin/python" "$top_srcdir/tests/integration/model_onnx.py" "$SIGNALBOX" "$dir"
