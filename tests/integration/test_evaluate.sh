#!/usr/bin/env bash
# test_evaluate.sh: evaluate through the program: figures against awk's on the same predictions,
# intervals around them, equal for any number of threads, groups and fairness, costs, regression,
# refusals; against scikit-learn and Fairlearn where the environment SIGNALBOX_PEERS has them.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

box init >"$dir/out"
awk 'BEGIN { srand(3); print "x,z,sex,size,bought,paid"
    for (i = 0; i < 3000; i++) {
        x = rand(); z = rand(); s = i % 5 == 0 ? "a" : i % 5 == 1 ? "b" : "c"
        if (i % 300 == 7) s = "rare"
        p = x * 0.7 + (s == "a") * 0.2 + z * 0.1
        printf "%.4f,%.4f,%s,%d,%s,%.3f\n", x, z, s, i % 4, rand() < p ? "yes" : "no",
            10 + 5 * x + 3 * rand() } }' >"$dir/data.csv"
box train --data "$dir/data.csv" --target bought --drop paid --algorithm logistic --register buys >"$dir/out"
box train --data "$dir/data.csv" --target paid --drop bought --algorithm gbdt --register pays >"$dir/out"
evaluate() { box -o json evaluate --model models:/buys/1 --data "$dir/data.csv" "$@"; }

# what awk finds in the predictions
box predict --model models:/buys/1 --data "$dir/data.csv" --proba --key sex --key bought --out "$dir/p.csv" >"$dir/out"
read -r accuracy parity low <<<"$(awk -F, 'NR > 1 { yes = $4 >= 0.3; n++; hit += yes == ($2 == "yes")
        if ($1 != "rare") { of[$1]++; sel[$1] += yes }
        cost = yes ? ($2 == "no") : 4 * ($2 == "yes"); sum += cost }
    END { min = 1; max = 0
        for (g in of) { r = sel[g] / of[g]; if (r < min) min = r; if (r > max) max = r }
        printf "%.6f %.6f %.6f", hit / n, max - min, sum / n }' "$dir/p.csv")"
evaluate --threshold 0.3 --group sex --privileged c --cost-fp 1 --cost-fn 4 --curves >"$dir/e.json"
six() { printf '%.6f' "$1"; }
equal "$(six "$(field_in metrics accuracy <"$dir/e.json")")" "$accuracy" "accuracy at 0.3"
equal "$(six "$(field_in demographic_parity_difference value <"$dir/e.json")")" "$parity" "parity"
equal "$(six "$(field_in chosen cost <"$dir/e.json")")" "$low" "cost at the chosen threshold"
equal "$(field_in fairness compared <"$dir/e.json")" 3 "groups compared"
equal "$(field_in rare small <"$dir/e.json")" true "a small group is marked"
for key in lift ks calibration roc precision_recall threshold_low four_fifths disparate_impact; do
    grep -q "\"$key\"" "$dir/e.json" || die "no $key in the reply"
done
best=$(field_in best cost <"$dir/e.json")
awk "BEGIN { exit !($best <= $low) }" || die "the best threshold costs $best, the chosen one $low"

# intervals: around the value, the same for any number of threads, of the seed otherwise
evaluate --threads 1 --bootstrap 200 >"$dir/one.json"
evaluate --threads 4 --bootstrap 200 >"$dir/four.json"
cmp "$dir/one.json" "$dir/four.json" || die "threads change the intervals"
equal "$(field bootstrap <"$dir/one.json")" 200 "replicates"
evaluate --seed 1 --bootstrap 200 >"$dir/four.json"
cmp -s "$dir/one.json" "$dir/four.json" && die "the seed changes nothing"
tr -d '\n' <"$dir/one.json" | grep -oE '"auc": \{[^}]*delong' >"$dir/out" || die "no DeLong interval"
equal "$(evaluate --bootstrap 0 | field bootstrap)" 0 "no replicates"
box -o table evaluate --model models:/buys/1 --data "$dir/data.csv" --group sex >"$dir/text"
grep -qE '^auc +0\.[0-9]+ +\[0\.[0-9]+, 0\.[0-9]+\]' "$dir/text" || die "no interval in the text"
grep -q 'rare .*small, not compared' "$dir/text" || die "no small group in the text"
grep -q 'KS 0' "$dir/text" || die "no KS in the text"

