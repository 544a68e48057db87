#!/usr/bin/env bash
# test_cli.sh: the command line as scripts see it: exit codes, the forms of output, where errors
# go, scripts with a failing line, --keep-going, --dry-run, reports for CI, help, and what is
# printed from the tables (manual page, completion).
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; die "no '$2' in $1"; }; }

# -- usage: exit 2, nothing on standard output
for words in 'jub list' 'job' 'job list --limt 5' 'job list extra' 'job list --limit 0' \
    '--outpt json job list' 'model promote m 1' '-o xml job list' '--workspace= job list'; do
    # shellcheck disable=SC2086
    exits 2 box $words
    [ ! -s "$dir/out" ] || die "standard output is not empty: $words"
done
exits 2 box --outpt json job list
has "$dir/err" '{"error":{"code":"BAD_REQUEST","message":"unknown option --outpt"'
exits 2 "$SIGNALBOX" </dev/null
has "$dir/err" '--batch'
exits 2 box job list --limt 5
has "$dir/err" 'did you mean --limit?'
exits 2 box model promote m 1
has "$dir/err" '--reason TEXT'

# -- a workspace: none is exit 5, init makes one, twice is fine
exits 5 box job list
has "$dir/err" 'signalbox init'
exits 0 box init "$dir/ws"
equal "$(field created <"$dir/out")" true created
exits 0 box init "$dir/ws"
equal "$(field created <"$dir/out")" false 'created again'

# -- choosing it: option, environment, nearest .signalbox, XDG_DATA_HOME
unset_ws() { (cd "$1" && shift && "$SIGNALBOX" "$@"); }
mkdir -p "$dir/here/deep"
"$SIGNALBOX" init "$dir/here/.signalbox" >"$dir/out"
equal "$(unset_ws "$dir/here/deep" overview | field workspace)" "$dir/here/.signalbox" nearest
equal "$(SIGNALBOX_WORKSPACE=$dir/ws unset_ws "$dir/here" overview | field workspace)" "$dir/ws" \
    'the environment'
equal "$(SIGNALBOX_WORKSPACE=$dir/ws unset_ws "$dir/here" -w .signalbox overview |
    field workspace)" "$dir/here/.signalbox" --workspace
"$SIGNALBOX" init >"$dir/out"
equal "$(unset_ws / overview | field workspace)" "$XDG_DATA_HOME/signalbox" 'the default'

# -- forms of output
box experiment create one >/dev/null
box experiment create 'two, "quoted"' >/dev/null
exits 0 box -o table experiment list
has "$dir/out" 'two, "quoted"'
exits 0 box experiment list -o jsonl
equal "$(wc -l <"$dir/out")" 3 'JSON lines'
exits 0 box --output csv experiment list
has "$dir/out" '"two, ""quoted"""'
exits 0 box experiment list
has "$dir/out" '  "experiments": ['
if command -v python3 >/dev/null; then
    python3 -c 'import json, sys; json.load(sys.stdin)' <"$dir/out" || die 'this is no JSON'
fi

# -- errors: JSON where results are JSON, text where they are a table
exits 5 box -o json experiment show nobody
has "$dir/err" '{"error":{"code":"RESOURCE_DOES_NOT_EXIST","message":'
[ ! -s "$dir/out" ] || die 'an error on standard output'
exits 5 box -o table experiment show nobody
has "$dir/err" 'signalbox: '
exits 7 box experiment create one
exits 2 box experiment create ''

# -- scripts
cat >"$dir/script" <<END
# names with blanks, joined lines
experiment create 'a b' ; echo
END
exits 2 box --batch "$dir/script"
has "$dir/err" "script:2"
cat >"$dir/script" <<END

experiment create "a \\"b\\"" # a comment
experiment \\
    create c
