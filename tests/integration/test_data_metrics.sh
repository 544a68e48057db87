#!/usr/bin/env bash
# test_data_metrics.sh: every learner on real tables gives what others give.
# The reference columns were measured on the very same rows with one thread: scikit-learn 1.9.1
# (one-hot, standardised LogisticRegression C=1 and Ridge alpha=1; HistGradientBoosting, 100
# rounds) and XGBoost 3.2 (hist, 100 rounds, 31 leaves or depth 6), the least and the greatest
# of them; for forests scikit-learn with categories as codes and as columns, two seeds each
# (100 trees, min_samples_leaf 2, max_features sqrt or a third). Ours may lie outside that range by the tolerance at most. Prints both.
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
measure adult-forest auc 0.9130 0.9154 0.005 "${adult[@]}" "${a[@]}" --algorithm forest
measure adult-extra auc 0.9019 0.9104 0.005 "${adult[@]}" "${a[@]}" --algorithm extra_trees
a=(--target class --positive UP --drop date)
measure electricity-logistic auc 0.8399 0.8399 0.005 "${electricity[@]}" "${a[@]}" --algorithm logistic
measure electricity-gbdt auc 0.8453 0.8524 0.005 "${electricity[@]}" "${a[@]}" --algorithm gbdt
measure electricity-forest auc 0.8301 0.8305 0.005 "${electricity[@]}" "${a[@]}" --algorithm forest
measure electricity-extra auc 0.8415 0.8423 0.005 "${electricity[@]}" "${a[@]}" --algorithm extra_trees
a=(--target median_house_value)
measure housing-linear rmse 67444.9 67444.9 2% "${housing[@]}" "${a[@]}" --algorithm linear
measure housing-gbdt rmse 46571.5 46926.9 2% "${housing[@]}" "${a[@]}" --algorithm gbdt
measure housing-forest rmse 47447.9 47689.8 2% "${housing[@]}" "${a[@]}" --algorithm forest
measure housing-extra rmse 49905.4 52139.1 2% "${housing[@]}" "${a[@]}" --algorithm extra_trees
a=(--target Churn --positive Yes --drop customerID)
measure churn-logistic auc 0.8577 0.8577 0.005 "${churn[@]}" "${a[@]}" --algorithm logistic
measure churn-gbdt auc 0.8486 0.8504 0.005 "${churn[@]}" "${a[@]}" --algorithm gbdt
measure churn-forest auc 0.8435 0.8496 0.005 "${churn[@]}" "${a[@]}" --algorithm forest
measure churn-extra auc 0.8396 0.8439 0.005 "${churn[@]}" "${a[@]}" --algorithm extra_trees
a=(--target digit --task multiclass)
measure digits-logistic accuracy 0.9532 0.9532 0.015 "${digits[@]}" "${a[@]}" --algorithm logistic
measure digits-gbdt accuracy 0.9577 0.9666 0.015 "${digits[@]}" "${a[@]}" --algorithm gbdt
measure digits-forest accuracy 0.9688 0.9710 0.015 "${digits[@]}" "${a[@]}" --algorithm forest
measure digits-extra accuracy 0.9822 0.9844 0.015 "${digits[@]}" "${a[@]}" --algorithm extra_trees
exit $failed
