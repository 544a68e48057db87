#!/usr/bin/env bash
# test_readme.sh: the README's tour works as printed: its shell blocks are taken out and run in
# order by one shell, in the source tree, with this build's program first on the path.
set -eu
: "${SIGNALBOX:?}" "${top_srcdir:=.}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

{
    echo 'set -eu'
    awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$top_srcdir/README.md" |
        sed "s|^PATH=\$PWD/build:|PATH=$(dirname "$SIGNALBOX"):|"
} >"$dir/tour.sh"
lines=$(grep -c signalbox "$dir/tour.sh")
[ "$lines" -ge 12 ] || { echo "only $lines commands found in the README"; exit 1; }

cd "$top_srcdir"
TMPDIR=$dir HOME=$dir bash "$dir/tour.sh" </dev/null >"$dir/out" 2>&1 || {
    echo "the tour failed with $?:"
    tail -n 30 "$dir/out"
    exit 1
}
scored=$(find "$dir" -name scored.csv)
[ "$(wc -l <"$scored")" -eq "$(wc -l <data/transactions_new.csv)" ] || {
    echo "scored.csv has $(wc -l <"$scored") lines"
    exit 1
}
echo "$lines commands of the README ran"
