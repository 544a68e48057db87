#!/bin/sh
# check-dist.sh: what git tracks and what make dist packs are the same files, .gitignore aside.
# Skipped outside a git work tree. DIST_LIST, a command of make's, prints the packed names.
set -eu
: "${top_srcdir:=.}" "${top_builddir:=.}" "${MAKE:=make}"
if ! tracked=$(git -C "$top_srcdir" ls-files 2>/dev/null) || [ -z "$tracked" ]; then
    echo "not a git work tree: nothing to compare with"
    exit 77
fi
packed=$(MAKEFLAGS='' "$MAKE" -s -C "$top_builddir" dist-list)
{
    printf '%s\n' "$tracked" | grep -v '^\.gitignore$' | sed 's/^/t /'
    printf '%s\n' "$packed" | sed 's/^/p /'
} | awk '
$1 == "p" { packed[$2] = 1 }
$1 == "t" { tracked[$2] = 1 }
END {
    for (f in tracked) if (!(f in packed)) { print f ": tracked by git, missing from make dist (EXTRA_DIST?)"; bad = 1 }
    exit bad
}'
