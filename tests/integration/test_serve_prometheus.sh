#!/usr/bin/env bash
# test_serve_prometheus.sh: Prometheus itself scrapes the daemon with the configuration and the
# rules that are shipped, and answers queries on what it read; promtool finds nothing to say about
# the page of a daemon that answered requests of every kind.
set -eu
. "${top_srcdir:=.}/tests/integration/lib.sh"
. "$top_srcdir/tests/integration/serve.sh"

command -v curl >/dev/null || skip "curl is not installed"
command -v prometheus >/dev/null || skip "prometheus is not installed (Debian package prometheus)"

make_models
key=$(key_of shop viewer)
start_serve --io-threads 1
row='{"amount": 12.5, "hour": 3, "merchant_category": "grocery", "country": "DE", "channel": "atm",
    "card_age_days": 100, "transactions_24h": 2, "distance_km": 1.5, "amount_ratio": 1, "is_weekend": true}'
get() { curl -sS --max-time 10 "$@"; }
for _ in $(seq 20); do
    get -H "X-API-Key: $key" -d "$row" "http://$address/api/v1/fraud/predict" >"$dir/answer"
done
grep -q '"prediction"' "$dir/answer" || die "no prediction: $(cat "$dir/answer")"
equal "$(get -o "$dir/x" -w '%{http_code}' -d "$row" "http://$address/api/v1/fraud/predict")" 403 "no key"
get -o "$dir/x" "http://$address/nothing/here"

# both formats, by what is asked for
get -D "$dir/head" "http://$address/metrics" >"$dir/page"
grep -qi '^content-type: text/plain; version=0.0.4; charset=utf-8' "$dir/head" || die "$(cat "$dir/head")"
promtool check metrics <"$dir/page" || die "promtool objects"
get -D "$dir/head" -H 'Accept: application/openmetrics-text; version=1.0.0' \
    "http://$address/metrics" >"$dir/open"
grep -qi '^content-type: application/openmetrics-text; version=1.0.0' "$dir/head" || die "$(cat "$dir/head")"
equal "$(tail -n 1 "$dir/open")" '# EOF' "last line"

start_prometheus() { # port
    sed -e "s/127.0.0.1:5000/$address/" -e 's/_interval: 15s/_interval: 1s/' \
        "$top_srcdir/share/prometheus/signalbox.yml" >"$dir/signalbox.yml"
    cp "$top_srcdir/share/prometheus/signalbox.rules.yml" "$dir/"
    prometheus --config.file="$dir/signalbox.yml" --storage.tsdb.path="$dir/tsdb" \
        --web.listen-address="127.0.0.1:$1" >"$dir/prometheus.log" 2>&1 &
    prometheus_pid=$!
    for _ in $(seq 100); do
        if get -f "http://127.0.0.1:$1/-/ready" >"$dir/x" 2>&1; then return 0; fi
        kill -0 "$prometheus_pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}
prometheus_pid=
trap '[ -z "$prometheus_pid" ] || kill "$prometheus_pid"; end_serve; rm -rf "$dir"' EXIT
port=
for try in 1 2 3 4 5; do
    port=$((20000 + (RANDOM + try) % 20000))
    if start_prometheus "$port"; then break; fi
    port=
done
[ -n "$port" ] || { cat "$dir/prometheus.log" >&2; die "Prometheus does not come up"; }

# The value of a query that has one, once it is there and not 0.
query() {
    local value
    for _ in $(seq 100); do
        value=$(get -G --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" |
            sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p')
        case $value in '' | 0) sleep 0.1 ;; *) break ;; esac
    done
    echo "$value"
}
equal "$(query 'up{job="signalbox"}')" 1 "up"
equal "$(query 'sum(model_predictions_total{model="fraud",version="1"})')" 20 "predictions"
equal "$(query 'sum(http_requests_total{route="/api/v1/{model}/predict",code="200"})')" 20 "requests"
equal "$(query 'sum(http_requests_total{route="/api/v1/{model}/predict",code="403"})')" 1 "refused"
equal "$(query 'sum(http_request_duration_seconds_count{route="/api/v1/{model}/predict"})')" 21 "times"
equal "$(query 'model_rollout_weight_ratio{model="fraud",arm="production"}')" 1 "weight"
equal "$(query 'signalbox_ready')" 1 "ready"
rules=$(get "http://127.0.0.1:$port/api/v1/rules" | grep -o '"type":"alerting"' | wc -l)
equal "$rules" "$(grep -c -- '- alert:' "$top_srcdir/share/prometheus/signalbox.rules.yml")" "rules"
end_serve
for _ in $(seq 100); do
    state=$(get "http://127.0.0.1:$port/api/v1/alerts")
    case $state in *SignalboxDown*) break ;; esac
    sleep 0.1
done
case $state in *SignalboxDown*) ;; *) die "no alert that the daemon is gone: $state" ;; esac
