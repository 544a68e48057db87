# lib.sh: what the integration tests share. Sourced: makes a temporary folder that is removed at
# the end, finds the shared real data sets, reads fields out of JSON replies.
# shellcheck shell=bash
: "${SIGNALBOX:?is the program to test}" "${top_srcdir:=.}"
top_srcdir=$(cd "$top_srcdir" && pwd)
# shellcheck disable=SC2034 # used by the tests
shared=${SIGNALBOX_SHARED:-$top_srcdir/../shared}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# nothing of the user's own must be read or written
export HOME=$dir XDG_DATA_HOME=$dir/data
unset SIGNALBOX_WORKSPACE

die() {
    echo "FAILED: $*" >&2
    exit 1
}
skip() {
    echo "skipped: $*"
    exit 77
}
box() { "$SIGNALBOX" --quiet --workspace "$dir/ws" "$@"; }
# First scalar of that name in the JSON on stdin.
field() {
    grep -oE "\"$1\" *: *(\"[^\"]*\"|[^],} ]+)" | head -n 1 | sed -E 's/^[^:]*: *"?//; s/"$//'
}
# First scalar of that name from the named object of the JSON on stdin on.
field_in() { tr -d '\n' | grep -oE "\"$1\" *: *\{.*" | head -n 1 | field "$2"; }
# Runs a command that must end with that exit code.
exits() {
    local want=$1 got=0
    shift
    "$@" >"$dir/out" 2>"$dir/err" || got=$?
    [ "$got" = "$want" ] || {
        cat "$dir/out" "$dir/err" >&2
        die "exit $got instead of $want: $*"
    }
}
# The python of the virtual environment SIGNALBOX_PEERS, if it has these modules; fails otherwise.
peer_python() { # "module, module…"
    local python=${SIGNALBOX_PEERS:-/nowhere}/bin/python
    "$python" -c "import $1" 2>/dev/null && echo "$python"
}
equal() { [ "$1" = "$2" ] || die "$3: '$1' instead of '$2'"; }
