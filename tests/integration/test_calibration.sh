#!/usr/bin/env bash
# test_calibration.sh: naive Bayes is far too sure of itself on adult; calibrated it is not, in
# `evaluate`, after saving and opening, and in `predict`. Class weights move decisions. With
# SIGNALBOX_PEERS (a virtual environment with scikit-learn) the figures are compared with
# CalibratedClassifierCV on the same rows.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
[ -f "$shared/data/adult.csv.gz" ] ||
    skip "the real data sets are not in $shared/data (SIGNALBOX_SHARED names another place)"

# numbers alone, so that everybody's naive Bayes is the same model
gzip -dc "$shared/data/adult.csv.gz" | awk -F, -v OFS=, -v train="$dir/train.csv" -v test="$dir/test.csv" '
    { line = $1 OFS $3 OFS $5 OFS $11 OFS $12 OFS $13 OFS $15 }
    NR == 1 { print line >train; print line >test; next }
    { print line >(NR % 4 == 0 ? test : train) }'
box init >"$dir/out"

# fit NAME ALGORITHM ARGUMENTS…: trains, and evaluates on the test rows
fit() {
    local name=$1 algorithm=$2
    shift 2
    box -o json train --data "$dir/train.csv" --target income --positive '>50K' --holdout 0.01 \
        --algorithm "$algorithm" --register "$name" "$@" >"$dir/$name.train" || die "training $name"
    box -o json evaluate --model "models:/$name/1" --data "$dir/test.csv" >"$dir/$name.json"
}
figure() { field_in metrics "$2" <"$dir/$1.json"; }
# holds NAME EXPRESSION: of the variables that -v sets
holds() {
    local what=$1
    shift
    awk "$@" || die "$what"
}

fit plain naive_bayes
for how in platt isotonic; do
    fit "$how" naive_bayes --calibrate "$how"
    for metric in brier ece log_loss; do
        echo "naive_bayes $metric: $(figure plain $metric), $how $(figure $how $metric)"
        holds "$how: $metric is no better" -v a="$(figure plain $metric)" \
            -v b="$(figure $how $metric)" 'BEGIN { exit !(b < 0.9 * a) }'
    done
    holds "$how changes the order of rows" -v a="$(figure plain auc)" -v b="$(figure $how auc)" \
        'BEGIN { exit !(b > a - 0.002) }'
done
holds 'isotonic: ece is large' -v e="$(figure isotonic ece)" 'BEGIN { exit !(e < 0.015) }'

# the same by --param, and said in the run
box -o json train --data "$dir/train.csv" --target income --positive '>50K' --holdout 0.01 \
    --algorithm naive_bayes --param calibrate=isotonic --register again >"$dir/again"
equal "$(box -o json model versions again | field digest)" \
    "$(box -o json model versions isotonic | field digest)" 'the model by --param'
equal "$(field_in params calibrate <"$dir/again")" isotonic 'the logged parameter'
# other programs' forms have no place for it
fit trees gbdt --param n_estimators=10 --calibrate platt
exits 2 box model export models:/trees/1 --format lightgbm --out "$dir/trees.txt"
grep -q calibrated "$dir/err" || die "no word of calibration: $(cat "$dir/err")"

fit even logistic
fit weighted logistic --class-weight balanced
echo "logistic recall: $(figure even recall), balanced $(figure weighted recall)"
holds 'balanced classes find no more' -v a="$(figure even recall)" -v b="$(figure weighted recall)" \
    'BEGIN { exit !(b > a + 0.1) }'
exits 2 box train --data "$dir/train.csv" --target income --algorithm logistic --class-weight maybe
exits 1 box train --data "$dir/train.csv" --target age --algorithm gbdt --task regression \
    --calibrate platt

if python=$(peer_python 'sklearn, pandas'); then
    fit sigmoid logistic --calibrate platt
    "$python" "$top_srcdir/tests/integration/calibration_peer.py" "$dir" || die 'scikit-learn disagrees'
fi
