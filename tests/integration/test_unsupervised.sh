#!/usr/bin/env bash
# k-means and isolation forests through the program: trained without a target, they predict,
# register and explain; a target where it misleads, and none where one is needed, are refused.
# Beside scikit-learn where SIGNALBOX_PEERS is a virtual environment that has it.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
cd "$dir"
box init >/dev/null

awk 'BEGIN { srand(3); print "a,b,c,odd"
    for (i = 0; i < 600; i++) { g = i % 3; out = i % 40 == 0
        printf "%.4f,%.4f,%s,%d\n", g * 10 + rand() + (out ? 40 : 0), g * 7 - rand(), "k" g, out } }' >t.csv

box train --data t.csv --algorithm kmeans --drop odd --param k=3 --register groups -o json >k.json
[ "$(field k <k.json)" = 3 ] || die "the fit does not tell k"
[ -n "$(field silhouette <k.json)" ] || die "no silhouette among the metrics"
box predict --model models:/groups/1 --data t.csv --out p.csv >/dev/null
[ "$(tail -n +2 p.csv | wc -l)" = 600 ] || die "not every row has a group"
box explain --model models:/groups/1 -o json >e.json
[ "$(field k <e.json)" = 3 ] || die "explain does not show the fit"

box train --data t.csv --algorithm isolation_forest --drop odd --param contamination=0.05 -o json >i.json
[ -n "$(field flagged <i.json)" ] || die "no share of flagged rows"
box train --data t.csv --algorithm isolation_forest --target odd -o json >l.json
awk -v v="$(field auc <l.json)" 'BEGIN { exit !(v > 0.9) }' || die "outliers are not told: $(field auc <l.json)"

if box train --data t.csv --algorithm kmeans --target odd >out 2>&1; then die "kmeans took a target"; fi
grep -q 'learns without one' out || die "kmeans does not say what is wrong: $(cat out)"
if box train --data t.csv >out 2>&1; then die "gbdt took no target"; fi
grep -q -- '--target is missing' out || die "gbdt does not ask for a target: $(cat out)"
if box train --data t.csv --algorithm kmeans --folds 3 >out 2>&1; then die "folds without a target"; fi

python=$(peer_python 'sklearn, pandas') || {
    echo "SIGNALBOX_PEERS is no environment with scikit-learn: peers are left out"
    exit 0
}
cat >peers.py <<'P'
import sys
import numpy as np, pandas as pd
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

if sys.argv[1] == "make":
    x = load_digits().data
    x = x[:, x.std(0) > 0]
    pd.DataFrame((x - x.mean(0)) / x.std(0), columns=[f"p{i}" for i in range(x.shape[1])]).to_csv("digits.csv", index=False)
    b = load_breast_cancer()
    d = pd.DataFrame(b.data, columns=[f"f{i}" for i in range(30)])
    d["bad"] = 1 - b.target
    d = pd.concat([d[d.bad == 0], d[d.bad == 1].iloc[:40]])
    d.to_csv("cancer.csv", index=False)
elif sys.argv[1] == "inertia":
    x = pd.read_csv("digits.csv").values
    print(KMeans(10, n_init=10, random_state=0).fit(x).inertia_ * 1.01)
else:
    d = pd.read_csv("cancer.csv")
    s = IsolationForest(random_state=0).fit(d.drop(columns="bad")).score_samples(d.drop(columns="bad"))
    print(roc_auc_score(d.bad, -s))
P
"$python" peers.py make
box train --data digits.csv --algorithm kmeans --param k=10 -o json >k.json
most=$("$python" peers.py inertia)
awk -v ours="$(field inertia <k.json)" -v most="$most" 'BEGIN { exit !(ours <= most) }' ||
    die "inertia $(field inertia <k.json) is more than 1 % above scikit-learn's"
box train --data cancer.csv --valid cancer.csv --algorithm isolation_forest --target bad -o json >c.json
auc=$("$python" peers.py auc)
ours=$(field auc <c.json)
awk -v a="$auc" -v b="$ours" 'BEGIN { exit !(b != "" && a - b <= 0.02) }' || die "AUC $ours, scikit-learn $auc"
echo "AUC $ours, scikit-learn $auc"
