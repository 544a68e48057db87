#!/usr/bin/env bash
# test_jobs.sh: jobs as a user meets them, with the real program and real signals: waited for or
# not, the worker killed in the middle, cancelled by verb and by Ctrl-C, the terminal closed,
# two terminals following one job, a failure that is told as it happened.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

awk 'BEGIN { srand(3); print "x1,x2,x3,colour,y"
    for (i = 0; i < 6000; i++) {
        a = rand() - .5; b = rand() - .5; c = rand() - .5; k = int(rand() * 4)
        print a "," b "," c "," substr("redbluegreengold", 1 + 4 * k, 4) "," \
            (a + b * c * 4 + (k == 1) * .3 + (rand() - .5) * .3 > 0 ? "yes" : "no")
    } }' >"$dir/table.csv"
box init >/dev/null

# Seconds of training that the tests below can interrupt.
long=(train --data "$dir/table.csv" --target y --param n_estimators=6000)
short=(train --data "$dir/table.csv" --target y --algorithm logistic)

job() { box -o json job show "$1"; }
jobs_in() { box -o json job list | field_in counts "$1"; }
runs_with() { box -o json run search --filter "attributes.status = '$1'" | field total; }
newest_job() { box -o json job list --limit 1 | field id; }
# Waits until the command prints the value, half a minute at most.
until_is() {
    local want=$1 got=
    shift
    for _ in $(seq 600); do
        got=$("$@") || true
        [ "$got" = "$want" ] && return
        sleep 0.05
    done
    die "'$got' instead of '$want': $*"
}
state() { job "$1" | field state; }
# Waits until job $1 is well into its rounds.
until_fitting() {
    local p=
    for _ in $(seq 600); do
        p=$(job "$1" | field progress)
        case $p in 0 | 0.0 | 0.00* | 0.05 | '') sleep 0.02 ;; 0.*) return ;; *) break ;; esac
    done
    die "job $1 was never seen fitting: progress $p, $(state "$1")"
}
# Starts a training that follows its job; sets follower and id.
follow() {
    local before
    before=$(newest_job)
    # a shell's background commands ignore SIGINT; a terminal's do not
    env --default-signal=INT "$SIGNALBOX" -q -w "$dir/ws" -o json "$@" \
        >"$dir/follow.out" 2>"$dir/follow.err" &
    follower=$!
    for _ in $(seq 600); do
        id=$(newest_job)
        [ "$id" != "$before" ] && return
        sleep 0.02
    done
    die "no job was queued: $(cat "$dir/follow.err")"
}
follower_exits() {
    local got=0
    wait "$follower" 2>/dev/null || got=$?
    [ "$got" = "$1" ] || die "the follower ended with $got instead of $1: $(cat "$dir/follow.err")"
}

# Waited for.
reply=$(box -o json "${short[@]}" --register m)
equal "$(printf '%s' "$reply" | field status)" FINISHED 'status'
equal "$(printf '%s' "$reply" | field version)" 1 'version'
equal "$(printf '%s' "$reply" | field rows)" 6000 'rows'
run=$(printf '%s' "$reply" | field run_id)
id=$(printf '%s' "$reply" | field job_id)
equal "$(job "$id" | field run_id)" "$run" 'run of the job'
box job log "$id" | grep -q 'done in' || die 'the log does not tell the end'

# Not waited for.
id=$(box -o json "${short[@]}" --no-wait | field job_id)
until_is succeeded state "$id"

# The worker killed in the middle: one attempt lost, one finished run, the follower content.
finished=$(runs_with FINISHED)
follow "${long[@]}"
until_fitting "$id"
kill -9 "$(job "$id" | field worker_pid)"
follower_exits 0
equal "$(state "$id")" succeeded 'state after the kill'
equal "$(job "$id" | field attempt)" 2 'attempts'
equal "$(runs_with FINISHED)" $((finished + 1)) 'finished runs'
equal "$(runs_with FAILED)" 1 'failed runs'
equal "$(runs_with RUNNING)" 0 'running runs'
equal "$(field status <"$dir/follow.out")" FINISHED 'reply of the follower'

# Cancelled by the verb, from another terminal.
follow "${long[@]}"
until_fitting "$id"
box job cancel "$id" >/dev/null
follower_exits 130
equal "$(state "$id")" cancelled 'state after job cancel'
equal "$(runs_with KILLED)" 1 'killed runs'

# Put back by retry, it runs to its end.
exits 0 box job retry "$id"
until_is succeeded state "$id"

# Ctrl-C in the terminal that follows.
follow "${long[@]}"
until_fitting "$id"
kill -INT "$follower"
follower_exits 130
equal "$(state "$id")" cancelled 'state after Ctrl-C'
grep -q CANCELLED "$dir/follow.err" || die "Ctrl-C is not told: $(cat "$dir/follow.err")"

# The terminal closed: nobody follows any more, the job goes on. Under nohup it would be ignored.
if [ $((0x$(awk '/^SigIgn/ { print $2 }' /proc/self/status) & 1)) = 0 ]; then
    follow "${long[@]}"
    until_fitting "$id"
    kill -HUP "$follower"
    follower_exits 129
    equal "$(state "$id")" running 'state after the hangup'
    until_is succeeded state "$id"
    equal "$(job "$id" | field attempt)" 1 'attempts after the hangup'
fi

# Two follow the same job, and the one who started its worker goes away.
follow "${long[@]}" --dedup-key both
first=$follower
box -o json "${long[@]}" --dedup-key both >"$dir/second.out" &
second=$!
until_fitting "$id"
kill -9 "$first"
wait "$first" 2>/dev/null || true
wait "$second" || die "the second follower ended with $?"
equal "$(field duplicate <"$dir/second.out")" true 'duplicate'
equal "$(field job_id <"$dir/second.out")" "$id" 'job of the second follower'
equal "$(field status <"$dir/second.out")" FINISHED 'reply of the second follower'

# The worker told to end, as at a shutdown: the job goes back into the queue.
id=$(box -o json "${long[@]}" --no-wait | field job_id)
until_fitting "$id"
kill -TERM "$(job "$id" | field worker_pid)"
until_is ready state "$id"
exits 0 box worker --job "$id"
equal "$(state "$id")" succeeded 'state after the second worker'
equal "$(job "$id" | field attempt)" 2 'attempts after the shutdown'

# What can be known at once is told at once; what the job finds comes back as it happened.
exits 2 box "${short[@]}" --target yy
grep -q "did you mean 'y'" "$dir/err" || die "no hint: $(cat "$dir/err")"
printf 'x,y\n1,yes\n2,no,3\n' >"$dir/ragged.csv"
exits 1 box train --data "$dir/ragged.csv" --target y
grep -q 'line 3' "$dir/err" || die "the failure is not told: $(cat "$dir/err")"
equal "$(jobs_in dead)" 1 'dead jobs'

# A worker by hand takes what is ready, and only that.
id=$(box -o json "${short[@]}" --no-wait | field job_id)
until_is succeeded state "$id"
exits 0 box worker --once

equal "$(runs_with RUNNING)" 0 'running runs at the end'
equal "$(box -o json audit verify | field ok)" true 'audit verify'
echo "ok: $(runs_with FINISHED) finished runs, $(jobs_in succeeded) jobs"
