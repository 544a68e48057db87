#!/usr/bin/env bash
# test_serve.sh: the daemon as curl sees it: over TLS with a certificate that is renewed under way,
# a key file that others may read, training from the request to the model, the systemd unit.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:=.}/tests/integration/lib.sh"
command -v curl >/dev/null || skip "curl is missing"

pid=
trap '[ -z "$pid" ] || kill -TERM "$pid"; rm -rf "$dir"' EXIT

# Starts the daemon with these options; sets url.
serve() {
    rm -f "$dir/serve.out"
    "$SIGNALBOX" --workspace "$dir/ws" serve --listen 127.0.0.1:0 "$@" >"$dir/serve.out" 2>"$dir/serve.err" &
    pid=$!
    for _ in $(seq 500); do
        url=$(sed -n 's/^listening on //p' "$dir/serve.out" 2>/dev/null || true)
        [ -z "$url" ] || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$dir/serve.err" >&2
    die "the daemon does not start"
}
stop() {
    local code=0
    kill -TERM "$pid"
    wait "$pid" || code=$?
    pid=
    equal "$code" 0 "exit status of the daemon"
}
get() { curl -sS --max-time 20 "$@"; }
status() { get -o "$dir/body" -w '%{http_code}' "$@"; }

box init >/dev/null

# -- keys and training ------------------------------------------------------------------------
awk 'BEGIN { srand(5); print "x,z,y"
    for (i = 0; i < 400; i++) { x = rand(); z = rand(); print x "," z "," (x + z > 1) } }' \
    >"$dir/table.csv"
box data import "$dir/table.csv" --name table >/dev/null
key=$(box -o json user add ann --role developer | field key)
serve
equal "$(status "$url/health")" 200 health
equal "$(status -X POST -d '{}' "$url/train")" 403 "train without a key"
equal "$(status -X POST -d '{}' -H 'X-API-Key: sbx_wrong' "$url/train")" 401 "train with a wrong key"
auth=(-H "Authorization: Bearer $key" -H 'Content-Type: application/json')
equal "$(status "${auth[@]}" -d "{\"data\": \"$dir/table.csv\", \"target\": \"y\"}" "$url/train")" 400 \
    "train from a file"
equal "$(status "${auth[@]}" -d '{"data": "table", "target": "y", "algorithm": "logistic"}' "$url/train")" \
    202 train
equal "$(field status <"$dir/body")" queued "status of the new job"
job=$(field job_id <"$dir/body")
for _ in $(seq 300); do
    get "${auth[@]}" "$url/train/status/$job" >"$dir/job"
    state=$(field status <"$dir/job")
    case $state in succeeded | dead | cancelled) break ;; esac
    sleep 0.1
done
equal "$state" succeeded "the job"
run=$(field run_id <"$dir/job")
equal "$(status "${auth[@]}" -d "{\"name\": \"m\", \"model\": \"runs:/$run/model\"}" \
    "$url/api/v1/training/models/register")" 200 register
equal "$(status "${auth[@]}" -d '{"name": "m", "version": 1, "stage": "Production", "reason": "r"}' \
    "$url/models/transition")" 403 "promotion by a developer"
op=$(box -o json user add olga --role operator | field key)
sleep 0.6
equal "$(status -H "X-API-Key: $op" -d '{"name": "m", "version": 1, "stage": "Production", "reason": "r"}' \
    "$url/models/transition")" 200 promotion
equal "$(get "${auth[@]}" "$url/models" | field_in production version)" 1 "version in Production"
equal "$(status "${auth[@]}" "$url/api/v1/mlops/retrain/policy?name=m&dry_run=false")" 403 \
    "policy for a developer"
equal "$(status -H "X-API-Key: $op" "$url/api/v1/mlops/retrain/policy?name=m&dry_run=false")" 400 \
    "GET that would change something"
for path in /models /experiments /api/v1/mlops/monitoring /api/v1/mlops/retrain/jobs \
    '/api/v1/mlops/retrain/policy?name=m&dry_run=true' /api/v1/system/status /ready /metrics; do
    equal "$(status -H "X-API-Key: $op" "$url$path")" 200 "$path"
done
stop
box audit list -o json >"$dir/audit"
grep -q '"olga"' "$dir/audit" || die "the audit log does not name who promoted"

# -- TLS ----------------------------------------------------------------------------------------
if command -v openssl >/dev/null; then
    certificate() {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
            -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
            -set_serial "$1" -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
        chmod 600 "$dir/key.pem"
    }
    serial() {
        openssl s_client -connect "${url#https://}" </dev/null 2>/dev/null |
            openssl x509 -noout -serial
    }
    certificate 4097
    chmod 644 "$dir/key.pem"
    exits 6 box serve --listen 127.0.0.1:0 --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem"
    exits 2 box serve --listen 127.0.0.1:0 --tls-cert "$dir/cert.pem"
    certificate 4097
    serve --no-auth --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem"
    equal "${url%%:*}" https "scheme of the address"
    equal "$(status --cacert "$dir/cert.pem" "$url/health")" 200 "health over TLS"
    equal "$(status --cacert "$dir/cert.pem" "$url/models")" 200 "a verb over TLS"
    equal "$(serial)" serial=1001 "the certificate"
    equal "$(status "http://${url#https://}/health" 2>/dev/null || true)" 000 "plain HTTP on the TLS port"
    certificate 8193
    kill -HUP "$pid"
    for _ in $(seq 100); do
        [ "$(serial)" = serial=1001 ] || break
        sleep 0.05
    done
    equal "$(serial)" serial=2001 "the certificate after SIGHUP"
    equal "$(status --cacert "$dir/cert.pem" "$url/health")" 200 "health with the new certificate"
    echo "no certificate" >"$dir/cert.pem"
    kill -HUP "$pid"
    sleep 0.3
    equal "$(serial)" serial=2001 "the certificate after a SIGHUP that fails"
    stop
else
    echo "openssl is missing: TLS is not tested"
fi

# -- the unit -----------------------------------------------------------------------------------
if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/bin/signalbox|$SIGNALBOX|" "$top_srcdir/share/systemd/signalbox.service" \
        >"$dir/signalbox.service"
    if systemd-analyze verify "$dir/signalbox.service" >"$dir/verify" 2>&1; then :; fi
    ! grep -E 'signalbox\.service:[0-9]+:' "$dir/verify" || die "the unit has mistakes"
fi
