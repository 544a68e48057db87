#!/usr/bin/env bash
# test_explain.sh: how an answer depends on columns, and what a changed row would be answered, on
# a table whose truth is known: y grows with a, not at all with noise, and only for kind x with b.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

awk 'BEGIN {
    print "a,b,kind,noise,y"
    for (i = 0; i < 1200; i++) {
        a = i * 37 % 101; b = i * 53 % 97; k = i % 3 ? "y" : "x"
        printf "%s,%d,%s,%d,%d\n", i % 11 ? a : "", b, k, i * 17 % 89, a + (k == "x" ? 2 * b : 0)
    }
}' >"$dir/t.csv"
box init >"$dir/out"
for algorithm in gbdt linear; do
    box train --data "$dir/t.csv" --target y --algorithm $algorithm --register m --threads 1 >"$dir/out"
done
box model promote m 1 --reason test >"$dir/out"
box model promote m 2 --to Staging --reason test >"$dir/out"

# importance: a splits more often than noise, and what is no tree has no splits
box -o csv explain --model models:/m/1 >"$dir/gain"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR > 1 { n[$1] = $at["splits"] }
    END { exit !(n["a"] > n["noise"] && n["a"] > 50) }' "$dir/gain" || die "splits: $(cat "$dir/gain")"
box -o json explain --model models:/m/1 >"$dir/gain"
grep -q '"splits"' "$dir/gain" || die "no splits: $(cat "$dir/gain")"
box -o json explain --model models:/m/2 >"$dir/gain"
if grep -q '"splits"' "$dir/gain"; then die "a linear model has splits"; fi

# --pdp: the first and the last point of a, far apart; all of noise together
ask() { box -o csv explain --model models:/m/Production --data "$dir/t.csv" "$@"; }
ask --pdp a --grid 9 >"$dir/a"
awk -F, 'NR == 2 { from = $2 } NR == 10 { to = $2; last = $1 } END { exit !(to - from > 80 && NR == 11) }' "$dir/a" ||
    die "a: $(cat "$dir/a")"
ask --pdp noise --grid 9 | awk -F, 'NR > 1 && ($2 < 70 || $2 > 95) { bad = 1 } END { exit bad }' ||
    die "noise moves the answer"
ask --pdp kind,b --grid 5 | awk -F, '
    $1 == "x" { n++; if (n == 1) x1 = $3; x2 = $3 }
    $1 == "y" { m++; if (m == 1) y1 = $3; y2 = $3 }
    END { exit !(x2 - x1 > 120 && y2 - y1 < 15 && y1 - y2 < 15) }' || die "b does not act through kind"
share=$(ask --pdp kind,b -o json | field interaction)
awk -v v="$share" 'BEGIN { exit !(v > 0) }' || die "kind and b do not interact: $share"
ask --pdp b --ice 3 -o json | grep -q '"ice"' || die "no curves"
one=$(ask --pdp a --threads 1)
equal "$(ask --pdp a --threads 3)" "$one" "dependence by threads"
exits 2 box explain --model models:/m/Production --data "$dir/t.csv" --pdp nobody
grep -q "does not use a column 'nobody'" "$dir/err" || die "unknown column: $(cat "$dir/err")"
exits 2 box explain --model models:/m/Production --pdp a
exits 2 box explain --model models:/m/Production --data "$dir/t.csv" --pdp a,b,kind

# whatif: both versions, before and after
reply=$(box -o json whatif m --data "$dir/t.csv" --row 4 --set kind=y --set a=)
for word in Production Staging '"after"' '"changed": true' '"levels"'; do
    printf '%s' "$reply" | grep -q "$word" || die "no $word in: $reply"
done
before=$(printf '%s' "$reply" | field_in before prediction)
after=$(printf '%s' "$reply" | field_in after prediction)
awk -v x="$before" -v y="$after" 'BEGIN { exit !(x - y > 50) }' || die "kind=y: $before to $after"
# the answer is that of predict for the changed row
sed -n '1p;5p' "$dir/t.csv" | awk -F, -v OFS=, 'NR == 2 { $1 = ""; $3 = "y" } { print }' >"$dir/one.csv"
said=$(box -o csv predict --model models:/m/Production --data "$dir/one.csv" | tail -n 1 | sed 's/.*,//')
awk -v x="$said" -v y="$after" 'BEGIN { d = x - y; exit !(d < 1e-6 && d > -1e-6) }' ||
    die "predict says $said, whatif $after"
box -o json whatif m --data "$dir/t.csv" --set kind=never | grep -q '"unseen": true' || die "unseen level"
box -o table whatif models:/m/1 --against models:/m/2 --data "$dir/t.csv" | grep -q '^against' ||
    die "no second model"
exits 5 box whatif m --data "$dir/t.csv" --row 5000
exits 2 box whatif m --data "$dir/t.csv" --set nobody=1
exits 2 box whatif m --data "$dir/t.csv" --set b=word
exits 5 box whatif m
grep -q -- '--data FILE' "$dir/err" || die "no hint at --data: $(cat "$dir/err")"
exits 5 box whatif nosuch
