#!/usr/bin/env bash
# test_data_files.sh: data import, list and profile from the command line: every packing, standard
# input, bad rows under each policy with counts and exit codes, versions, and a killed import.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

import() { box -o json data import "$@"; }
box init >"$dir/out"

# one table in every form is the same table
awk 'BEGIN { print "id,amount,kind,when"
    for (i = 0; i < 3000; i++)
        printf "%d,%.2f,%s,2026-01-%02d\n", i, i / 7, i % 3 ? "card" : "cash", i % 28 + 1 }' \
    >"$dir/plain.csv"
gzip -c "$dir/plain.csv" >"$dir/packed.csv.gz"
cp "$dir/packed.csv.gz" "$dir/misnamed.csv"
tr , '\t' <"$dir/plain.csv" >"$dir/tabs.tsv"
sed 's/$/\r/' "$dir/plain.csv" >"$dir/crlf.csv"
awk -F, 'NR > 1 { printf "{\"id\":%s,\"amount\":%s,\"kind\":\"%s\",\"when\":\"%s\"}\n",
    $1, $2, $3, $4 }' "$dir/plain.csv" >"$dir/lines.jsonl"
profile() { box -o json data profile "$1" | tr -d '\n' | sed 's/.*"columns"/"columns"/'; }
want=$(profile "$dir/plain.csv")
for form in packed.csv.gz misnamed.csv tabs.tsv crlf.csv lines.jsonl; do
    equal "$(profile "$dir/$form")" "$want" "profile of $form"
done
if command -v zstd >"$dir/out"; then
    zstd -q "$dir/plain.csv" -o "$dir/packed.csv.zst"
    equal "$(profile "$dir/packed.csv.zst")" "$want" "profile of packed.csv.zst"
fi
equal "$(box -o json data profile - <"$dir/packed.csv.gz" | field rows)" 3000 "rows from a file as stdin"
# shellcheck disable=SC2002 # a pipe is meant
equal "$(cat "$dir/packed.csv.gz" | box -o json data profile - | field rows)" 3000 "rows from a pipe"

# what is odd, and what hangs together
awk 'BEGIN { srand(2); print "a,b,c,t,same,kind"
    for (i = 0; i < 500; i++) {
        a = rand()
        printf "%.4f,%.4f,%s,%s,7,%s\n", a, i == 99 ? 50 : 2 * a + rand() / 10, i % 10 ? int(9 * rand()) : "",
            (a > 0.5 ? "yes" : "no"), (a > 0.7 ? "hi" : "lo") }
    print "0.1,0.2,3,no,7,lo"; print "0.1,0.2,3,no,7,lo" }' >"$dir/odd.csv"
box -o json data profile "$dir/odd.csv" --target t >"$dir/odd.json"
equal "$(field duplicate_rows <"$dir/odd.json")" 1 "repeated rows"
equal "$(field complete_rows <"$dir/odd.json")" 452 "complete rows"
tr -d ' \n' <"$dir/odd.json" >"$dir/odd.line"
grep -q '"extreme":\[{"row":100,"value":50' "$dir/odd.line" || die "row 100 is not the outlier"
grep -q '"flags":\["constant"\]' "$dir/odd.line" || die "no constant column"
grep -q '"missing_together":\[{"rows":50,"columns":\["c"\]}' "$dir/odd.line" || die "values missing together"
grep -q '"pairs":\[{"a":"a","b":"b"' "$dir/odd.line" || die "pairs: ranks stand an outlier"
grep -q '"target_relation":\[{"name":"[ab]"' "$dir/odd.line" || die "a or b tells most about t"
equal "$(field target_kind <"$dir/odd.json")" classes "kind of target"
exits 2 box data profile "$dir/odd.csv" --target nothing
exits 2 box data profile "$dir/odd.csv" --target same

# versions: other bytes are a new one, the same bytes are not
reply=$(import "$dir/plain.csv" --name cards)
equal "$(field version <<<"$reply")" 1 "first version"
equal "$(field new <<<"$reply")" true "first import is new"
equal "$(import "$dir/packed.csv.gz" --name cards | field version)" 2 "other bytes"
reply=$(import "$dir/plain.csv" --name cards)
equal "$(field version <<<"$reply")" 1 "same bytes"
equal "$(field new <<<"$reply")" false "same bytes are not new"
# shellcheck disable=SC2002
equal "$(cat "$dir/tabs.tsv" | import - --name piped | field source)" "standard input" "source"
rm "$dir/plain.csv"
equal "$(box -o json data profile cards:1 | field rows)" 3000 "the file is not needed any more"
equal "$(box -o json data list | grep -c '"name"')" 2 "data sets in the list"

# bad rows
printf 'a,b\n1,2\n"x\ny",4\n3\n5,6,7\n8,9\n' >"$dir/bad.csv"
exits 1 import "$dir/bad.csv" --name bad
grep -q 'bad.csv: line 5: 1 field, expected 2: column 2 b is missing' "$dir/err" || die "message"
grep -q 'on-bad-row skip' "$dir/err" || die "hint"
reply=$(import "$dir/bad.csv" --name bad --on-bad-row skip)
equal "$(field rows <<<"$reply")" 3 "rows kept"
equal "$(field skipped_rows <<<"$reply")" 2 "rows skipped"
equal "$(box -o json data profile "$dir/bad.csv" --on-bad-row null | field rows)" 5 "rows with null"

# what cannot be read, and the exit codes
exits 5 import "$dir/nothing.csv" --name x
exits 5 box data profile nothing
exits 2 import "$dir" --name x
exits 2 import "$dir/tabs.tsv" --name a:b
exits 2 import "$dir/tabs.tsv"
head -c 4000 "$dir/packed.csv.gz" >"$dir/cut.csv.gz"
exits 1 import "$dir/cut.csv.gz" --name x
grep -q 'cut.csv.gz: packed data is damaged: it ends too early' "$dir/err" || die "truncated"
printf 'PK\003\004xxxx' >"$dir/book.xlsx"
exits 1 import "$dir/book.xlsx" --name x
grep -q 'ZIP or Excel' "$dir/err" || die "Excel"
: >"$dir/empty.csv"
exits 1 import "$dir/empty.csv" --name x
equal "$(box -o json data list | grep -c '"name"')" 3 "nothing half imported"

# an import killed at any moment leaves a whole data set or none
for i in 1 2 3 4 5 6 7 8; do
    box data import "$dir/lines.jsonl" --name "killed$i" >"$dir/out" 2>&1 &
    sleep "0.0$i"
    kill -9 $! 2>"$dir/err" || true
    wait $! 2>"$dir/err" || true
done
equal "$(import "$dir/lines.jsonl" --name after | field rows)" 3000 "import after kills"
for name in $(box -o json data list | sed -n 's/.*"name": "\(killed[0-9]\)".*/\1/p'); do
    equal "$(box -o json data profile "$name" | field rows)" 3000 "rows of $name"
done
equal "$(box -o json audit verify | field ok)" true "audit after kills"

# the pane Data as text
box --once data >"$dir/pane"
grep -q 'Data sets' "$dir/pane" || die "no list of data sets in the pane"
grep -q 'amount' "$dir/pane" || die "no columns in the pane"
