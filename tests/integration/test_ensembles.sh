#!/usr/bin/env bash
# test_ensembles.sh: voting and stacking through the program: trained, registered, exported and
# imported, predicted from, explained; their parameters reach the members; bad ones are refused
# before a job is queued.
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"

awk 'BEGIN { srand(3); print "x,y,colour,label,kind,price"
    for (i = 0; i < 1200; i++) {
        x = rand() * 4 - 2; y = rand() * 4 - 2; c = int(rand() * 3)
        z = x * y + c - 1 + (rand() - 0.5)
        printf("%.5f,%.5f,%s,%s,%s,%.4f\n", x, y, substr("redblugrn", 3 * c + 1, 3),
            z > 0 ? "yes" : "no", z > 1 ? "high" : z > -1 ? "mid" : "low", 50 + 10 * z) } }' \
    >"$dir/table.csv"
box init >"$dir/out"

members=(--param "members=gbdt,forest,logistic" --param gbdt.n_estimators=20 --param gbdt.num_leaves=7
    --param forest.n_estimators=20)
train() { # name target drop algorithm arguments…
    local name=$1 target=$2 drop=$3 algorithm=$4
    shift 4
    box -o json train --data "$dir/table.csv" --target "$target" --drop "$drop" --register "$name" \
        --algorithm "$algorithm" "$@" >"$dir/$name.json" || die "training $name"
}
better() { # metric a b: a's is above b's
    awk -v a="$(field_in metrics "$1" <"$dir/$2.json")" -v b="$(field_in metrics "$1" <"$dir/$3.json")" \
        'BEGIN { exit !(a > b) }' || die "$1 of $2 is not above that of $3"
}
train single label kind,price logistic
train votes label kind,price voting "${members[@]}" --param weights=2,1,0
train stack label kind,price stacking "${members[@]}" --param passthrough=true --class-weight balanced
better auc votes single
better auc stack single
equal "$(field_in params gbdt.num_leaves <"$dir/votes.json")" 7 'the logged parameter of a member'
train kinds kind label,price stacking "${members[@]}" --calibrate isotonic
train prices price label,kind stacking --param members=gbdt,linear --param gbdt.n_estimators=20 \
    --param folds=3

# the same answers after leaving and coming back, for any number of threads
for name in votes stack kinds prices; do
    box predict --model "models:/$name/1" --data "$dir/table.csv" --proba --out "$dir/a.csv" >"$dir/out"
    box model export "models:/$name/1" --out "$dir/model" >"$dir/out"
    box model import "$name-again" "$dir/model" >"$dir/out"
    box predict --model "models:/$name-again/1" --threads 1 --data "$dir/table.csv" --proba \
        --out "$dir/b.csv" >"$dir/out"
    cmp -s "$dir/a.csv" "$dir/b.csv" || die "$name answers differently after export and import"
    box -o json explain --model "models:/$name/1" >"$dir/out"
    grep -q colour "$dir/out" || die "importance of $name"
done
box -o json explain --model models:/stack/1 --data "$dir/table.csv" --repeats 1 | grep -q permutation ||
    die 'permutation importance'
exits 2 box explain --model models:/stack/1 --data "$dir/table.csv" --row 1
exits 2 box model export models:/stack/1 --format lightgbm --out "$dir/stack.txt"

refused() { # text arguments…
    local text=$1
    shift
    exits 2 box train --data "$dir/table.csv" --target label "$@"
    grep -qF -- "$text" "$dir/err" || die "'$text' is not in: $(cat "$dir/err")"
}
refused 'cannot be part' --algorithm voting --param members=gbdt,stacking
refused 'twice' --algorithm voting --param members=gbdt,gbdt
refused "no algorithm 'magic'" --algorithm stacking --param members=magic
refused 'tree is no member' --algorithm voting --param members=gbdt --param tree.max_depth=3
refused 'gbdt.num_leaves' --algorithm voting --param gbdt.num_leaves=no
refused 'as many numbers' --algorithm voting --param members=gbdt,tree --param weights=1