experiment create c
experiment create d
nonsense
experiment create e
END
exits 7 box --batch "$dir/script"
equal "$(wc -l <"$dir/out")" 2 'replies before the failing line'
has "$dir/err" 'script:5'
box experiment show 'a "b"' >/dev/null
exits 5 box experiment show d
exits 7 box -o table --batch --keep-going "$dir/script"
has "$dir/err" "script:7: 'nonsense' is not a verb"
box experiment show e >/dev/null
printf 'experiment create f\n' | box --batch - >/dev/null
printf 'experiment show f\nexperiment list' | box --batch >"$dir/out"
equal "$(wc -l <"$dir/out")" 2 'a reply a line'
printf "experiment show 'f" >"$dir/open"
exits 1 box --batch "$dir/open"
has "$dir/err" "open:1: ' is not closed"
exits 5 box --batch experiment show nobody
exits 2 box --batch "$dir/nowhere"
# a program may feed verbs one by one and wait for each answer
mkfifo "$dir/in" "$dir/answers"
box --batch - <"$dir/in" >"$dir/answers" &
exec 3>"$dir/in" 4<"$dir/answers"
for name in one c; do
    printf 'experiment show %s\n' "$name" >&3
    read -r -t 20 line <&4 || die 'no answer while the script is open'
    equal "$(printf '%s' "$line" | field name)" "$name" 'answer'
done
exec 3>&- 4<&-
wait $!

# -- a dry run changes nothing
exits 0 box --dry-run experiment create never
equal "$(field dry_run <"$dir/out")" true dry_run
exits 5 box experiment show never
exits 5 box --dry-run -w "$dir/none" experiment create never
[ ! -e "$dir/none" ] || die 'a dry run made a workspace'

# -- who and why reach the audit log
box --as kim --reason 'no longer needed' experiment create audited >/dev/null
box -o csv audit list --limit 1 >"$dir/out"
has "$dir/out" kim
has "$dir/out" 'no longer needed'
exits 0 box audit verify

# -- a time limit and signals (reading from a pipe that nobody writes to takes for ever)
mkfifo "$dir/never.csv"
exits 75 box --timeout 0.3 data profile "$dir/never.csv"
has "$dir/err" 'time limit'
for signal in TERM:143 INT:130 HUP:129; do
    exits "${signal#*:}" timeout --preserve-status -s "${signal%:*}" 0.3 \
        "$SIGNALBOX" data profile "$dir/never.csv"
done

# -- progress: JSON lines on standard error when results are, and it never goes back
awk 'BEGIN { print "x,y"; for (i = 0; i < 20000; i++) print i % 97 "," (i % 97 > 40) }' >"$dir/t.csv"
exits 0 "$SIGNALBOX" -w "$dir/ws" -o jsonl train --data "$dir/t.csv" --target y --algorithm gbdt \
    --param n_estimators=200
has "$dir/out" '"status":"FINISHED"'
has "$dir/err" '{"event":"progress","progress":'
sed 's/.*"progress":\([0-9.]*\),.*/\1/' "$dir/err" | sort -c -n || die 'progress went back'
exits 0 box -o jsonl train --data "$dir/t.csv" --target y --algorithm logistic
[ ! -s "$dir/err" ] || die '--quiet is not quiet'

# -- a job that is followed is asked to stop, and has stopped when the command ends
awk 'BEGIN { srand(1); print "x,y"; for (i = 0; i < 20000; i++) print rand() "," (rand() > 0.5) }' \
    >"$dir/noise.csv"
long='train --data noise.csv --target y --algorithm gbdt --param n_estimators=100000
    --param learning_rate=0.0001 --param early_stopping_rounds=0'
states() { box -o csv job list --limit 1 | tail -n 1; }
cd "$dir"
for signal in INT:130 TERM:143; do
    # shellcheck disable=SC2086
    exits "${signal#*:}" timeout --preserve-status -s "${signal%:*}" 1 \
        "$SIGNALBOX" -q -w ws $long
    case $(states) in *cancelled*) ;; *) die "after SIG${signal%:*}: $(states)" ;; esac
done
# shellcheck disable=SC2086
exits 75 box --timeout 1 $long
case $(states) in *cancelled*) ;; *) die "after the time limit: $(states)" ;; esac

