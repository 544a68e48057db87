#!/usr/bin/env bash
# test_sweep_regret.sh: our samplers beside Optuna's on the same functions, median regrets over
# seeds. The environment SIGNALBOX_PEERS must have optuna (and torch for its gp), else it skips.
# SWEEP_SEEDS: how many (5), SWEEP_TRIALS_TPE (100), SWEEP_TRIALS_GP (0: not compared). Medians of
# few seeds scatter, so what fails is three times Optuna's regret; the table is what to read.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

python=$(peer_python optuna) || skip "SIGNALBOX_PEERS names no environment with optuna"
regret=${top_builddir:-.}/tests/unit/search/regret
[ -x "$regret" ] || skip "$regret is not built"
seeds=${SWEEP_SEEDS:-5}

compare() { # sampler, trials
    "$regret" "$1" "$seeds" "$2" >"$dir/ours"
    "$python" -W ignore "$top_srcdir/tests/unit/search/optuna_regret.py" "$1" "$seeds" "$2" >"$dir/theirs"
    local f a b
    for f in branin hartmann6 rosenbrock5 ackley5 mixed; do
        a=$(grep "\"$f\"" "$dir/ours" | field "median_$2")
        b=$(grep "\"$f\"" "$dir/theirs" | field "median_$2")
        printf '%-12s %-4s %4s trials, %s seeds: ours %s, optuna %s\n' "$f" "$1" "$2" "$seeds" "$a" "$b"
        awk -v a="$a" -v b="$b" 'BEGIN { exit !(a <= 3 * b || a < 1e-3) }' ||
            die "$1 on $f: $a, Optuna $b"
    done
}
compare tpe "${SWEEP_TRIALS_TPE:-100}"
[ "${SWEEP_TRIALS_GP:-0}" = 0 ] || compare gp "$SWEEP_TRIALS_GP"
