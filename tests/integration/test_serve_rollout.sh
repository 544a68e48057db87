#!/usr/bin/env bash
# test_serve_rollout.sh: rollouts from the outside: a canary gets its share and callers stay where
# they are, one that fails is out at once and its end is written down with the reason by the
# daemon itself, a shadow is compared and not seen, an ensemble is the mean of its members.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
# shellcheck source=tests/integration/serve.sh
. "$top_srcdir/tests/integration/serve.sh"
command -v curl >/dev/null || skip "no curl here"

box init >/dev/null
sample=$top_srcdir/data/transactions_sample.csv
# the first version does without the country, the second one needs it
box train --data "$sample" --target fraud --drop transaction_id,timestamp,country \
    --algorithm logistic --register fraud >/dev/null
box train --data "$sample" --target fraud --drop transaction_id,timestamp --algorithm gbdt \
    --param n_estimators=20 --register fraud >/dev/null
box model promote fraud 1 --to Production --reason "the first" >/dev/null
start_serve --no-auth

whole='{"amount":42.5,"hour":3,"merchant_category":"clothing","country":"FR","channel":"atm","card_age_days":352,"transactions_24h":2,"distance_km":6.4,"amount_ratio":2.5,"is_weekend":true}'
short=${whole/\"country\":\"FR\",/}
predict() { # key, body, [query]
    curl -s -S --max-time 20 -H 'Content-Type: application/json' -H "X-Routing-Key: $1" -d "$2" \
        "http://$address/api/v1/fraud/predict${3:-}"
}
# Until the daemon does what was just stored: the answer's field has this value.
until_field() { # field, value, query
    for _ in $(seq 100); do
        [ "$(predict probe "$whole" "${3:-}" | field "$1")" != "$2" ] || return 0
        sleep 0.1
    done
    die "$1 does not become $2"
}

# -- a share, and callers that stay ---------------------------------------------------------------
box canary start fraud --version 2 --steps 50,100 --consecutive-errors 3 --latency-margin 90 \
    --reason "try it" >/dev/null
moved=no
for i in $(seq 100); do
    [ "$(predict "probe $i" "$whole" | field model_version)" != 2 ] || moved=yes
    [ $moved = no ] || break
    sleep 0.1
done
[ $moved = yes ] || die "nobody gets the canary"
canary=0
for i in $(seq 60); do
    version=$(predict "customer $i" "$whole" | field model_version)
    equal "$(predict "customer $i" "$whole" | field model_version)" "$version" "customer $i moved"
    [ "$version" = 1 ] || canary=$((canary + 1))
done
# four standard deviations
if [ $canary -lt 15 ] || [ $canary -gt 45 ]; then die "$canary of 60 customers got the canary"; fi

# -- out at once ----------------------------------------------------------------------------------
for i in $(seq 40); do
    predict "customer $i" "$short" >"$dir/answer"
    equal "$(field model_version <"$dir/answer")" 1 "the version that can answer"
done
state=
for _ in $(seq 100); do
    box --output json route show fraud >"$dir/route"
    state=$(field_in canary state <"$dir/route")
    [ "$state" != aborted ] || break
    sleep 0.1
done
equal "$state" aborted "the state of the canary"
equal "$(field_in canary reason <"$dir/route")" "3 requests in a row failed" "the reason"
equal "$(field mode <"$dir/route")" single "the mode after it"
box audit list --limit 5 >"$dir/audit"
grep -q "3 requests in a row failed" "$dir/audit" || die "the audit log does not say why"
for i in $(seq 20); do
    equal "$(predict "customer $i" "$whole" | field model_version)" 1 "the version after it"
done

# -- a shadow -------------------------------------------------------------------------------------
alone=$(predict me "$whole" '?version=1' | field 1)
other=$(predict me "$whole" '?version=2' | field 1)
for _ in $(seq 100); do # a version that is named is loaded when it was asked for
    [ -z "$other" ] || break
    sleep 0.1
    other=$(predict me "$whole" '?version=2' | field 1)
done
if [ -z "$other" ] || [ "$alone" = "$other" ]; then die "versions answer '$alone' and '$other'"; fi
box route set fraud --mode shadow --split 1,2 --reason "compare" >/dev/null
compared=
for i in $(seq 100); do
    equal "$(predict "customer $i" "$whole" | field 1)" "$alone" "the answer beside a shadow"
    compared=$(box --output json route show fraud | field compared)
    [ "${compared:-0}" -lt 5 ] || break
    sleep 0.1
done
[ "${compared:-0}" -ge 5 ] || die "the shadow was not compared"

# -- an ensemble ----------------------------------------------------------------------------------
box route set fraud --mode ensemble --split 1,2 --combine mean --reason "both" >/dev/null
until_field arm ensemble
mean=$(predict me "$whole" | field 1)
awk -v m="$mean" -v a="$alone" -v b="$other" 'BEGIN { d = m - (a + b) / 2; exit d * d > 1e-24 }' ||
    die "the mean of $alone and $other is not $mean"
box route clear fraud --reason "done" >/dev/null
until_field arm production
box audit verify >/dev/null
end_serve
echo "ok: $canary of 60 customers got the canary, $compared answers compared"
