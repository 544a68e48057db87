#!/usr/bin/env bash
# test_batch_adult.sh: one batch script from an empty folder to a roll back: two models on real
# data (adult; where that is not at hand, the sample transactions of data/), both registered,
# promoted one after the other, 10,000 rows scored, rolled back, audit verified. Then scripts
# that fail: they stop at the failing line, or go on where asked to, with the right exit code.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

if [ -f "$shared/data/adult.csv.gz" ]; then
    gzip -dc "$shared/data/adult.csv.gz" >"$dir/table.csv"
    target=income
    extra=
else
    cp "$top_srcdir/data/transactions_sample.csv" "$dir/table.csv"
    target=fraud
    extra='--drop transaction_id,timestamp'
fi
# 10,000 rows to score: the table over and over
awk 'NR == 1 { print; next } { row[++n] = $0 }
     END { for (i = 0; i < 10000; i++) print row[i % n + 1] }' "$dir/table.csv" >"$dir/rows.csv"

cat >"$dir/script" <<END
# from nothing to a roll back
init
data import "$dir/table.csv" --name table
train --data table --target $target $extra --algorithm logistic --experiment batch \\
    --run-name first --register income
train --data table --target $target $extra --algorithm gbdt --param n_estimators=40 \\
    --experiment batch --run-name second --register income
model promote income 1 --reason "the first model"
predict --model models:/income/Production --data "$dir/rows.csv" --out "$dir/first.csv" --proba
model promote income 2 --reason 'ranks better'
predict --model models:/income/Production --data "$dir/rows.csv" --out "$dir/second.csv" --proba
model rollback income --reason "too slow"
predict --model models:/income@production --data "$dir/rows.csv" --out "$dir/third.csv" --proba
audit verify
END
box -o jsonl --batch "$dir/script" >"$dir/replies" || die "the script ended with $?"

for name in first second third; do
    equal "$(wc -l <"$dir/$name.csv")" 10001 "lines in $name.csv"
done
cmp -s "$dir/first.csv" "$dir/third.csv" || die "after the roll back version 1 scores differently"
! cmp -s "$dir/first.csv" "$dir/second.csv" || die "version 2 scores like version 1"

versions=$(box -o json model show income)
equal "$(printf '%s' "$versions" | field_in production version)" 1 'version in Production'
history=$(box -o csv model history income --limit 1 | tail -n 1)
case $history in
*rollback*) ;;
*) die "the newest move is no roll back: $history" ;;
esac
audit=$(box -o json audit verify)
equal "$(printf '%s' "$audit" | field ok)" true 'audit verify'
runs=$(box -o csv run list --experiment batch | tail -n +2 | wc -l)
equal "$runs" 2 'runs'

# A failing line stops the script: what stands after it does not happen.
cat >"$dir/script" <<END
model alias income champion 2
model promote income 9 --reason "there is no version 9"
model alias income after 1
END
exits 5 box --batch "$dir/script"
grep -q RESOURCE_DOES_NOT_EXIST "$dir/err" || die "the error names no kind: $(cat "$dir/err")"
aliases=$(box -o json model versions income)
case $aliases in *champion*) ;; *) die 'the line before the failing one was not done' ;; esac
case $aliases in *after*) die 'the line after the failing one was done' ;; *) ;; esac

# Asked to go on, it does, and still tells of the first failure.
exits 5 box --keep-going --batch "$dir/script"
case $(box -o json model versions income) in
*after*) ;;
*) die '--keep-going stopped' ;;
esac

# Each kind of failure has its exit code.
exits 2 box --batch - <<<'train --data table --target nothing --algorithm magic'
exits 2 box --batch - <<<'model promote income 1 --to Production'
exits 7 box --batch - <<<'model promote income 1 --reason "it is there"'
exits 5 box --batch - <<<'model show nobody'
exits 5 box --batch - <<<'data profile nothing.csv'
echo "ok: $(wc -l <"$dir/replies") replies, $(printf '%s' "$audit" | field rows) audit rows"
