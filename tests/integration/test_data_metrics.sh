#!/usr/bin/env bash
# test_data_metrics.sh: logistic or linear and gbdt on five real tables give what others give.
# The reference columns were measured on the very same rows with one thread: scikit-learn 1.9.1
# (one-hot, standardised LogisticRegression C=1 and Ridge alpha=1; HistGradientBoosting, 100
# rounds) and XGBoost 3.2 (hist, 100 rounds, 31 leaves or depth 6), the least and the greatest
# of them. Ours may lie outside that range by the tolerance at most. Prints both.
#
# Splits: adult as published (the first 32,561 rows train), electricity by time (the last
# quarter measures), the others every fourth row.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
[ -f "$shared/data/adult.csv.gz" ] ||
    skip "the real data sets are not in $shared/data (SIGNALBOX_SHARED names another place)"

every_fourth() { # name
    gzip -dc "$shared/data/$1.csv.gz" | awk -v train="$dir/$1.train.csv" -v valid="$dir/$1.valid.csv" '
        NR == 1 { print >train; print >valid; next }
        { print >((NR - 2) % 4 == 3 ? valid : train) }'
}
gzip -dc "$shared/data/adult.csv.gz" | sed -n '1,32562p' >"$dir/adult.train.csv"
gzip -dc "$shared/data/adult.csv.gz" | sed '2,32562d' >"$dir/adult.valid.csv"
for name in california_housing telco_churn digits; do every_fourth "$name"; done
box init >"$dir/out"

failed=0
# measure NAME METRIC LEAST GREATEST TOLERANCE TRAIN-ARGUMENTS…
measure() {
    local name=$1 metric=$2 least=$3 greatest=$4 tolerance=$5 reply ours
    shift 5
    reply=$(box -o json train --experiment metrics --run-name "$name" "$@") || die "training $name"
    ours=$(printf '%s' "$reply" | field_in metrics "$metric")
    [ -n "$ours" ] || die "$name: no metric '$metric' in: $reply"
    awk -v name="$name" -v metric="$metric" -v ours="$ours" -v lo="$least" -v hi="$greatest" \
        -v tol="$tolerance" 'BEGIN {
        relative = tol ~ /%$/
        sub(/%/, "", tol)
        from = relative ? lo * (1 - tol / 100) : lo - tol
        to = relative ? hi * (1 + tol / 100) : hi + tol
        # better than everybody is no fault
        bad = metric == "rmse" ? ours > to : ours < from
        surprising = metric == "rmse" ? ours < from : ours > to
        printf "%-24s %-8s ours %-12.6g others %-9s to %-9s %s\n", name, metric, ours, lo, hi,
            bad ? "WORSE" : surprising ? "better" : "ok"
        exit bad
    }' || failed=1
}
split_by_file() { # name: its train and valid files
    printf '%s\n' --data "$dir/$1.train.csv" --valid "$dir/$1.valid.csv"
}

mapfile -t adult < <(split_by_file adult)
mapfile -t housing < <(split_by_file california_housing)
mapfile -t churn < <(split_by_file telco_churn)
mapfile -t digits < <(split_by_file digits)
electricity=(--data "$shared/data/electricity.csv.gz" --split time --holdout 0.25)

a=(--target income --positive '>50K')
measure adult-logistic auc 0.9055 0.9055 0.005 "${adult[@]}" "${a[@]}" --algorithm logistic
measure adult-gbdt auc 0.9273 0.9277 0.005 "${adult[@]}" "${a[@]}" --algorithm gbdt
a=(--target class --positive UP --drop date)
measure electricity-logistic auc 0.8399 0.8399 0.005 "${electricity[@]}" "${a[@]}" --algorithm logistic
measure electricity-gbdt auc 0.8453 0.8524 0.005 "${electricity[@]}" "${a[@]}" --algorithm gbdt
a=(--target median_house_value)
measure housing-linear rmse 67444.9 67444.9 2% "${housing[@]}" "${a[@]}" --algorithm linear
measure housing-gbdt rmse 46571.5 46926.9 2% "${housing[@]}" "${a[@]}" --algorithm gbdt
a=(--target Churn --positive Yes --drop customerID)
measure churn-logistic auc 0.8577 0.8577 0.005 "${churn[@]}" "${a[@]}" --algorithm logistic
measure churn-gbdt auc 0.8486 0.8504 0.005 "${churn[@]}" "${a[@]}" --algorithm gbdt
a=(--target digit --task multiclass)
measure digits-logistic accuracy 0.9532 0.9532 0.015 "${digits[@]}" "${a[@]}" --algorithm logistic
measure digits-gbdt accuracy 0.9577 0.9666 0.015 "${digits[@]}" "${a[@]}" --algorithm gbdt
exit $failed
