#!/usr/bin/env bash
# test_sweep_regret.sh: our samplers beside Optuna's on the same functions: median regrets over
# seeds, and whether ours are worse by more than chance (optuna_regret.py says how that is
# judged). The environment SIGNALBOX_PEERS must have optuna, and torch and scipy for its gp; else
# it skips. SWEEP_SEEDS: how many (10; with less than 7 no difference is beyond chance).
# SWEEP_TRIALS_TPE (100), SWEEP_TRIALS_GP (0: not compared; Optuna takes minutes a seed).
# SWEEP_KEEP: a folder in which Optuna's regrets are kept, so that a long comparison can be cut
# short and taken up again.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

python=$(peer_python optuna) || skip "SIGNALBOX_PEERS names no environment with optuna"
regret=${top_builddir:-.}/tests/unit/search/regret
[ -x "$regret" ] || skip "$regret is not built"

compare() { # sampler, trials
    "$regret" "$1" "${SWEEP_SEEDS:-10}" "$2" >"$dir/ours"
    "$python" -W ignore "$top_srcdir/tests/unit/search/optuna_regret.py" "$1" "$dir/ours" \
        ${SWEEP_KEEP:+"$SWEEP_KEEP"} || die "$1 is worse than Optuna's"
}
compare tpe "${SWEEP_TRIALS_TPE:-100}"
[ "${SWEEP_TRIALS_GP:-0}" = 0 ] || compare gp "$SWEEP_TRIALS_GP"
