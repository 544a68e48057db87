#!/bin/sh
# check-functions.sh: no function over 120 lines or of McCabe complexity over 25, no source
# file over 1,000 lines, no header over 250. Uses pmccabe, else universal-ctags (length only).
set -eu
cd "${top_srcdir:-.}"
max_lines=120 max_complexity=25 max_file=1000 max_header=250
failed=0

find src tests -name '*.[ch]' | LC_ALL=C sort | xargs wc -l | awk -v c=$max_file -v h=$max_header '
$2 == "total" { next }
{ max = $2 ~ /\.h$/ ? h : c }
$1 > max { print $2 ": " $1 " lines, at most " max; bad = 1 }
END { exit bad }' || failed=1

if command -v pmccabe >/dev/null; then
    # columns: modified and traditional complexity, statements, first line, lines, file(line): name
    find src -name '*.c' | LC_ALL=C sort | xargs pmccabe 2>/dev/null |
        awk -F '\t' -v l=$max_lines -v m=$max_complexity '
        $5 > l { print $6 ": " $5 " lines, at most " l; bad = 1 }
        $2 > m { print $6 ": complexity " $2 ", at most " m; bad = 1 }
        END { if (NR == 0) { print "pmccabe found no function"; bad = 1 } exit bad }' || failed=1
elif ctags --version 2>/dev/null | grep -q Universal; then
    ctags -R --languages=C --c-kinds=f --fields=+ne -f - src | awk -F '\t' -v l=$max_lines '
        { from = to = 0
          for (i = 4; i <= NF; i++) {
              if ($i ~ /^line:/) from = substr($i, 6)
              if ($i ~ /^end:/) to = substr($i, 5)
          }
          if (to - from + 1 > l) { print $2 ":" from ": " $1 ": " to - from + 1 " lines, at most " l; bad = 1 } }
        END { if (NR == 0) { print "ctags found no function"; bad = 1 } exit bad }' || failed=1
elif [ $failed = 0 ]; then
    echo "neither pmccabe nor universal-ctags is here: function lengths not checked"
    exit 77
fi
exit $failed
