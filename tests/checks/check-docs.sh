#!/bin/sh
# check-docs.sh: every verb of verbs.def is in the README's table and in share/doc/REPLIES, and
# in the man page where that is in the tree; every file of src/ has its line in
# share/doc/ARCHITECTURE and every path named there exists.
set -eu
cd "${top_srcdir:-.}"
failed=0
bad() { echo "$*"; failed=1; }

# Is the verb ("model promote" or "train") named in the text? Grouped forms count:
# "model list, show" and "model list|show".
has() { # file, verb
    awk -v verb="$2" '
    BEGIN { n = split(verb, w, " ") }
    { gsub(/[`|,;:\\]+/, " "); gsub(/ +/, " "); line = " " $0 " " }
    n == 1 && index(line, " " w[1] " ") { found = 1 }
    n == 2 && (at = index(line, " " w[1] " ")) && index(substr(line, at), " " w[2] " ") { found = 1 }
    END { exit !found }' "$1"
}

verbs=$(sed -n 's/^VERB([a-z_]*, "\([^"]*\)".*/\1/p' src/app/verbs.def)
[ -n "$verbs" ] || bad "no verbs found in src/app/verbs.def"
man=$(find share -name signalbox.1 | head -n 1)
IFS='
'
for verb in $verbs; do
    for file in README.md share/doc/REPLIES $man; do
        has "$file" "$verb" || bad "$file: says nothing about the verb \"$verb\""
    done
done
unset IFS

# One line a file: "  folder/stem   what it is"; the stem stands for its .c, .h, .def and .sql.
{
    find src -type f \( -name '*.[ch]' -o -name '*.def' \) |
        sed 's/^src\//tree /; s/\.[a-z]*$//'
    sed -n '/^The files/,$s/^  \([a-z_0-9][a-z_0-9/-]*\)  *[A-Za-z].*/text \1/p' share/doc/ARCHITECTURE
} | awk '
$1 == "tree" { tree[$2] = 1 }
$1 == "text" { text[$2] = 1 }
END {
    for (f in tree) if (!(f in text)) { print "share/doc/ARCHITECTURE: no line for src/" f; bad = 1 }
    for (f in text) if (!(f in tree)) { print "share/doc/ARCHITECTURE: there is no src/" f; bad = 1 }
    exit bad
}' || failed=1
exit $failed
