#!/usr/bin/env bash
# test_serve_canary.sh: canaries in a daemon under traffic: a healthy one is promoted by evidence, a
# slow one is taken back by it, the registry and the route always agree, and callers never see an
# error. The same key always gets the same version.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
# shellcheck source=tests/integration/serve.sh
. "$top_srcdir/tests/integration/serve.sh"
command -v curl >/dev/null || skip "curl is missing"

sample=$top_srcdir/data/transactions_sample.csv
box init >/dev/null
for rounds in 20 21 22; do
    box train --data "$sample" --target fraud --drop transaction_id,timestamp --algorithm gbdt \
        --param n_estimators=$rounds --register fraud --wait >/dev/null
done
box model promote fraud 1 --reason 'the first' >/dev/null
start_serve --no-auth

body='{"amount":42.5,"hour":3,"merchant_category":"clothing","country":"FR","channel":"atm","card_age_days":352,"transactions_24h":0,"distance_km":6.4,"amount_ratio":2.519,"is_weekend":true}'
# Many requests over one connection, all different: answers from the cache are no evidence. What
# came back but 200 is counted.
requests() { # how many
    local i row
    for i in $(seq "$1"); do
        row=${body/42.5/$RANDOM.$i}
        [ "$i" = 1 ] || echo next
        printf 'url = "http://%s/predict"\ndata = "%s"\noutput = "%s"\nwrite-out = "%%{http_code}\\n"\n' \
            "$address" "${row//\"/\\\"}" "$dir/answer"
    done >"$dir/config"
    curl -sS --max-time 60 -K "$dir/config" | sort | uniq -c >"$dir/codes"
    equal "$(awk '$2 != 200' "$dir/codes")" '' 'answers that are none'
}
# A version nobody asked for yet is loaded then; until it is there, once when to ask again.
equal "$(curl -sSi -d "$body" "http://$address/predict?version=3" | grep -ci '^retry-after: ')" 1 \
    'Retry-After of a version that is being loaded'
version_of() { curl -sS -d "${body/FR/$1}" "http://$address/predict" | field model_version; }
# The daemon looks at the store a few times a second.
soon() { # command that must succeed before long
    for _ in $(seq 100); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    die "not before long: $*"
}
state() { box -o json route show fraud --no-labels | field_in canary state; }
# Traffic until the canary is in that state.
until_state() { # state, seconds
    local end=$((SECONDS + $2))
    until [ "$(state)" = "$1" ]; do
        [ "$SECONDS" -lt "$end" ] || {
            box -o json route show fraud --no-labels >&2
            cat "$dir/serve.err" >&2
            die "the canary is $(state) and not $1"
        }
        requests 200
    done
}

# -- a healthy one -----------------------------------------------------------------------------
box canary start fraud --version 2 --steps 50 --min-samples 100 --min-time 1s --margin 0.05 \
    --latency-margin 20 --auto-promote --key customer --reason 'try it' >/dev/null
until_state 'done' 60
equal "$(box -o json model show fraud | field_in production version)" 2 'version in Production'
two_answers() { [ "$(version_of FR)" = 2 ]; }
soon two_answers
box -o json audit list --object 'route:fraud' >"$dir/audit"
grep -q '"canary check"' "$dir/audit" || die 'who moved the canary is not in the audit log'
grep -q '"signalbox"' "$dir/audit" || die 'the daemon has no name in the audit log'

# -- one that is too slow by its limit -----------------------------------------------------------
box canary start fraud --version 3 --steps 50,100 --min-samples 100000 --max-p99-ms 0.001 \
    --reason 'try that' >/dev/null
until_state aborted 60
equal "$(box -o json model show fraud | field_in production version)" 2 'version in Production'
box -o json route show fraud --no-labels >"$dir/route"
equal "$(field verdict <"$dir/route")" aborted 'verdict'
grep -q 'p99' "$dir/route" || die "the reason is not told"
equal "$(field mode <"$dir/route")" single 'mode'

# -- the same key, the same version, also after a restart ------------------------------------------
box route set fraud --mode ab --split 2:0.5,3:0.5 --key country --reason 'compare' >/dev/null
# So many that all of them on one side, by the luck of a rollout's salt, does not happen.
countries=$(seq -f 'C%02g' 30)
versions() { for c in $countries; do version_of "$c"; done | tr '\n' ' '; }
both_answer() { # the same twice: the first may have seen the change come
    before=$(versions)
    [ "$(versions)" = "$before" ] || return 1
    case $before in *2*3* | *3*2*) return 0 ;; *) return 1 ;; esac
}
soon both_answer
equal "$(versions)" "$before" 'versions by key'
end_serve
start_serve --no-auth
equal "$(versions)" "$before" 'versions by key after a restart'
equal "$(box -o json audit verify | field ok)" true 'audit'
