#!/usr/bin/env bash
# test_serve_predict.sh: the daemon's predictions as a client sees them: equal to the verb predict
# digit for digit, errors that name the column, the log where monitoring reads it, a promotion
# while requests come without one that fails, and the log complete after the end.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
command -v curl >/dev/null || skip "no curl here"

box init >/dev/null
box train --data "$top_srcdir/data/transactions_sample.csv" --target fraud \
    --drop transaction_id,timestamp --algorithm gbdt --param n_estimators=30 \
    --register fraud >/dev/null
box train --data "$top_srcdir/data/transactions_sample.csv" --target fraud \
    --drop transaction_id,timestamp --algorithm logistic --register fraud >/dev/null
box model promote fraud 1 --to Production --reason "the first" >/dev/null

"$SIGNALBOX" --workspace "$dir/ws" serve --listen 127.0.0.1:0 --no-auth \
    >"$dir/listening" 2>"$dir/serve.log" &
daemon=$!
trap 'kill "$daemon" 2>/dev/null || :; rm -rf "$dir"' EXIT
for _ in $(seq 200); do
    grep -q listening "$dir/listening" && break
    sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$dir/listening")
[ -n "$url" ] || {
    cat "$dir/serve.log" >&2
    die "the daemon does not listen"
}
ask() { curl -s -S --max-time 20 -H 'Content-Type: application/json' "$@"; }

# -- equal to the verb predict ------------------------------------------------------------------
# 300 rows as JSON lines, with some values unknown
awk -F, 'NR == 1 { n = split($0, name); next }
NR <= 301 {
    line = ""
    for (i = 3; i < n; i++) {
        v = $i
        if (v == "" || NR % 41 == 0 && i == 7) v = "null"
        else if (v !~ /^(-?[0-9.]+|true|false)$/) v = "\"" v "\""
        line = line (i > 3 ? "," : "") "\"" name[i] "\":" v
    }
    print "{" line "}"
}' "$top_srcdir/data/transactions_sample.csv" >"$dir/rows.jsonl"
box predict --model models:/fraud/1 --data "$dir/rows.jsonl" --proba --out "$dir/out.jsonl" >/dev/null
sed 's/.*"prediction" *: *\([^,}]*\).*"probability" *: *\([^,}]*\).*/\1 \2/' "$dir/out.jsonl" \
    >"$dir/expected"
{
    echo "["
    sed '$!s/$/,/' "$dir/rows.jsonl"
    echo "]"
} >"$dir/rows.json"
ask -d @"$dir/rows.json" "$url/api/v1/fraud/predict" >"$dir/answer"
{
    sed 's/"prediction"/\n"prediction"/g' "$dir/answer"
    echo
} | sed -n 's/^"prediction":\([^,]*\),.*"1":\([^,}]*\)}.*/\1 \2/p' >"$dir/served"
equal "$(wc -l <"$dir/served")" 300 "answers"
cmp "$dir/expected" "$dir/served" || die "the daemon answers otherwise than the verb predict"
# one by one, without a list, the default model
head -n 20 "$dir/rows.jsonl" | while read -r row; do
    ask -w '\n' -d "$row" "$url/predict" |
        sed 's/.*"prediction":\([^,]*\),.*"1":\([^,}]*\)}.*/\1 \2/'
done >"$dir/single"
cmp <(head -n 20 "$dir/expected") "$dir/single" || die "a row alone is answered otherwise"

# -- what the answer says -----------------------------------------------------------------------
row=$(head -n 1 "$dir/rows.jsonl")
reply=$(ask -H 'X-Request-Id: my-request' -d "$row" "$url/predict")
for part in '"model":"fraud"' '"model_version":1' '"arm":"production"' \
    '"request_id":"my-request"' '"cached":true' '"model_ms":' '"overhead_ms":'; do
    case $reply in
    *$part*) ;;
    *) die "no $part in $reply" ;;
    esac
done
equal "$(ask -d '[]' "$url/predict")" "[]" "an empty list"

# -- what is refused ----------------------------------------------------------------------------
refused() { # status, part of the message, curl's words
    local status
    status=$(ask -o "$dir/refused" -w '%{http_code}' "${@:3}")
    equal "$status" "$1" "status of $2"
    grep -q -- "$2" "$dir/refused" || die "no '$2' in $(cat "$dir/refused")"
}
refused 400 "column 'amount' is missing" -d '{"hour":1}' "$url/predict"
refused 400 "byte 9" -d '{"hour":}' "$url/predict"
refused 400 "twice" -d '{"hour":1,"hour":2}' "$url/predict"
refused 400 "is a number" -d "${row/\"hour\":0/\"hour\":\"late\"}" "$url/predict"
refused 404 "nobody" -d "$row" "$url/api/v1/nobody/predict"
refused 400 "no version" -d "$row" "$url/predict?version=new"
# a version that is not in Production is loaded when it is first named
for _ in $(seq 100); do
    reply=$(ask -d "$row" "$url/predict?version=2")
    case $reply in *'"model_version":2'*) break ;; esac
    sleep 0.1
done
case $reply in *'"model_version":2'*) ;; *) die "version 2 is not to be had: $reply" ;; esac

# -- a promotion while requests come ------------------------------------------------------------
(
    while [ ! -e "$dir/enough" ]; do
        ask -w '\n%{http_code}\n' -d "$row" "$url/predict" || echo failed
    done
) >"$dir/stream" &
stream=$!
sleep 0.5
box model promote fraud 2 --to Production --reason "the second" >/dev/null
for _ in $(seq 100); do
    case $(ask -d "$row" "$url/predict") in *'"model_version":2'*) break ;; esac
    sleep 0.1
done
touch "$dir/enough"
wait "$stream"
grep -q '"model_version":1' "$dir/stream" || die "nobody was answered by version 1"
case $(ask -d "$row" "$url/predict") in *'"model_version":2'*) ;; *) die "still version 1" ;; esac
bad=$(grep -v '^{"prediction"' "$dir/stream" | grep -cvx 200 || :)
equal "$bad" 0 "requests that failed during the promotion"

# -- the log ------------------------------------------------------------------------------------
answered=$(grep -c '^{"prediction"' "$dir/stream")
kill "$daemon"
wait "$daemon" || die "the daemon ended with $?"
trap 'rm -rf "$dir"' EXIT
box -o json monitor check fraud --until "$(date -u -d '+1 day' +%Y-%m-%dT00:00:00Z)" >/dev/null
status=$(box -o json monitor status fraud)
volume=$(printf '%s' "$status" | field volume)
[ "$volume" -ge $((300 + 20 + 1 + answered)) ] ||
    die "$volume predictions in the log, $answered answers in the stream alone"
printf '%s' "$status" | field p50_ms | grep -q '^[0-9]' || die "no latency in $status"
echo "$volume predictions served and logged, $answered of them around a promotion"
