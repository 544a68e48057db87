#!/usr/bin/env bash
# test_auto.sh: `train --algorithm auto` as a user meets it: the table, the runs it leaves, the
# version it registers; a worker killed in the middle leaves nothing half.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

awk 'BEGIN { srand(3); print "x,y,colour,label,price"
    for (i = 0; i < 500; i++) {
        x = rand() * 4 - 2; y = rand() * 4 - 2; c = int(rand() * 3)
        z = x * y + c - 1 + (rand() - 0.5)
        printf("%.5f,%.5f,%s,%s,%.4f\n", x, y, substr("redblugrn", 3 * c + 1, 3),
            z > 0 ? "yes" : "no", 50 + 10 * z) } }' >"$dir/table.csv"
box init >"$dir/out"
auto=(train --data "$dir/table.csv" --algorithm auto --folds 3 --budget 0)
total() { box -o json run search --filter "$1" | field total; }

box -o json "${auto[@]}" --target label --drop price --register colours >"$dir/reply"
equal "$(field metric <"$dir/reply")" auc 'what decided'
equal "$(field rows_compared <"$dir/reply")" 500 'rows compared'
equal "$(field version <"$dir/reply")" 1 'version'
parent=$(tr -d '\n' <"$dir/reply" | sed -E 's/.*"run_id": *"([0-9a-f]{32})", *"run_name".*/\1/')
n=$(total "tags.\`mlflow.parentRunId\` = '$parent'")
[ "$n" -ge 9 ] || die "$n candidates"
# what was chosen is best, and is what the run and the version say
chosen=$(tr -d '\n ' <"$dir/reply" | grep -oE '"algorithm":"[a-z_]*","chosen":true' | cut -d'"' -f4)
best=$(box -o csv run search --filter "tags.\`mlflow.parentRunId\` = '$parent'" \
    --order-by 'metrics.auc DESC' --limit 1)
case $best in *"$chosen"*) ;; *) die "$chosen was chosen, but the best is: $best" ;; esac
equal "$(box -o json model versions colours | field algorithm)" "$chosen" 'the version'
# its children are compared by naming it alone
equal "$(box -o json run compare "$parent" | tr -d '\n ' | grep -oE '"runs":\[[^]]*' | tr , '\n' | wc -l)" \
    "$n" 'runs compared'

# a table, and numbers
box -o table "${auto[@]}" --target price --drop label --metric mae >"$dir/table"
grep -qE '^algorithm +mae +low +high +folds +fit s +row µs +size +chosen' "$dir/table" ||
    die "no table: $(cat "$dir/table")"
equal "$(awk '/ yes /' "$dir/table" | wc -l)" 1 'lines that were chosen'
equal "$(grep -c '^logistic' "$dir/table" || true)" 0 'classifiers for numbers'
exits 1 box "${auto[@]}" --target price --drop label --metric auc
exits 2 box "${auto[@]}" --target label --param l2=1
exits 2 box train --data "$dir/table.csv" --target label --budget 3

# killed in the middle: its own run alone, and that one is not finished
before=$(total "attributes.status = 'FINISHED'")
id=$(box -o json "${auto[@]}" --target label --drop price --no-wait | field job_id)
for _ in $(seq 600); do
    pid=$(box -o json job show "$id" | field worker_pid)
    progress=$(box -o json job show "$id" | field progress)
    case $progress in 0 | 0.0 | 0.0[0-9]* | '') sleep 0.02 ;; *) break ;; esac
done
if [ "${pid:-0}" -gt 0 ] && kill -9 "$pid" 2>/dev/null; then
    after=$(total "attributes.status = 'FINISHED'")
    # it may have ended just before; then all of it is there
    case $(box -o json job show "$id" | field state) in
    succeeded) [ "$after" -gt "$((before + 9))" ] || die "$after runs after the end" ;;
    *) equal "$after" "$before" 'finished runs after the kill' ;;
    esac
fi
