#!/usr/bin/env bash
# test_model_forms.sh: the real LightGBM and XGBoost load what we write, and we load what they
# write, with the same answers on 10,000 rows with missing values and categories. They come from
# PyPI into a virtual environment in the build folder; without network and environment the test
# is skipped.
set -eu
. "${top_srcdir:=.}/tests/integration/lib.sh"

venv=${SIGNALBOX_PEERS:-$PWD/tests/integration/peers-venv}
if ! "$venv/bin/python" -c 'import lightgbm, xgboost, pandas, sklearn' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" >"$dir/venv" 2>&1 || skip "python3 cannot make a virtual environment"
    timeout 600 "$venv/bin/pip" -q install lightgbm 'xgboost-cpu' pandas scikit-learn >"$dir/venv" 2>&1 ||
        skip "LightGBM and XGBoost cannot be installed from PyPI: $(tail -n 1 "$dir/venv")"
fi
box init >"$dir/out"
"$venv/bin/python" "$top_srcdir/tests/integration/model_forms.py" "$SIGNALBOX" "$dir"
