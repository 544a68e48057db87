#!/usr/bin/env bash
# test_sweep.sh: sweeps as a user meets them, with the real program: a grid and what it leaves,
# W&B's keys, errors that name the line, the same seed twice, early termination, stop, cancel and
# resume, workers that nobody watches, a target, trials that fail, the README's example.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

awk 'BEGIN { srand(3); print "x1,x2,x3,colour,y"
    for (i = 0; i < 1500; i++) {
        a = rand() - .5; b = rand() - .5; c = rand() - .5; k = int(rand() * 4)
        print a "," b "," c "," substr("redbluegreengold", 1 + 4 * k, 4) "," \
            (a + b * c * 4 + (k == 1) * .3 + (rand() - .5) * .3 > 0 ? "yes" : "no")
    } }' >"$dir/table.csv"
box init >/dev/null
cd "$dir"

sweep() { box -o json sweep "$@"; }
on_table=(--data table.csv --target y)
show() { box -o json sweep show "$1"; }
newest() { box -o json sweep list --limit 1 | field sweep_id; }
until_is() {
    local want=$1 got=
    shift
    for _ in $(seq 1200); do
        got=$("$@") || true
        [ "$got" = "$want" ] && return
        sleep 0.05
    done
    die "'$got' instead of '$want': $*"
}
state() { show "$1" | field state; }
# Parameters and values of the trials: what must be the same twice.
trials() { tr -d '\n ' | sed -E 's/.*"trials"://; s/"(run_id|job_id)":"[^"]*",?//g; s/"duration_s":[^,]*,//g'; }

# -- a grid, with what W&B's files say and has no meaning here ---------------------------------------
cat >grid.yaml <<'Y'
program: train.py
command: ["${env}", "python3", "${program}", "${args}"]
project: churn
method: grid
metric: { name: auc, goal: maximize }
parameters:
  algorithm: { values: [logistic, gbdt] }
  logistic:
    parameters:
      l2: { value: 0.5 }
  gbdt:
    parameters:
      num_leaves: { min: 4, max: 6 }
      n_estimators: { value: 8 }
Y
sweep grid.yaml "${on_table[@]}" --parallel 2 >grid.json
equal "$(field state <grid.json)" finished "state of the grid"
equal "$(field_in counts complete <grid.json)" 6 "trials of the grid"
grep -q 'command: has no meaning here' grid.json || die "no note about command"
best=$(field_in best run_id <grid.json)
equal "$(box -o json run show "$best" | field status)" FINISHED "status of the best run"
box -o json model register swept "runs:/$best/model" >/dev/null
# one finished run and one job a trial
equal "$(box -o json run search --filter "attributes.status = 'FINISHED'" | field total)" 6 runs
equal "$(box -o json job list | field_in counts succeeded)" 6 jobs
box -o json run show "$best" | grep -q 'signalbox.sweep_id' || die "the run does not name its sweep"
box -o table sweep list | grep -q grid.yaml || die "sweep list does not show it"
exits 7 box sweep stop "$(newest)"
exits 7 box sweep resume "$(newest)" --no-wait

# -- the same seed twice; another seed ---------------------------------------------------------------
cat >tpe.json <<'Y'
{ "method": "tpe", "metric": { "name": "log_loss" }, "run_cap": 14,
  "parameters": { "learning_rate": { "distribution": "log_uniform", "min": -4.6, "max": -0.7 },
                  "num_leaves": { "distribution": "q_log_uniform_values", "min": 3, "max": 31 },
                  "n_estimators": { "value": 6 } },
  "signalbox": { "data": "table.csv", "target": "y", "folds": 2, "seed": 5 } }
Y
sweep tpe.json | trials >one
sweep tpe.json | trials >two
cmp one two || die "the same seed gave another sweep"
sweep tpe.json --seed 6 --run-cap 4 | trials >three
cmp -s one three && die "another seed gave the same sweep"
equal "$(show "$(newest)" | field goal)" minimize "goal of a loss"

# -- early termination ----------------------------------------------------------------------------
cat >early.yaml <<'Y'
method: random
run_cap: 12
metric: {name: log_loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3, eta: 3}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 0.001, max: 0.5}
  n_estimators: {value: 30}
Y
sweep early.yaml "${on_table[@]}" --parallel 1 >early.json
pruned=$(field_in counts pruned <early.json)
[ "$pruned" -ge 3 ] || die "only $pruned trials were pruned"
equal "$(box -o json run search --filter "attributes.status = 'KILLED'" | field total)" "$pruned" \
    "runs of pruned trials"
for type in 'asha, min_iter: 3' 'median, startup: 2, interval: 3'; do
    sed "s/hyperband, min_iter: 3, eta: 3/$type/" early.yaml >other.yaml
    sweep other.yaml "${on_table[@]}" --parallel 1 >other.out
    [ "$(field_in counts pruned <other.out)" -ge 1 ] || die "nothing was pruned with $type"
