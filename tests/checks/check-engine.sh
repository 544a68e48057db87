#!/bin/sh
# check-engine.sh: the engine computes and does nothing else. Every symbol libengine.a leaves
# undefined must match a line of engine-symbols.allow (libc, libm, pthread, pure parts of base).
# Fortified and sanitizer names are taken back to the plain function first.
set -eu
: "${top_srcdir:=.}" "${top_builddir:=.}" "${NM:=nm}"
lib=$top_builddir/src/engine/libengine.a

[ -f "$lib" ] || { echo "$lib is missing; run make first"; exit 1; }
{
    sed 's/^/allow /' "$top_srcdir/tests/checks/engine-symbols.allow"
    $NM -P "$lib" | awk 'NF >= 2 && $2 != "U" && $2 != "w" { print "defined", $1 }'
    $NM -uP "$lib" | awk 'NF >= 2 { print "undefined", $1 }'
} | awk '
$1 == "allow" && NF == 2 { pattern[++n] = "^(" $2 ")$" }
$1 == "defined" { defined[$2] = 1 }
$1 == "undefined" {
    if ($2 in defined || $2 ~ /^(__asan_|__ubsan_|__tsan_|__sanitizer_|__gcov_|llvm_gcov|_GLOBAL_)/) next
    name = $2
    if (name ~ /^__.*_chk$/) { sub(/^__/, "", name); sub(/_chk$/, "", name) }
    sub(/^__isoc(99|23)_/, "", name)
    seen++
    for (i = 1; i <= n; i++) if (name ~ pattern[i]) next
    if (!told[name]++) { print "libengine.a uses " name ", which engine-symbols.allow does not list"; bad = 1 }
}
END {
    if (n == 0) { print "the allow list is empty"; bad = 1 }
    if (seen == 0) { print "libengine.a uses nothing at all: is it empty?"; bad = 1 }
    exit bad
}'
