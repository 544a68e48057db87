#!/bin/bash
# test_alert.sh: an alert from its first breach to its end, on the command line: predictions that
# answer too slowly climb to an incident; an operator acknowledges, silences and resolves; labels
# that come late change what a budget says about the past; at every point a replay gives the
# stored bytes, and a row that somebody changed is found.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

box init >/dev/null
cat >"$dir/ws/signalbox.yaml" <<'END'
monitoring:
  window: 1d
  rules:
    - { name: promise, kind: budget, metric: accuracy, slo: 0.9, burn: 2, short_windows: 1, long_windows: 3 }
END

# predictions of a day in January 2026, one every ten minutes: day, latency
day() {
    awk -v d="$1" -v ms="$2" 'BEGIN {
        print "request_id,timestamp,prediction,probability,latency_ms"
        for (i = 0; i < 144; i++)
            printf "d%d-%d,2026-01-%02dT%02d:%02d:00Z,yes,0.9,%d\n", d, i, d, int(i / 6), i % 6 * 10, ms
    }' >"$dir/day.csv"
    box monitor ingest shop --data "$dir/day.csv" >/dev/null
}
# labels of a day: day, how many of ten answers were right
truth() {
    awk -v d="$1" -v right="$2" 'BEGIN {
        print "request_id,label,timestamp"
        for (i = 0; i < 144; i++)
            printf "d%d-%d,%s,2026-02-01T00:00:00Z\n", d, i, i % 10 < right ? "yes" : "no"
    }' >"$dir/truth.csv"
    box monitor label shop --data "$dir/truth.csv" >/dev/null
}
check() { box monitor check shop --until "2026-01-${1}T00:00:00Z" >/dev/null; }
state_of() { # rule
    box --output jsonl alert list shop --all | tr '{' '\n' | grep "\"rule\":\"$1\"" | field state
}
replays() {
    exits 0 box --output json alert replay shop
    equal "$(field ok <"$dir/out")" true "replay"
}

# a breach more each day: active, watch, incident
want=(none active watch incident)
for d in 1 2 3 4; do
    day "$d" $((d == 1 ? 20 : 900))
    check "0$((d + 1))"
    equal "$(state_of latency)" "${want[$((d - 1))]}" "latency after day $d"
done
replays

# what people do about it
id=$(box --output json alert list shop | field id)
equal "${#id}" 26 "length of an alert's id"
short=${id:0:10}
box --as ada alert ack "$short" --reason "on it" >/dev/null
equal "$(box --output json alert show "$short" | field acked_by)" ada "acknowledged by"
exits 2 box alert silence "$short" --for 2h
box --reason "known" alert silence "$short" --for 2h >/dev/null
[ "$(box --output json alert show "$short" | field silenced_until)" != null ] || die "not silenced"
replays
box --reason "cache is warm again" alert resolve "$short" >/dev/null
equal "$(state_of latency)" none "latency once resolved"
exits 7 box --reason again alert resolve "$short"
exits 5 box alert show zzzz
exits 5 box alert replay nobody
box alert show "$short" | grep -q "cache is warm again" || die "the reason is not shown"
box --output json audit list --object "alert:$id" | grep -q '"alert resolve"' || die "no audit row"
day 5 900
check 06
equal "$(state_of latency)" active "latency starts anew"
replays

# the truth comes late: days 1 to 3 are measured again, the budget burns from the first on
equal "$(state_of promise)" none "the budget without labels"
truth 1 5
truth 2 5
truth 3 5
check 06
equal "$(state_of promise)" incident "the budget once labels came"
equal "$(state_of latency)" active "latency after late labels"
replays

# nobody edits history unnoticed
if command -v sqlite3 >/dev/null; then
    sqlite3 "$dir/ws/signalbox.db" "UPDATE alert SET streak = streak + 1 WHERE rule = 'latency'"
    exits 3 box --output json alert replay shop
    grep -q breach_streak "$dir/out" || die "the changed field is not named"
fi
echo ok
