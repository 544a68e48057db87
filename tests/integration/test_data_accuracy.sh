#!/usr/bin/env bash
# test_data_accuracy.sh: one table of all real data sets against LightGBM, XGBoost and
# scikit-learn with the same parameters (data_accuracy.py). It takes a quarter of an hour, so it
# runs when ACCURACY names the sets, or "all", and SIGNALBOX_PEERS an environment with the peers.
set -eu
. "${top_srcdir:=.}/tests/integration/lib.sh"

[ -n "${ACCURACY-}" ] || skip "takes long; ACCURACY=all SIGNALBOX_PEERS=VENV runs it"
[ -f "$shared/data/adult.csv.gz" ] || skip "the real data sets are not in $shared/data"
python=$(peer_python 'lightgbm, xgboost, sklearn') ||
    skip "SIGNALBOX_PEERS names no environment with LightGBM, XGBoost and scikit-learn"
sets=()
[ "$ACCURACY" = all ] || read -ra sets <<<"$ACCURACY"
"$python" "$top_srcdir/tests/integration/data_accuracy.py" "$SIGNALBOX" \
    "$shared/data" "$dir" "${sets[@]}"
