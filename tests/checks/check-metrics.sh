#!/bin/sh
# check-metrics.sh: alert rules and dashboard use only metrics that src/http/metrics.def has, and
# of histograms only what a histogram has. Where Prometheus's promtool is installed, it checks the
# rules and the scrape configuration and plays the rules through (rules_test.yml).
set -eu
cd "${top_srcdir:-.}"
failed=0
table=$(mktemp)
trap 'rm -f "$table"' EXIT

# "name TYPE" of every metric; "file name" of every use
sed -n 's/^METRIC([A-Z_]*, "\([a-z_]*\)", \([A-Z]*\),.*/def \1 \2/p' src/http/metrics.def >"$table"
for file in share/prometheus/signalbox.rules.yml share/grafana/signalbox.json; do
    grep -oE '(http|model|prediction|process|signalbox|training)_[a-z0-9_]+' "$file" | sort -u |
        sed "s|^|use $file |"
done | cat "$table" - | awk '
$1 == "def" { type[$2] = $3; n++ }
$1 == "use" {
    name = $3
    used++
    if (name in type && type[name] != "HISTOGRAM") next
    base = name
    if (sub(/_(bucket|sum|count)$/, "", base) && type[base] == "HISTOGRAM") next
    print $2 ": there is no metric " name
    bad = 1
}
END {
    if (!n || !used) { print "no metrics found"; bad = 1 }
    exit bad
}' || failed=1

if command -v promtool >/dev/null; then
    promtool check rules share/prometheus/signalbox.rules.yml || failed=1
    promtool check config share/prometheus/signalbox.yml || failed=1
    promtool test rules tests/checks/rules_test.yml || failed=1
else
    echo "promtool is not installed (Debian package prometheus): rules were not played"
fi
exit $failed
