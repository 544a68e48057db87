#!/usr/bin/env bash
# test_serve_clients.sh: clients as they are installed from PyPI, against the daemon with keys:
# Triton's HTTP client, and requests in the forms of MLflow and TensorFlow Serving. The virtual
# environment is kept in the build folder; without network and environment the test is skipped.
set -eu
. "${top_srcdir:=.}/tests/integration/lib.sh"
. "$top_srcdir/tests/integration/serve.sh"

command -v curl >/dev/null || skip "curl is not installed"
venv=${SIGNALBOX_CLIENTS:-$PWD/tests/integration/clients-venv}
if ! "$venv/bin/python" -c 'import tritonclient.http, requests, numpy' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" >"$dir/venv" 2>&1 || skip "python3 cannot make a virtual environment"
    timeout 300 "$venv/bin/pip" -q install 'tritonclient[http]' requests numpy >"$dir/venv" 2>&1 ||
        skip "the clients cannot be installed from PyPI: $(tail -n 1 "$dir/venv")"
fi

make_models
printf 'serve:\n  default: fraud\n' >>"$dir/ws/signalbox.yaml"
key=$(key_of clients viewer)
start_serve --io-threads 1
"$venv/bin/python" "$top_srcdir/tests/integration/serve_clients.py" "$address" \
    "$key" "$top_srcdir/data"