# -- reports for CI, also of failures
exits 7 box --batch --keep-going "$dir/script" --junit "$dir/j.xml" --markdown "$dir/m.md"
has "$dir/j.xml" '<testsuite name="signalbox" tests="6" failures="6"'
has "$dir/m.md" '| failed | experiment create ('
exits 0 box doctor --junit "$dir/j.xml"
has "$dir/j.xml" '<testcase classname="doctor" name="audit"'
exits 5 box doctor --junit "$dir/nowhere/j.xml"

# -- predictions and exports on standard output are not mixed with a reply
box audit export --out - >"$dir/out"
equal "$(grep -c '"rows"' "$dir/out" || true)" 0 'a reply among exported rows'

# -- a reader that goes away ends the program by SIGPIPE, quietly
set +e
box --dump man | head -n 1 >/dev/null
set -e

# -- help
exits 0 box --help
has "$dir/out" 'experiment create'
exits 0 box help train
has "$dir/out" '--algorithm gbdt'
exits 0 box model --help
has "$dir/out" 'model rollback'
exits 0 box model promote -h
has "$dir/out" '--reason'
exits 2 box help nonsense
exits 0 "$SIGNALBOX" --version
case $(cat "$dir/out") in 'signalbox '[0-9]*.[0-9]*) ;; *) die 'version' ;; esac

# -- the manual page: every verb, no complaint from the formatter
box --dump man >"$dir/signalbox.1"
box --dump verbs | cut -f 1 >"$dir/verbs"
[ "$(wc -l <"$dir/verbs")" -gt 20 ] || die 'too few verbs'
while read -r verb; do has "$dir/signalbox.1" ".SS \"$verb\""; done <"$dir/verbs"
if command -v groff >/dev/null; then
    groff -man -Tutf8 -P-cbou -ww "$dir/signalbox.1" >"$dir/out" 2>"$dir/err"
    [ ! -s "$dir/err" ] || { cat "$dir/err"; die 'groff complains about the manual page'; }
    has "$dir/out" "EXIT STATUS"
fi
if command -v man >/dev/null && man -l /dev/null >/dev/null 2>&1; then
    LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$dir/signalbox.1" >/dev/null 2>"$dir/err"
    [ ! -s "$dir/err" ] || { cat "$dir/err"; die 'man complains'; }
fi

# -- completion in bash: the words a user would be offered
box --dump bash >"$dir/complete.bash"
bash -n "$dir/complete.bash"
offered() { # words…: what TAB offers for the last one
    bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _signalbox
        printf "%s\n" "${COMPREPLY[@]}"' "$dir/complete.bash" signalbox "$@" | sort | tr '\n' ' '
}
cd "$dir"
equal "$(offered experi)" 'experiment ' 'first word'
equal "$(offered experiment '')" 'create list show ' 'second word'
equal "$(offered -w ws experiment c)" 'create ' 'second word after an option'
equal "$(offered model promote m 1 --to '')" 'Production Staging ' 'choices'
equal "$(offered model promote m 1 --re)" '--reason ' 'an option of the verb'
equal "$(offered -o '')" 'csv json jsonl table ' 'choices of a global option'
equal "$(offered train --holdout '')" ' ' 'a free value'
equal "$(offered model promote m 1 --to = St)" 'Staging ' 'a choice after ='
equal "$(offered model promote m 1 --to =)" 'Production Staging ' 'choices after ='
: >"$dir/with blank.csv"
equal "$(offered train --data with)" 'with blank.csv ' 'a name with a blank'
case " $(offered train --data '') " in *' script '*) ;; *) die 'no files offered' ;; esac
case " $(offered data profile '') " in *' script '*) ;; *) die 'no files for a bare word' ;; esac
while read -r verb; do
    # shellcheck disable=SC2086
    case " $(offered $verb --) " in *' --output '*) ;; *) die "no options offered for $verb" ;; esac
done <"$dir/verbs"
box --dump zsh >"$dir/_signalbox"
if command -v zsh >/dev/null; then zsh -n "$dir/_signalbox"; fi
echo passed
