#!/usr/bin/env bash
# test_monitor.sh: the monitoring verbs as a program, on eight days of the demo's traffic of which
# the last four drifted: ingest, late labels, windows and versions, drift, alerts, trend; the
# same again after kills, repeated, and in two workspaces for equal bytes.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
traffic=${top_builddir:-.}/tests/integration/traffic
[ -x "$traffic" ] || skip "$traffic is not built"

# A model in Production as the demo has one, without the demo's own day of traffic.
"$traffic" 7 5000 2026-01-05 0 >"$dir/train.csv"
box init >"$dir/out"
box data import "$dir/train.csv" --name card_transactions >"$dir/out"
box train --data card_transactions --target fraud --algorithm logistic --split stratified \
    --drop transaction_id --drop timestamp --register fraud >"$dir/out"
box model promote fraud 1 --to Staging --reason 'first model' >"$dir/out"
box model promote fraud 1 --to Production --reason 'first model' >"$dir/out"

# Four quiet days and four drifted ones, scored by the version in Production.
{
    "$traffic" 11 2900 2026-04-06 0
    "$traffic" 12 2900 2026-04-10 1 no-header
} | awk -F, 'NR == 1 || $2 < "2026-04-14"' >"$dir/traffic.csv"
box predict --model models:/fraud/Production --data "$dir/traffic.csv" --proba \
    --out "$dir/scores.csv" >"$dir/out"
paste -d, "$dir/scores.csv" "$dir/traffic.csv" | awk -F, -v OFS=, '
    NR == 1 { $1 = "request_id"; $17 = "version"; $18 = "latency_ms" }
    NR > 1 { $17 = 1; $18 = 5 + NR % 40 }
    { $4 = $16; print }' >"$dir/wide.csv"
# request_id, prediction, probability, (label), timestamp, features, (label), version, latency
cut -d, -f1-3,5-15,17,18 "$dir/wide.csv" >"$dir/predictions.csv"
awk -F, -v OFS=, 'NR == 1 { print "request_id,label,timestamp" }
    NR > 1 { print $1, $4, $5 }' "$dir/wide.csv" >"$dir/labels.csv"
head -n 1 "$dir/predictions.csv" | grep -q '^request_id,prediction,probability,timestamp,amount' ||
    die "columns: $(head -n 1 "$dir/predictions.csv")"
rows=$(($(wc -l <"$dir/predictions.csv") - 1))

# -- ingest: all of it, then nothing of it
reply=$(box -o json monitor ingest fraud --data "$dir/predictions.csv")
equal "$(printf '%s' "$reply" | field new)" "$rows" 'new predictions'
reply=$(box -o json monitor ingest fraud --data "$dir/predictions.csv")
equal "$(printf '%s' "$reply" | field new)" 0 'new predictions when repeated'
equal "$(printf '%s' "$reply" | field duplicates)" "$rows" 'duplicates when repeated'

# -- windows without labels, then the labels of the first day alone
check() { box -o json monitor check "$@" --until 2026-04-14; }
equal "$(check | field windows)" 8 'windows measured'
equal "$(check | field windows)" 0 'windows measured again'
awk -F, 'NR == 1 || $3 < "2026-04-07"' "$dir/labels.csv" >"$dir/first.csv"
box monitor label fraud --data "$dir/first.csv" >"$dir/out"
equal "$(check fraud | field windows)" 1 'windows reopened by late labels'
versions() {
    box -o csv monitor trend fraud --metric "$1" | awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "version") v = i }
        NR > 1 { printf "%s%s", sep, $v; sep = " " }'
}
equal "$(versions volume)" "2 1 1 1 1 1 1 1" 'versions after late labels'
box monitor label fraud --data "$dir/labels.csv" >"$dir/out"
equal "$(check fraud | field windows)" 7 'windows reopened by the other labels'
equal "$(versions volume)" "2 2 2 2 2 2 2 2" 'versions after all labels'
reply=$(box -o json monitor label fraud --data "$dir/labels.csv")
equal "$(printf '%s' "$reply" | field changed)" 0 'labels changed when repeated'
equal "$(check | field windows)" 0 'windows after labels that changed nothing'

# -- what was found
status=$(box -o json monitor status fraud)
equal "$(printf '%s' "$status" | field window_start)" 2026-04-13T00:00:00Z 'newest window'
equal "$(printf '%s' "$status" | field label_coverage)" 1.0 'coverage'
text=$(box -o table monitor status fraud)
for line in '^fraud: incident' '^  window      2026-04-13T00:00:00Z to 2026-04-14' \
    '^  accuracy    0\.[0-9]{4} \(0\.[0-9]{4} to 0\.[0-9]{4}\)$' '^  drift       [0-9]+ of [0-9]+ features: ' \
    '^  quality     nothing found$' '^  incident    drift '; do
    printf '%s\n' "$text" | grep -Eq "$line" || die "no '$line' in: $text"
done
awk -v s="$(printf '%s' "$status" | field share_drifted)" 'BEGIN { exit !(s > 0.2) }' ||
    die "share drifted: $status"
trend=$(box -o json monitor trend fraud --metric share_drifted)
equal "$(printf '%s' "$trend" | field_in change at)" 2026-04-10T00:00:00Z 'when it changed'
equal "$(printf '%s' "$trend" | field_in change kind)" sudden 'how it changed'
trend=$(box -o json monitor trend fraud --metric feature:channel)
equal "$(printf '%s' "$trend" | field threshold)" 0.1 'floor of a feature'
exits 2 box monitor trend fraud --metric nosuch
exits 5 box monitor trend nobody
exits 5 box monitor status nobody

