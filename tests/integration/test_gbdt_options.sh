#!/usr/bin/env bash
# test_gbdt_options.sh: what gbdt can be asked for through the program: other objectives, monotone
# features by name, growth by levels, exact gradients; the same model file for any number of
# threads; and what is said about impossible wishes. With SIGNALBOX_PEERS (a virtual environment
# with LightGBM) the losses are compared with LightGBM's on the same rows, within 1 %, and
# exported models with our own answers.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

# counts whose mean rises with age and falls with price, in some places against the noise of kind
awk 'BEGIN {
    srand(7)
    print "age,price,kind,missing,count"
    for (i = 0; i < 4000; i++) {
        age = int(18 + 60 * rand()); price = int(1000 * rand()) / 10; kind = int(6 * rand())
        gap = rand() < 0.1 ? "" : int(100 * rand())
        mean = exp(age / 40 - price / 60 + (kind == 2) * 0.5 + (gap == "") * 0.3)
        n = 0; p = rand()
        while (p > exp(-mean)) { n++; p *= rand() }
        print age "," price ",k" kind "," gap "," n
    }
}' >"$dir/all.csv"
awk 'NR == 1 || NR % 4' "$dir/all.csv" >"$dir/train.csv"
awk 'NR == 1 || NR % 4 == 0' "$dir/all.csv" >"$dir/test.csv"
box init >"$dir/out"

# fit NAME PARAM=VALUE…: trains on the rows of train.csv, and answers those of test.csv
fit() {
    local name=$1 words=()
    shift
    for p in "$@"; do words+=(--param "$p"); done
    box -o json train --data "$dir/train.csv" --target count --task regression --holdout 0.01 \
        --algorithm gbdt --param n_estimators=60 --register "$name" "${words[@]}" --threads "${threads:-1}" \
        >"$dir/$name.train" || die "training $name"
    box predict --model "models:/$name/1" --data "$dir/test.csv" --out "$dir/$name.csv" >"$dir/out"
}
digest() { box -o json model versions "$1" | field digest; }
# answers NAME: one a line
answers() { awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "prediction") c = i; next } { print $c }' "$dir/$1.csv"; }
truth() { awk -F, 'NR > 1 { print $5 }' "$dir/test.csv"; }
# below NAME: share of the rows whose truth is at most the answer
below() { paste <(truth) <(answers "$1") | awk '{ n += $1 <= $2 } END { print n / NR }'; }
between() { awk -v v="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(v >= a && v <= b) }' || die "$4: $1"; }

fit poisson objective=poisson
answers poisson | awk '$1 <= 0 { exit 1 }' || die 'a negative count'
between "$(paste <(truth) <(answers poisson) | awk '{ t += $1; p += $2 } END { print p / t }')" \
    0.9 1.1 'counts expected over counts seen'
fit high objective=quantile alpha=0.9 num_leaves=7
fit low objective=quantile alpha=0.2 num_leaves=7
between "$(below high)" 0.85 0.97 'share below the 0.9 quantile'
between "$(below low)" 0.1 0.5 'share below the 0.2 quantile'
fit huber objective=huber alpha=1
fit exact gradient_bits=0
fit levels grow_policy=depth_wise max_depth=4 num_leaves=16

# age walks up, nothing else moves: the answer must not fall
fit bounded 'monotone=age:+1,price:-1'
awk 'BEGIN { print "age,price,kind,missing"
    for (r = 0; r < 40; r++) for (a = 18; a < 79; a++) print a "," r * 2.5 ",k" r % 6 "," (r % 5 ? r : "") }' >"$dir/grid.csv"
for name in exact bounded; do
    box predict --model "models:/$name/1" --data "$dir/grid.csv" --out "$dir/grid.out" >"$dir/out"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "prediction") c = i; next }
        (NR - 2) % 61 && $c < last { bad++ } { last = $c } END { print bad + 0 }' "$dir/grid.out" >"$dir/$name.falls"
done
equal "$(cat "$dir/bounded.falls")" 0 'falls of a rising answer'
[ "$(cat "$dir/exact.falls")" -gt 10 ] || die 'without the constraint nothing falls: the test shows nothing'

# several threads: the same file
for spec in poisson:objective=poisson exact:gradient_bits=0 'bounded:monotone=age:+1,price:-1'; do
    threads=3 fit "${spec%%:*}-threads" "${spec#*:}"
    equal "$(digest "${spec%%:*}-threads")" "$(digest "${spec%%:*}")" "the model of ${spec%%:*} with 3 threads"
done

wrong() { # MESSAGE PARAM=VALUE…: must be refused, and say so
    local says=$1
    shift
    exits "${code:-1}" box train --data "$dir/train.csv" --target count --task regression \
        --algorithm gbdt --param "$@"
    grep -qF -- "$says" "$dir/err" || die "no '$says' in: $(cat "$dir/err")"
}
wrong 'monotone names height, which is no feature' 'monotone=height:+1'
wrong 'monotone names kind, which is a category' 'monotone=kind:+1'
wrong 'it wants feature:+1 or feature:-1' 'monotone=age'
wrong 'objective binary is not for a regression target' objective=binary
code=2 wrong 'objective' objective=nonsense

if python=$(peer_python 'lightgbm, pandas'); then
    fit l2 objective=l2
    fit l1 objective=l1
    box model export models:/poisson/1 --format lightgbm --out "$dir/poisson.txt" >"$dir/out"
    box model export models:/poisson/1 --format xgboost-json --out "$dir/poisson.json" >"$dir/out"
    "$python" "$top_srcdir/tests/integration/gbdt_peer.py" "$dir"
else
    echo "SIGNALBOX_PEERS names no environment with LightGBM: not compared"
fi
