#!/usr/bin/env bash
# test_nets.sh: nets through the whole program on MNIST's own files: labels found beside the
# images, an import of both, a net in int8 as a version and what it costs, an image asked over
# HTTP, errors for bad input.
# With NETS_FULL=1 also the accuracies that are promised, on all 60,000 images (minutes).
set -eu
# shellcheck source=tests/integration/lib.sh
. "${top_srcdir:-.}/tests/integration/lib.sh"
# shellcheck source=tests/integration/serve.sh
. "$top_srcdir/tests/integration/serve.sh"

test_images=$shared/data/mnist-t10k-images-idx3-ubyte.gz
train_images=$shared/data/mnist-train-images-idx3-ubyte.gz
[ -f "$test_images" ] || skip "no shared data"

# A number of a JSON reply, by its key; the first one.
number() { # file, key
    sed -n "s/.*\"$2\": *\\([-0-9.e]*\\).*/\\1/p" "$1" | head -n 1
}
at_least() { # what, value, bound
    awk -v v="$2" -v b="$3" 'BEGIN { exit !(v != "" && v + 0 >= b + 0) }' ||
        die "$1 is '$2', expected $3 or more"
}
box init "$dir/ws" >"$dir/out"

# A small set of the first 2,000 images, made of the packed files.
first() { # file, bytes of its head, bytes behind that
    gzip -dc "$1" 2>/dev/null | tail -c "+$(($2 + 1))" 2>/dev/null | head -c "$3"
}
{ printf '\0\0\010\003\0\0\007\320\0\0\0\034\0\0\0\034'
  first "$test_images" 16 $((2000 * 784)); } >"$dir/small-images-idx3-ubyte"
{ printf '\0\0\010\001\0\0\007\320'
  first "${test_images/images-idx3/labels-idx1}" 8 2000; } >"$dir/small-labels-idx1-ubyte"
small=$dir/small-images-idx3-ubyte

box data import "$small" --name small -o json >"$dir/import"
equal "$(number "$dir/import" rows)" 2000 "imported rows"
equal "$(number "$dir/import" columns)" 785 "imported columns"
box train --data "$small" --target label --algorithm mlp --param hidden=32 --param epochs=8 \
    --register digits -o json >"$dir/file"
box train --data small --target label --algorithm mlp --param hidden=32 --param epochs=8 \
    --register digits -o json >"$dir/set"
at_least "accuracy of a small mlp" "$(number "$dir/file" accuracy)" 0.8
equal "$(number "$dir/file" accuracy)" "$(number "$dir/set" accuracy)" "accuracy from the data set"
box train --data small --target label --algorithm cnn --register digits --param epochs=8 \
    --param layers=conv:4:5,bn,pool:4,dense:32 -o json >"$dir/cnn"
at_least "accuracy of a small cnn" "$(number "$dir/cnn" accuracy)" 0.7

box model quantize models:/digits/1 --data small -o json >"$dir/int8"
at_least "agreement" "$(number "$dir/int8" agreement)" 0.99
box predict --model models:/digits/latest --data small --proba --out "$dir/scored.csv" >"$dir/out"
[ "$(wc -l <"$dir/scored.csv")" = 2001 ]
grep -q '^prediction,probability_0,' "$dir/scored.csv"

exits 2 box model quantize models:/digits/latest --data small
grep -q 'int8 already' "$dir/err"
exits 2 box train --data small --target label --labels "$dir/x" --algorithm mlp
exits 1 box train --data "$small" --target label --labels "$small" --algorithm mlp
grep -q 'these are images' "$dir/err"
exits 1 box train --data small --target label --algorithm cnn --param layers=conv:4
grep -q 'expected conv:CHANNELS:SIDE' "$dir/err"
exits 1 box train --data small --target label --algorithm cnn --drop pixel_0
grep -q 'no square image' "$dir/err"
head -c 1000 "$small" >"$dir/cut-images-idx3-ubyte"
exits 1 box data import "$dir/cut-images-idx3-ubyte" --name cut
grep -q 'ends after 1 of 2000 images' "$dir/err"

# the first image, its 784 pixels by name: the answer of the daemon is that of the verb predict
if command -v curl >/dev/null; then
    box model promote digits 2 --to Production --reason 'for the test' >"$dir/out"
    box predict --model models:/digits/2 --data small --out "$dir/cnn.csv" >"$dir/out"
    tail -c +17 "$small" | head -c 784 | od -An -v -tu1 | tr -s ' ' '\n' |
        awk 'NF { printf "%s\"pixel_%d\":%d", n ? "," : "{", n, $1; n++ } END { print "}" }' \
            >"$dir/image.json"
    start_serve --no-auth
    curl -s -S -H 'Content-Type: application/json' -d "@$dir/image.json" \
        "http://$address/api/v1/digits/predict" >"$dir/answer"
    equal "$(field prediction <"$dir/answer")" "$(sed -n 2p "$dir/cnn.csv" | cut -d, -f1)" \
        "the digit of the first image"
    for d in 0 1 2 3 4 5 6 7 8 9; do field_in probabilities $d <"$dir/answer"; done |
        awk -v c="$(field confidence <"$dir/answer")" '
            { sum += $1; if ($1 > most) most = $1 }
            END { exit !(NR == 10 && sum > 0.999999 && sum < 1.000001 && most == c + 0) }' ||
        die "ten probabilities, the largest of them the confidence: $(cat "$dir/answer")"
    end_serve
fi

if [ "${NETS_FULL:-0}" = 1 ]; then
    box train --data "$train_images" --valid "$test_images" --target label --algorithm cnn \
        --param epochs=12 --param shift=1 --register lenet -o json >"$dir/lenet"
    at_least "accuracy of LeNet" "$(number "$dir/lenet" accuracy)" 0.993
    box train --data "$train_images" --valid "$test_images" --target label --algorithm mlp \
        --param hidden=256,128 --param dropout=0.2 --param epochs=15 --param batch_size=128 \
        --register perceptron -o json >"$dir/mlp"
    at_least "accuracy of an mlp" "$(number "$dir/mlp" accuracy)" 0.983
    for name in lenet perceptron; do
        box model quantize models:/$name/1 --data "$train_images" --test "$test_images" \
            --max-loss 0.002 -o json >"$dir/$name-int8"
        cat "$dir/$name-int8"
    done
fi
echo "ok"
