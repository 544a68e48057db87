#!/usr/bin/env bash
# test_drift.sh: the verb drift from the command line: verdicts, exit codes, profiles, errors.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
say() { printf '%s\n' "$*"; }
table() { # file, seed, shift of amount, weight of web
    awk -v seed="$2" -v shift_by="$3" -v web="$4" 'BEGIN {
        srand(seed); print "amount,age,channel"
        for (i = 0; i < 2000; i++)
            printf "%.4f,%d,%s\n", rand() * 10 + shift_by, 18 + rand() * 60, rand() < web ? "web" : "shop"
    }' >"$1"
}
expect() { # exit code, command…
    local want=$1 got=0
    shift
    "$@" >out 2>err || got=$?
    [ "$got" = "$want" ] || { say "exit $got, expected $want: $*"; cat out err; exit 1; }
}
table ref.csv 1 0 0.5
table same.csv 2 0 0.5
table moved.csv 3 4 0.9

expect 0 "$SIGNALBOX" drift --reference ref.csv --current same.csv --fail-on-drift -o json
grep -q '"drift": false' out
expect 0 "$SIGNALBOX" drift --reference ref.csv --current moved.csv -o json
grep -q '"drift": true' out
grep -q '"features_drifted": 2' out
expect 0 "$SIGNALBOX" drift --reference ref.csv --current moved.csv -o table
grep -Eq '^feature +method +n +statistic +p adj\. +effect +floor +psi +verdict' out
grep -q '^drift: 2 of 3 features drifted, 2000 rows against 2000$' out
grep -q '^profile sound: .*Benjamini-Hochberg' out
expect 3 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --fail-on-drift -o json
expect 3 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --fail-on-drift --profile seed -o json
grep -q 'PSI' out
expect 0 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --numeric-test wasserstein -o csv
grep -q '^amount,.*drifted' out
for test in ks cvm ad mwu welch wasserstein energy z fisher psi js kl hellinger tvd; do
    expect 0 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --numeric-test $test -o csv
    grep -q "^amount,[^,]*,$test," out
done
for test in chi2 g z fisher psi js kl hellinger tvd; do
    expect 0 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --categorical-test $test -o csv
    grep -q "^channel,[^,]*,$test,.*drifted" out
done
expect 0 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --drop amount,channel --fail-on-drift
expect 2 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --numeric-test chi2
expect 2 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --numeric-test nosuch
# two numbers that went together and do so no more: neither shows it alone
pairs() {
    awk -v seed="$2" -v tied="$3" 'BEGIN {
        srand(seed); print "u,v"
        for (i = 0; i < 1000; i++) {
            u = rand(); v = tied ? u + 0.2 * rand() : rand() + 0.2 * rand()
            printf "%.6f,%.6f\n", u, v
        }
    }' >"$1"
}
pairs tied.csv 4 1
pairs tied2.csv 5 1
pairs loose.csv 6 0
expect 0 "$SIGNALBOX" drift --reference tied.csv --current loose.csv --fail-on-drift
for method in domain_classifier pca; do
    expect 3 "$SIGNALBOX" drift --reference tied.csv --current loose.csv --fail-on-drift --multivariate $method -o csv
    grep -q "^(together),multivariate,$method,.*drifted" out
    "$SIGNALBOX" drift --reference tied.csv --current loose.csv --multivariate $method --threads 1 -o csv >one
    cmp out one
    expect 0 "$SIGNALBOX" drift --reference tied.csv --current tied2.csv --fail-on-drift --multivariate $method
done
expect 2 "$SIGNALBOX" drift --reference tied.csv --current loose.csv --multivariate psychic

expect 2 "$SIGNALBOX" drift
grep -q -e '--model NAME' err
expect 2 "$SIGNALBOX" drift --current moved.csv
grep -q -e '--reference is missing' err
expect 2 "$SIGNALBOX" drift --reference ref.csv --current moved.csv --window 1d
expect 2 "$SIGNALBOX" drift --model fraud --reference ref.csv
expect 5 "$SIGNALBOX" --workspace "$dir/none" drift --model fraud
expect 5 "$SIGNALBOX" drift --reference none.csv --current moved.csv
say "drift: all as expected"