# regression
box -o json evaluate --model models:/pays/1 --data "$dir/data.csv" --group sex >"$dir/r.json"
for key in residuals by_decile worst quantiles histogram; do
    grep -q "\"$key\"" "$dir/r.json" || die "no $key of a regression"
done
bias=$(field_in bias value <"$dir/r.json")
awk "BEGIN { exit !($bias < 0.2 && $bias > -0.2) }" || die "bias of $bias"

# refusals
exits 2 box evaluate --model models:/pays/1 --data "$dir/data.csv" --cost-fp 2
grep -q 'two classes' "$dir/err" || die "no reason"
exits 2 evaluate --privileged c
exits 2 evaluate --group sex --privileged nobody
exits 2 evaluate --group nothing
exits 2 evaluate --threshold 1.5

# models in words: a formula per unit of the table, a tree whose leaves hold all rows
awk 'BEGIN { srand(5); print "a,b,y"
    for (i = 0; i < 400; i++) { a = 100 * rand(); b = rand(); printf "%.6f,%.6f,%.8f\n", a, b, 7 + 3 * a - 20 * b } }' \
    >"$dir/line.csv"
box train --data "$dir/line.csv" --target y --algorithm linear --param l2=0 --register line >"$dir/out"
box -o table explain --model models:/line/1 --text >"$dir/text"
grep -qE '^ +(7|7\.0000[0-9]*|6\.9999[0-9]*)$' "$dir/text" || die "no intercept of 7"
grep -qE '^ +\+(3|3\.0000[0-9]*|2\.9999[0-9]*)  × a$' "$dir/text" || die "no slope of 3"
grep -qE '^ +-(20|20\.000[0-9]*|19\.999[0-9]*)  × b$' "$dir/text" || die "no slope of -20"
box train --data "$dir/data.csv" --target bought --drop paid --algorithm tree --param max_depth=3 --register tree >"$dir/out"
box -o table explain --model models:/tree/1 --text --data "$dir/data.csv" >"$dir/text"
equal "$(sed -n 's/.*→.*(\([0-9]*\) rows)/\1/p' "$dir/text" | awk '{ n += $1 } END { print n }')" 3000 "rows in leaves"
equal "$(grep -c '→' "$dir/text")" "$(box -o json explain --model models:/tree/1 --text | field leaves)" "leaves"
box -o table explain --model models:/tree/1 --text --depth 1 | grep -q 'leaves below' || die "depth"
exits 2 box explain --model models:/tree/1 --text --tree 2
box train --data "$dir/data.csv" --target bought --drop paid --algorithm knn --register near >"$dir/out"
exits 2 box explain --model models:/near/1 --text

python=$(peer_python 'sklearn, fairlearn') || exit 0
evaluate --threshold 0.3 --group sex --min-group 1 >"$dir/e.json"
"$python" - "$dir/e.json" "$dir/p.csv" <<'END'
import csv, json, sys
import numpy as np
from fairlearn import metrics as fair
from sklearn import metrics as sk
got = json.load(open(sys.argv[1]))
rows = list(csv.DictReader(open(sys.argv[2])))
y = np.array([r["bought"] == "yes" for r in rows], int)
p = np.array([float(r["probability"]) for r in rows])
sex = np.array([r["sex"] for r in rows])
d = (p >= 0.3).astype(int)
want = {"accuracy": sk.accuracy_score(y, d), "balanced_accuracy": sk.balanced_accuracy_score(y, d),
        "precision": sk.precision_score(y, d), "recall": sk.recall_score(y, d),
        "f1": sk.f1_score(y, d), "mcc": sk.matthews_corrcoef(y, d), "auc": sk.roc_auc_score(y, p),
        "average_precision": sk.average_precision_score(y, p), "log_loss": sk.log_loss(y, p),
        "brier": sk.brier_score_loss(y, p)}
for k, v in want.items():
    assert abs(got["metrics"][k] - v) < 1e-9, (k, got["metrics"][k], v)
for k in ("demographic_parity_difference", "demographic_parity_ratio",
          "equalized_odds_difference", "equalized_odds_ratio"):
    v = getattr(fair, k)(y, d, sensitive_features=sex)
    assert abs(got["fairness"]["measures"][k]["value"] - v) < 1e-9, (k, v)
END
