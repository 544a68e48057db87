# serve.sh: what tests of the daemon share. Sourced after lib.sh: starts `signalbox serve` on a port
# that the kernel chooses, and ends it with the test.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
serve_pid=
end_serve() {
    [ -z "$serve_pid" ] || kill "$serve_pid" 2>/dev/null || true
    [ -z "$serve_pid" ] || wait "$serve_pid" 2>/dev/null || true
    serve_pid=
}
trap 'end_serve; rm -rf "$dir"' EXIT

# Sets $address once the daemon can answer predictions.
start_serve() { # option…
    "$SIGNALBOX" --quiet --workspace "$dir/ws" serve --listen 127.0.0.1:0 "$@" \
        >"$dir/serve.out" 2>"$dir/serve.err" &
    serve_pid=$!
    for _ in $(seq 300); do
        address=$(sed -n 's|^listening on https\{0,1\}://||p' "$dir/serve.out")
        if [ -n "$address" ] && curl -skf "http://$address/ready" >"$dir/ready"; then return 0; fi
        kill -0 "$serve_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$dir/serve.out" "$dir/serve.err" "$dir/ready" >&2 || true
    die "the daemon does not come up"
}
# A workspace with the demo's data and two models: fraud (classes) and distance (a number).
make_models() {
    local sample=$top_srcdir/data/transactions_sample.csv
    box init >/dev/null
    box train --data "$sample" --target fraud --drop transaction_id,timestamp --algorithm gbdt \
        --param n_estimators=20 --register fraud --wait >/dev/null
    box train --data "$sample" --target distance_km --algorithm gbdt --param n_estimators=20 \
        --drop transaction_id,timestamp,merchant_category,country,channel,fraud \
        --register distance --wait >/dev/null
    box model promote fraud 1 --to Production --reason 'for the test' >/dev/null
    box model promote distance 1 --to Production --reason 'for the test' >/dev/null
}
key_of() { box --output json user add "$1" --role "$2" | field key; } # name, role
