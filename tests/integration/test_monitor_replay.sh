#!/usr/bin/env bash
# test_monitor_replay.sh: the same rows make the same snapshots and alerts, whatever the order and
# the portions they arrive in; late labels make new versions of their own windows and of no other.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
cd "$dir"

days=12
awk -v days=$days 'BEGIN {
    srand(5)
    print "x,z,y" >"train.csv"
    for (i = 0; i < 1500; i++) {
        x = rand(); z = rand()
        printf "%.4f,%.4f,%d\n", x, z, (rand() < x) >"train.csv"
    }
    print "request_id,timestamp,prediction,probability,version,x,z" >"log.csv"
    print "request_id,label,timestamp" >"labels.csv"
    for (i = 0; i < days * 120; i++) {
        day = int(i / 120) + 1; x = rand(); p = x
        if (day > 8) x = x / 3 + 0.6
        at = sprintf("2026-03-%02dT%02d:%02d:00Z", day, (i % 120) / 5, i % 5 * 12)
        printf "r%d,%s,%d,%.4f,1,%.4f,%.4f\n", i, at, (p >= 0.5), p, x, rand() >"log.csv"
        printf "r%d,%d,%s\n", i, (rand() < (day > 8 ? 1 - p : p)), at >"labels.csv"
    }
}'
in_workspace() { "$SIGNALBOX" --quiet --workspace "$@"; }
model() { # WORKSPACE
    in_workspace "$1" init >/dev/null
    in_workspace "$1" train --data train.csv --target y --algorithm logistic --threads 1 \
        --register m -o json >/dev/null
    in_workspace "$1" model promote m 1 --to Staging --reason test >/dev/null
    in_workspace "$1" model promote m 1 --to Production --reason test >/dev/null
}
check() { in_workspace "$1" monitor check m -o json >/dev/null; }
# Everything measured and judged, but for the moment it was written (the only time with a fraction).
state() {
    for metric in accuracy auc brier log_loss ece share_drifted volume; do
        in_workspace "$1" monitor trend m --metric $metric --last 1000 -o csv
    done
    in_workspace "$1" alert list m --all -o csv | sed -E 's/,[0-9T:-]+\.[0-9]+Z/,/g'
}
portion() { # FILE FROM TO
    awk -v from="$2" -v to="$3" 'NR == 1 || (NR - 1 > from && NR - 1 <= to)' "$1"
}

# one workspace gets everything at once, the other in portions, backwards, some rows twice
model "$dir/a"
in_workspace "$dir/a" monitor ingest m --data log.csv >/dev/null
in_workspace "$dir/a" monitor label m --data labels.csv >/dev/null
check "$dir/a"
model "$dir/b"
in_workspace "$dir/b" monitor label m --data labels.csv >/dev/null
for from in 1200 900 600 300 0; do
    portion log.csv $from $((from + 400)) >part.csv
    in_workspace "$dir/b" monitor ingest m --data part.csv >/dev/null
done
check "$dir/b"
state "$dir/a" >a.state
state "$dir/b" >b.state
[ "$(wc -l <a.state)" -gt $((7 * days)) ] || die "nothing was measured"
grep -q incident a.state || die "the drift of day nine is no incident"
cmp a.state b.state || die "the order of arrival shows"

# replayed twice, and replayed in the other workspace: no difference
in_workspace "$dir/a" alert replay -o json >one.json
in_workspace "$dir/a" alert replay -o json >two.json
cmp one.json two.json || die "two replays differ"
grep -q '"ok": true' one.json || die "the replay differs from the rows"

# a check without news measures nothing; twenty late labels of day three reopen that day only
versions() {
    in_workspace "$1" monitor trend m --metric volume --last 1000 -o csv |
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print substr($1, 1, 10), $at["version"] }'
}
versions "$dir/a" >before
check "$dir/a"
versions "$dir/a" | cmp before - || die "a check without news measured again"
awk -F, -v OFS=, 'NR == 1 || (NR > 242 && NR <= 262)' labels.csv |
    awk -F, -v OFS=, 'NR > 1 { $2 = 1 - $2; $3 = "2026-03-20T00:00:00Z" } { print }' >late.csv
in_workspace "$dir/a" monitor label m --data late.csv >/dev/null
check "$dir/a"
versions "$dir/a" >after
equal "$(diff before after | grep '^>')" "> 2026-03-03 2" "windows with a new version"
in_workspace "$dir/a" alert replay -o json | grep -q '"ok": true' || die "the replay after late labels"
echo "monitoring: the same rows, the same states; late labels touch their own windows"
