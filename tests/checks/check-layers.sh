#!/bin/sh
# check-layers.sh: #includes go down only. Layers as in share/doc/ARCHITECTURE; folders of one
# layer are blind to each other; some system headers belong to one folder or one file.
# Quoted includes are "folder/file.h" from src/ and must exist. Prints every offence.
set -eu
cd "${top_srcdir:-.}"

# shellcheck disable=SC2016 # awk's dollars
find src -name '*.[ch]' | LC_ALL=C sort | xargs awk '
BEGIN {
    n = split("base 0 codec 1 engine 1 store 1 app 2 run 3 serve 4 views 5 http 5 batch 5 worker 5 main.c 6", w, " ")
    for (i = 1; i < n; i += 2) layer[w[i]] = w[i + 1]
    # header -> the only path prefix that may include it
    only["ncurses.h"] = only["curses.h"] = only["term.h"] = "src/views/canvas_curses.c"
    only["uv.h"] = "src/run/"
    only["sqlite3.h"] = "src/store/"
    only["jansson.h"] = "src/base/"
    only["sodium.h"] = "src/base/"
    only["microhttpd.h"] = "src/http/"
}
FNR == 1 {
    split(FILENAME, part, "/")
    own = part[2]
    if (!(own in layer)) bad(own " is in no layer; add it to this check and to ARCHITECTURE")
}
/^[ \t]*#[ \t]*include/ {
    name = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", name)
    sub(/[>"].*/, "", name)
    if ($0 ~ /</) {
        base = name
        sub(/.*\//, "", base)
        if ((base in only) && index(FILENAME, only[base]) != 1)
            bad("<" name "> may be included only in " only[base])
        next
    }
    if (name == "config.h") next
    split(name, part, "/")
    if (!(part[1] in layer)) bad("\"" name "\" is not of the form \"folder/file.h\"")
    else if (part[1] != own && layer[part[1]] >= layer[own])
        bad(own " (layer " layer[own] ") includes \"" name "\" (layer " layer[part[1]] ")")
    if ((getline line < ("src/" name)) < 0) bad("\"" name "\" does not exist")
    close("src/" name)
}
function bad(text) { print FILENAME ":" FNR ": " text; failed = 1 }
END {
    if (NR == 0) { print "no sources found"; failed = 1 }
    exit failed
}'
