#!/usr/bin/env bash
# test_demo.sh: the demo workspace: complete in one go, unchanged when made again, completed when
# the first attempt was killed on the way, its challenger is better than its baseline, and its day of
# traffic ends in an incident and a retraining that waits in the queue.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

reply=$(box -o json demo --rows 5000 "$dir/ws") || die "demo ended with $?"
equal "$(printf '%s' "$reply" | field created)" true 'created'
equal "$(printf '%s' "$reply" | field production)" 1 'version in Production'
equal "$(printf '%s' "$reply" | field staging)" 2 'version in Staging'
auc() { box -o json model show fraud | field_in "$1" auc; }
awk -v old="$(auc production)" -v new="$(auc staging)" \
    'BEGIN { exit !(old > 0.5 && new > old) }' || die "AUC $(auc production), then $(auc staging)"
rows=$(box -o json audit verify | field rows)
runs() { box -o csv run list --experiment fraud-detection | tail -n +2 | wc -l; }
equal "$(runs)" 4 'runs'
equal "$(box -o csv job list --state succeeded | tail -n +2 | wc -l)" 4 'jobs'
# Its day of traffic drifted at noon, which has become an incident and asks for retraining.
equal "$(box -o json monitor trend fraud --metric volume | grep -c window_start)" 24 'windows'
box -o csv alert list | grep -q ',incident,' || die 'no alert has become an incident'
equal "$(box -o csv job list --state ready | tail -n +2 | wc -l)" 1 'queued jobs'
equal "$(box -o csv job list --state ready | grep -c ',retrain,')" 1 'queued retrainings'
job=$(box -o json retrain list fraud | field job_id)
equal "$(box -o json job show "$job" | field state)" ready 'the queued job'
box -o json retrain list fraud | grep -q '"rule": "accuracy_drop"' || die 'the job has no evidence'
decision=$(box -o json retrain policy fraud --no-dry-run)
equal "$(printf '%s' "$decision" | field duplicate_of)" "$job" 'the duplicate'

reply=$(box -o json demo "$dir/ws") || die "the second demo ended with $?"
equal "$(printf '%s' "$reply" | field created)" false 'created by the second demo'
equal "$(box -o json audit verify | field rows)" "$rows" 'audit rows after the second demo'
equal "$(box -o csv job list --state ready | tail -n +2 | wc -l)" 1 'queued jobs after the second demo'

# Whoever runs it finds out whether the challenger is better; that changes nothing else.
box worker --once >"$dir/out" 2>&1 || die "the worker: $(cat "$dir/out")"
equal "$(box -o json job show "$job" | field state)" succeeded 'the retraining'
equal "$(box -o json model show fraud | field_in production version)" 1 'Production after the retraining'

# Killed after a while: the next attempt completes it and nothing is there twice.
for after in 0.05 0.2 0.5; do
    ws=$dir/killed-$after
    (timeout -s KILL "$after" "$SIGNALBOX" -q demo --rows 5000 "$ws" &) >"$dir/out" 2>&1
    sleep "$after"
    there() { "$SIGNALBOX" -q -w "$ws" "$@"; }
    there demo --rows 5000 >"$dir/out" 2>"$dir/err" || die "after a kill: $(cat "$dir/err")"
    model=$(there -o json model show fraud)
    equal "$(printf '%s' "$model" | field_in production version)" 1 'Production after a kill'
    equal "$(printf '%s' "$model" | field_in staging version)" 2 'Staging after a kill'
    equal "$(printf '%s' "$model" | field n_versions)" 2 'versions after a kill'
    equal "$(there -o json audit verify | field ok)" true 'audit after a kill'
    equal "$(there -o csv job list | grep -c ',retrain,')" 1 'retrainings after a kill'
done