# -- the same comparison by hand: drift of a window of the log
drift=$(box -o json drift --model fraud)
equal "$(printf '%s' "$drift" | field window_start)" 2026-04-13T00:00:00Z 'newest closed window'
equal "$(printf '%s' "$drift" | field version)" 1 'version in Production'
equal "$(printf '%s' "$drift" | field reference)" card_transactions:1 'reference'
for key in share_drifted volume; do
    equal "$(printf '%s' "$drift" | field $key)" "$(printf '%s' "$status" | field $key)" "$key of both"
done
numbers() { grep -E '"(p_value|effect|psi|js|wasserstein|n_current)" *:' | tr -d ' ,'; }
[ "$(printf '%s' "$drift" | numbers | wc -l)" -ge 50 ] || die "few figures: $drift"
equal "$(printf '%s' "$drift" | numbers)" \
    "$(printf '%s' "$status" | sed -n '/"drift" *:/,/"prediction_drift"/p' | grep -v season |
        sed '/"prediction_drift"/d' | numbers)" 'figures of the verb and of the snapshot'
equal "$(box -o json drift --model fraud --window last)" "$drift" 'the newest window by name'
equal "$(box -o json drift --model fraud --window 2026-04-13T15:00:00Z)" "$drift" 'and by time'
quiet=$(box -o json drift --model fraud --window 2026-04-07 --fail-on-drift)
equal "$(printf '%s' "$quiet" | field drift)" false 'a quiet day'
days=$(box -o json drift --model fraud --window 2d)
equal "$(printf '%s' "$days" | field window_start | cut -c 1-10)" 2026-04-11 'two days back'
exits 3 box drift --model fraud --fail-on-drift
exits 5 box drift --model fraud --window 2026-05-01
exits 5 box drift --model nobody
exits 2 box drift --model fraud --window soon
exits 2 box drift --model fraud --current "$dir/traffic.csv"
exits 2 box drift --window 1d --reference "$dir/train.csv" --current "$dir/traffic.csv"
exits 2 box drift --reference "$dir/train.csv"

# -- the same rows give the same bytes: another log of the same model, in other portions
cp -r "$dir/ws" "$dir/again"
again() { "$SIGNALBOX" -q -w "$dir/again" "$@"; }
dump() { "$SIGNALBOX" -q -w "$1" -o json monitor status "$2" | sed -n '/"snapshot"/,/"alerts"/p'; }
printf 'monitoring:\n  models:\n    twin: { reference: card_transactions }\n    twin2: { reference: card_transactions }\n' \
    >"$dir/again/signalbox.yaml"
again monitor label twin --data "$dir/labels.csv" >"$dir/out"
again monitor ingest twin --data "$dir/predictions.csv" >"$dir/out"
again monitor check twin --until 2026-04-14 >"$dir/out"
{ head -n 1 "$dir/predictions.csv"; tail -n +2 "$dir/predictions.csv" | sort; } >"$dir/shuffled.csv"
again monitor ingest twin2 --data "$dir/shuffled.csv" >"$dir/out"
again monitor label twin2 --data "$dir/labels.csv" >"$dir/out"
again monitor check twin2 --until 2026-04-14 >"$dir/out"
one=$(dump "$dir/again" twin)
two=$(dump "$dir/again" twin2 | sed 's/twin2/twin/')
[ ${#one} -gt 3000 ] || die "a short snapshot: $one"
equal "$(printf '%s' "$one" | sha256sum)" "$(printf '%s' "$two" | sha256sum)" 'snapshots of the same rows'

# -- killed while ingesting: given again, everything is there once
for after in 0.02 0.05 0.1; do
    ws=$dir/killed-$after
    "$SIGNALBOX" -q init "$ws" >"$dir/out"
    (timeout -s KILL "$after" "$SIGNALBOX" -q -w "$ws" monitor ingest fraud \
        --data "$dir/predictions.csv" || :) >"$dir/out" 2>&1
    reply=$("$SIGNALBOX" -q -w "$ws" -o json monitor ingest fraud --data "$dir/predictions.csv")
    new=$(printf '%s' "$reply" | field new)
    equal $((new + $(printf '%s' "$reply" | field duplicates))) "$rows" 'rows after a kill'
    "$SIGNALBOX" -q -w "$ws" monitor check --until 2026-04-14 >"$dir/out"
    equal "$("$SIGNALBOX" -q -w "$ws" -o csv monitor trend fraud --metric volume |
        awk -F, 'NR > 1 { n += $2 } END { print n }')" "$rows" 'volumes after a kill'
done

# -- files that cannot be used say why
printf 'request_id,prediction\na,1\n' >"$dir/bad.csv"
exits 2 box monitor ingest fraud --data "$dir/bad.csv"
grep -q "no column 'timestamp'" "$dir/err" || die "$(cat "$dir/err")"
printf 'request_id,timestamp,prediction\na,yesterday,1\n' >"$dir/bad.csv"
exits 2 box monitor ingest fraud --data "$dir/bad.csv"
grep -q 'not times' "$dir/err" || die "$(cat "$dir/err")"
printf 'request_id,timestamp,prediction\na,2026-04-06,1\n,2026-04-06,1\n' >"$dir/bad.csv"
exits 2 box monitor ingest fraud --data "$dir/bad.csv"
grep -q 'row 2 of the data has no request_id' "$dir/err" || die "$(cat "$dir/err")"
reply=$(box -o json monitor ingest fraud --data "$dir/bad.csv" --on-bad-row skip)
equal "$(printf '%s' "$reply" | field skipped)" 1 'skipped rows'
echo "monitor: all as expected"
