#!/usr/bin/env bash
# test_report.sh: reports of a run, a comparison, a model and a table in three forms from one tree;
# the HTML stands alone and hostile names stay text; where a report goes, and what is refused.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

bad='</td></svg><script>alert(1)</script>"x'
box init >"$dir/out"
awk -v bad="$bad" 'BEGIN { srand(3); q = bad; gsub(/"/, "\"\"", q)
    printf "\"%s\",z,kind,bought\n", q
    for (i = 0; i < 900; i++) {
        x = rand(); z = rand(); s = i % 4 ? "c" : "\"" q "\""
        printf "%.4f,%.4f,%s,%s\n", x, z, s, rand() < x * 0.8 + 0.1 * (i % 4 == 0) ? "yes" : "no" } }' >"$dir/data.csv"
train() { box -o json train --data "$dir/data.csv" --target bought "$@" | field run_id; }
one=$(train --algorithm gbdt --run-name "$bad" --register buys)
two=$(train --algorithm gbdt --param num_leaves=4 --param n_estimators=20)
box run tag "$one" --tag "note=$bad" >"$dir/out"
report() { box -o json report "$@" >"$dir/reply"; }

# what every HTML report must be: whole, alone, without scripts, with charts
check_html() {
    grep -q '</html>' "$1" || die "$1 is cut"
    grep -q '<svg' "$1" || die "$1 has no chart"
    if grep -qiE '<script|<link|<img|src=|url\(|@import|javascript:| on[a-z]+=' "$1"; then die "$1 is not alone"; fi
    grep -qF "default-src 'none'" "$1" || die "$1 has no policy"
    grep -q 'prefers-color-scheme:dark' "$1" || die "$1 has no dark side"
    for tag in svg table figure section div tr td dl b span text; do
        equal "$(grep -oE "<${tag}[ >]" "$1" | wc -l)" "$(grep -oF "</$tag>" "$1" | wc -l)" "<$tag> in $1"
    done
}
subjects=("$one" "$one,$two" buys models:/buys@best "$dir/data.csv")
kinds=(run comparison model model data)
box model alias buys best 1 >"$dir/out"
for i in 0 1 2 3 4; do
    report "${subjects[i]}" --format html --out "$dir/r.html"
    equal "$(field kind <"$dir/reply")" "${kinds[i]}" "kind of ${subjects[i]}"
    equal "$(field size <"$dir/reply")" "$(wc -c <"$dir/r.html")" "size"
    check_html "$dir/r.html"
    grep -qF '&lt;/td&gt;&lt;/svg&gt;&lt;script&gt;' "$dir/r.html" || die "the hostile name is not in ${kinds[i]}"
    report "${subjects[i]}" --format md --out "$dir/r.md"
    if grep -qF '<script' "$dir/r.md"; then die "HTML in the markdown of ${kinds[i]}"; fi
    grep -q '^# ' "$dir/r.md" || die "no title in markdown"
    grep -qE '^\|(---:?\|)+$' "$dir/r.md" || die "no table in markdown"
    report "${subjects[i]}" --format json --out "$dir/r.json"
    equal "$(field kind <"$dir/r.json")" "${kinds[i]}" "kind in JSON"
done

# a model measured on data: curves, intervals, groups
report "$one" --data "$dir/data.csv" --group kind --cost-fp 1 --cost-fn 3 --format html --out "$dir/e.html"
check_html "$dir/e.html"
for word in 'ROC, AUC' 'Precision and recall' 'Calibration, ECE' 'Cumulative gain' 'Lift by decile' 'Cost of a row' \
    'Confusion at 0.5' demographic_parity_difference 'Learning curves' 'Importance' 'when shuffled'; do
    grep -qF "$word" "$dir/e.html" || die "no $word in the report"
done
report "$dir/data.csv" --target bought --format html --out "$dir/d.html"
for word in 'What tells about bought' 'hang together' Distributions; do
    grep -qF "$word" "$dir/d.html" || die "no $word in the report of a table"
done

# the same tree: a figure is the same in all three; - is standard output
auc=$(box -o json run show "$one" | field_in metrics auc)
box report "$one" --out - >"$dir/r.md"
grep -qE "^\\| auc \\| ${auc:0:5}" "$dir/r.md" || die "AUC $auc is not in the markdown"
box report "$one" --format json --out - | grep -qF "$auc" || die "AUC $auc is not in the JSON"
report "$one"
grep -q '"report": "# ' "$dir/reply" || die "no report in the answer"
box -o table report "$two" >"$dir/r.md"
grep -q '^# gbdt' "$dir/r.md" || die "a terminal gets no markdown"

exits 5 box report nothing
exits 5 box report models:/buys/9
exits 5 box report runs:/0123456789abcdef0123456789abcdef/model
exits 2 box report "$one" --format pdf
exits 2 box report "$dir/data.csv" --target nothing
exits 5 box report "$one" --out "$dir/no/such/folder/r.md"
