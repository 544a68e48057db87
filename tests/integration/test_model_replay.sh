#!/usr/bin/env bash
# test_model_replay.sh: a candidate asked what production was asked: the answering version itself
# agrees to the last bit; of another one the figures are those that awk computes from what both
# versions say of the same rows; the gate's exit code; what cannot be replayed.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

box demo --rows 2000 "$dir/ws" >"$dir/out" 2>"$dir/err" || die "demo: $(cat "$dir/err")"
cp "$top_srcdir/data/transactions_new.csv" "$dir/rows.csv"
rows=$(($(wc -l <"$dir/rows.csv") - 1))

# A log of our own: version 1 answered every row of the file.
for v in 1 2; do
    box predict --model models:/fraud/$v --data "$dir/rows.csv" --proba --key transaction_id \
        --out "$dir/p$v.csv" >"$dir/out"
done
paste -d, "$dir/rows.csv" "$dir/p1.csv" | awk -F, -v OFS=, '
    NR == 1 { print "request_id,timestamp,prediction,probability,version", $3, $4, $5, $6, $7, $8, $9, $10, $11, $12; next }
    { print $1, $2, $15, $16, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 }' >"$dir/log.csv"
awk -F, -v OFS=, 'NR == 1 { print "request_id,label,timestamp"; next } { print $1, $13, $2 }' \
    "$dir/rows.csv" >"$dir/labels.csv"
# the demo has a day of traffic of its own, so this log is another model's with the same versions
box model export models:/fraud/1 --out "$dir/1.sbx" >"$dir/out"
box model export models:/fraud/2 --out "$dir/2.sbx" >"$dir/out"
for v in 1 2; do box model register cards "$dir/$v.sbx" >"$dir/out"; done
box model promote cards 1 --reason first >"$dir/out"
box monitor ingest cards --data "$dir/log.csv" >"$dir/out"

replay() { box -o json model replay cards "$@" --window 30d; }

# without labels: decisions and scores
r=$(replay 2)
equal "$(printf '%s' "$r" | field rows)" "$rows" 'rows'
equal "$(printf '%s' "$r" | field_in labels n)" 0 'labels'

box monitor label cards --data "$dir/labels.csv" >"$dir/out"
r=$(replay 1)
equal "$(printf '%s' "$r" | field changed)" 0 'changes of the version that answered'
awk -v max="$(printf '%s' "$r" | field_in abs_dp max)" 'BEGIN { exit !(max < 1e-12) }' ||
    die 'the version that answered gives other scores'

r=$(replay 2 --cost-fn 20)
paste -d, "$dir/p1.csv" "$dir/p2.csv" "$dir/rows.csv" | awk -F, '
    NR == 1 { next }
    {
        n++; y = $(NF); old = $2; new = $5; d = $6 - $3; if (d < 0) d = -d
        if (old != new) { changed++; if (new == 1) up++; else down++ }
        sum += d; if (d > max) max = d
        right1 += old == y; right2 += new == y
        fixed += old != y && new == y; broken += old == y && new != y
        b1 += ($3 - y) ^ 2; b2 += ($6 - y) ^ 2
        yes = $6 >= 0.3; cost += (yes && y == 0) + 20 * (!yes && y == 1)
    }
    END {
        printf "changed %d\nup %d\ndown %d\nfixed %d\nbroken %d\n", changed, up, down, fixed, broken
        printf "mean %.9f\nmax %.9f\nold %.9f\nnew %.9f\n", sum / n, max, right1 / n, right2 / n
        printf "brier1 %.9f\nbrier2 %.9f\ncost %.9f\n", b1 / n, b2 / n, cost / n
    }' >"$dir/expect"
want() { awk -v k="$1" '$1 == k { print $2 }' "$dir/expect"; }
near() { # what, got
    awk -v a="$2" -v b="$(want "$1")" 'BEGIN { d = a - b; exit !(d < 1e-8 && d > -1e-8) }' ||
        die "$1: '$2' instead of '$(want "$1")'"
}
near changed "$(printf '%s' "$r" | field changed)"
[ "$(want changed)" -gt 0 ] || die 'the versions do not differ: nothing is tested'
flip() { printf '%s' "$r" | tr -d ' \n' | grep -oE "\"from\":\"$1\",\"to\":\"$2\",\"n\":[0-9]+" | grep -oE '[0-9]+$' || echo 0; }
near up "$(flip 0 1)"
near down "$(flip 1 0)"
near fixed "$(printf '%s' "$r" | field_in labels fixed)"
near broken "$(printf '%s' "$r" | field_in labels broken)"
near mean "$(printf '%s' "$r" | field_in abs_dp mean)"
near max "$(printf '%s' "$r" | field_in abs_dp max)"
near old "$(printf '%s' "$r" | field_in accuracy old)"
near new "$(printf '%s' "$r" | field_in accuracy new)"
near brier1 "$(printf '%s' "$r" | field_in brier old)"
near brier2 "$(printf '%s' "$r" | field_in brier new)"
near cost "$(printf '%s' "$r" | tr -d ' \n' | grep -oE '"threshold":0.3,.*' | field_in new cost)"

