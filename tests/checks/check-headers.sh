#!/bin/sh
# check-headers.sh: every header compiles alone, so none depends on what was included before
# it. CC and CHECK_CPPFLAGS come from make.
set -eu
: "${top_srcdir:=.}" "${CC:=cc}" "${CHECK_CPPFLAGS:=-I$top_srcdir/src -D_GNU_SOURCE}"

failed=0
count=0
for header in $(cd "$top_srcdir" && find src tests -name '*.h' | LC_ALL=C sort); do
    count=$((count + 1))
    # included twice: once it must be complete, twice it must be guarded
    # shellcheck disable=SC2086 # both hold several words
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        $CC $CHECK_CPPFLAGS -I"$top_srcdir" -std=gnu11 -Wall -Wextra -Werror \
            -fsyntax-only -x c - || {
        echo "$header: does not compile alone"
        failed=1
    }
done
[ "$count" -gt 0 ] || { echo "no headers found"; exit 1; }
echo "$count headers"
exit "$failed"