done
sed 's/{name: log_loss, goal: minimize}/{name: auc}/; s/run_cap: 12/run_cap: 1/' early.yaml >auc.yaml
sweep auc.yaml "${on_table[@]}" >auc.json
grep -q 'judges by the loss' auc.json || die "what early termination judges by is not said"
! grep -q 'judges by the loss' early.json || die "a loss needs no note on early termination"

# -- a target ends it ---------------------------------------------------------------------------------
sed 's/{name: log_loss, goal: minimize}/{name: auc, target: 0.6}/; /early/d' early.yaml >target.yaml
sweep target.yaml "${on_table[@]}" --parallel 1 >target.json
equal "$(field state <target.json)" stopped "state with a target reached"

# -- stop, resume, cancel, resume; nobody follows -------------------------------------------------
sed 's/value: 30/value: 1000/; s/run_cap: 12/run_cap: 14/; /early/d' early.yaml >long.yaml
sweep long.yaml "${on_table[@]}" --parallel 2 --no-wait >started
id=$(field sweep_id <started)
until_is running state "$id"
box -o json sweep stop "$id" >/dev/null
until_is stopped state "$id"
equal "$(box -o json job list | field_in counts running)" 0 "jobs of a stopped sweep"
box -o json sweep resume "$id" --no-wait >/dev/null
until_is running state "$id"
box -o json sweep cancel "$id" >/dev/null
until_is cancelled state "$id"
before=$(show "$id" | field_in counts complete)
exits 7 box sweep cancel "$id"
box -o json sweep resume "$id" --run-cap 15 >resumed
equal "$(field state <resumed)" finished "state after resuming"
equal "$(field_in counts complete <resumed)" 15 "trials after resuming"
[ "$before" -lt 15 ] || die "it had been cancelled too late"
equal "$(field_in counts cancelled <resumed)" 0 "cancelled trials, tried again"

# -- mistakes: the line, the key, what to do ----------------------------------------------------------
refused() { # text of the message, text of the hint; the file is on standard input
    cat >bad.yaml
    exits 2 box -o json sweep bad.yaml "${on_table[@]}"
    grep -qF -- "$1" err || die "no '$1' in $(cat err)"
    grep -qF -- "$2" err || die "no '$2' in $(cat err)"
}
refused 'bad.yaml: run_cap: is missing' 'or --run-cap' <<<'{method: random, parameters: {l2: {min: 0.1, max: 1.0}}}'
refused 'line 4: parameters.learning_rate: a grid cannot' 'q_ distribution' <<'Y'
method: grid
parameters:
  num_leaves: {values: [3, 4]}
  learning_rate: {min: 0.1, max: 1.0}
Y
refused "line 4: parameters.num_leafs: gbdt has no parameter 'num_leafs'" 'did you mean num_leaves' <<'Y'
method: random
run_cap: 3
parameters:
  num_leafs: {min: 3, max: 9}
Y
refused 'line 3: parameters.learning_rate.max: is missing' 'a number' <<'Y'
method: bayes
run_cap: 3
parameters: {learning_rate: {distribution: uniform, min: 0.1}}
Y
refused "line 2: metric.name: there is no metric 'val_loss'" 'log_loss' <<'Y'
method: grid
metric: {name: val_loss}
parameters: {num_leaves: {values: [3, 4]}}
Y
refused 'a trial cannot begin' 'learning_rate' <<'Y'
method: random
run_cap: 3
parameters: {learning_rate: {min: 0.5, max: 5000.0}}
Y
printf 'method: [grid\n' >bad.yaml
exits 1 box sweep bad.yaml "${on_table[@]}"
exits 2 box sweep grid.yaml --target y
exits 2 box sweep grid.yaml --data table.csv --target z
exits 5 box sweep show nothing

# -- the example ------------------------------------------------------------------------------------
(cd "$top_srcdir" && box -o json sweep share/examples/sweep.yaml --run-cap 3) | grep -q '"finished"' ||
    die "the example does not run"

# -- the first trials fail: it gives up and says why ----------------------------------------------
cat >fails.yaml <<'Y'
method: random
run_cap: 30
metric: {name: rmse}
parameters: {learning_rate: {min: 0.1, max: 0.3}, n_estimators: {value: 2}}
Y
exits 2 box -o json sweep fails.yaml "${on_table[@]}" --parallel 1
grep -q 'rmse is not defined' err || die "no reason: $(cat err)"
equal "$(show "$(newest)" | field_in counts failed)" 3 "failed trials"

equal "$(box -o json audit verify | field ok)" true "audit chain"
echo "ok"