# the gate, and what cannot be
exits 3 box model replay cards 2 --window 30d --max-changes 0
exits 0 box model replay cards 2 --window 30d --max-changes 1
exits 0 box model replay cards @production --window 30d --max-changes 0 --against 1
exits 5 box model replay cards 2 --window 30d --against 2
exits 5 box model replay cards 9 --window 30d
exits 5 box model replay nobody 1
exits 2 box model replay cards 2 --window whenever

# a candidate that needs a column the requests did not have
awk -F, -v OFS=, 'NR == 1 { print $0, "extra"; next } { print $0, NR % 7 }' "$dir/rows.csv" >"$dir/wide.csv"
box train --data "$dir/wide.csv" --target fraud --drop transaction_id,timestamp --algorithm logistic \
    --register cards >"$dir/out" 2>"$dir/err" || die "train: $(cat "$dir/err")"
exits 7 box model replay cards 3 --window 30d
grep -q "no column 'extra'" "$dir/err" || die "$(cat "$dir/err")"

# numbers and several classes: two algorithms each, the first one's answers are the log
try() { # model, target, algorithms
    local v=0
    for algorithm in $3 $4; do
        v=$((v + 1))
        box train --data "$dir/rows.csv" --target "$2" --drop transaction_id,timestamp \
            --algorithm "$algorithm" --register "$1" >"$dir/out" 2>"$dir/err" || die "$(cat "$dir/err")"
        box predict --model "models:/$1/$v" --data "$dir/rows.csv" --key transaction_id \
            --out "$dir/$1-$v.csv" >"$dir/out"
    done
    paste -d, "$dir/rows.csv" "$dir/$1-1.csv" | awk -F, -v OFS=, '
        NR == 1 { $1 = "request_id"; $14 = "x"; $15 = "prediction"; print; next } { print }' |
        cut -d, -f1-13,15 >"$dir/$1.csv"
    box monitor ingest "$1" --data "$dir/$1.csv" >"$dir/out"
    awk -F, -v OFS=, -v col="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == col) at = i; print "request_id,label,timestamp"; next }
        { print $1, $at, $2 }' "$dir/rows.csv" >"$dir/labels.csv"
    box monitor label "$1" --data "$dir/labels.csv" >"$dir/out"
    equal "$(box -o json model replay "$1" 1 --window 30d | field changed)" 0 "$1 by itself"
    r=$(box -o json model replay "$1" 2 --window 30d)
}
try amounts amount linear gbdt
equal "$(printf '%s' "$r" | field task)" regression 'task'
paste -d, "$dir/amounts-1.csv" "$dir/amounts-2.csv" "$dir/rows.csv" | awk -F, '
    NR > 1 { n++; d = $4 - $2; if (d < 0) d = -d; sum += d; if (d > max) max = d
             a += ($2 - $7) ^ 2; b += ($4 - $7) ^ 2 }
    END { printf "mean %.9f\nmax %.9f\nold %.9f\nnew %.9f\n", sum / n, max, sqrt(a / n), sqrt(b / n) }
    ' >"$dir/expect"
near mean "$(printf '%s' "$r" | field_in abs_dp mean)"
near max "$(printf '%s' "$r" | field_in abs_dp max)"
near old "$(printf '%s' "$r" | field_in rmse old)"
near new "$(printf '%s' "$r" | field_in rmse new)"
try channels channel logistic gbdt
equal "$(printf '%s' "$r" | field task)" multiclass 'task'
paste -d, "$dir/channels-1.csv" "$dir/channels-2.csv" "$dir/rows.csv" | awk -F, '
    NR > 1 { n++; changed += $2 != $4; a += $2 == $11; b += $4 == $11 }
    END { printf "changed %d\nold %.9f\nnew %.9f\n", changed, a / n, b / n }' >"$dir/expect"
near changed "$(printf '%s' "$r" | field changed)"
near old "$(printf '%s' "$r" | field_in accuracy old)"
near new "$(printf '%s' "$r" | field_in accuracy new)"
