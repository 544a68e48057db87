"""model_onnx.py PROGRAM DIR: models of signalbox as ONNX files, for test_model_onnx.sh. The real
onnx checks each, the real runtime answers 10,000 rows with missing values and categories. Prints
the greatest difference of each and fails above its limit: 1e-6 of an answer's size for sums of
trees, 1e-5 for layers, all of which are float32 there."""
import json
import os
import subprocess
import sys

import numpy
import onnx
import onnxruntime
import pandas

program, folder = sys.argv[1:]
os.chdir(folder)
failed = False
TASKS = {"regression": "linear", "binary": "logistic", "multiclass": "logistic"}


def box(*words):
    done = subprocess.run([program, "-w", "ws", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def table(n):
    r = numpy.random.default_rng(1)
    x = pandas.DataFrame({
        "a": r.normal(size=n).astype("f4").astype("f8"),
        "c": r.choice(list("xyzwq"), n),
        "b": (r.normal(size=n) * 40 + 900).astype("f4").astype("f8"),
        "k": r.integers(0, 9, n).astype(float),
        "d": r.choice([f"lv{i:02}" for i in range(70)], n),
    })
    z = x.b / 40 - 22 + (x.c == "x") + x.a * .5 + x.d.str[2:].astype(int) % 3 + r.normal(size=n) * .3
    x.loc[::7, "a"] = numpy.nan
    x.loc[::11, "c"] = None
    x.loc[::13, "d"] = None
    names = numpy.array(["low", "mid", "high", "top"])
    return x, {"regression": z, "binary": numpy.where(z > 1.4, "yes", "no"),
               "multiclass": names[numpy.clip(numpy.floor(z), 0, 3).astype(int)]}


def coded(model, x):
    """The input as the file itself describes it."""
    props = {p.key: p.value for p in model.metadata_props}
    z = numpy.empty((len(x), 0), dtype="f4")
    for feature in json.loads(props["signalbox.features"]):
        column = x[feature["name"]]
        if "levels" in feature:
            places = {level: i for i, level in enumerate(feature["levels"])}
            column = column.map(places)
        z = numpy.column_stack([z, column.astype("f8").values.astype("f4")])
    return z


def compare(what, got, want, limit):
    global failed
    off = float(numpy.abs(got - want).max())
    bad = not off <= limit
    failed |= bad
    print(f"{what:36} {off:.3g} {'TOO FAR' if bad else 'ok'}", flush=True)


def check(what, uri, x, task, limit):
    global failed
    box("predict", "--model", uri, "--data", "x.csv", "--out", "p.csv", "--proba")
    ours = pandas.read_csv("p.csv")
    box("model", "export", uri, "--format", "onnx", "--out", "m.onnx")
    model = onnx.load("m.onnx")
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    given = {"input": coded(model, x)}
    if task == "regression":
        got = session.run(["variable"], given)[0][:, 0]
        want = ours.prediction.values
        compare(what, got, want, limit * max(1, numpy.abs(want).max()))
        return
    label, p = session.run(["label", "probabilities"], given)
    columns = [c for c in ours if c.startswith("probability")]
    want = ours[columns].values
    if task == "binary":
        want = numpy.column_stack([1 - want[:, -1], want[:, -1]])
    compare(what, p, want, limit)
    # where two classes are as good as equal either may be named
    sure = numpy.abs(numpy.sort(p)[:, -1] - numpy.sort(p)[:, -2]) > 1e-5
    same = (label.astype(str) == ours.prediction.astype(str).values)[sure]
    if not same.all():
        failed = True
        print(f"{what}: {(~same).sum()} labels differ")


def train(task, x, y, algorithm, *params):
    x.assign(y=y).to_csv("t.csv", index=False)
    run = json.loads(box("train", "--data", "t.csv", "--target", "y", "--algorithm", algorithm,
                         "--task", task, "--threads", "1", *params, "-o", "json"))
    return run["model_uri"]


def main():
    x, targets = table(10000)
    x.to_csv("x.csv", index=False)
    some = ("--param", "n_estimators=20")
    for task, y in targets.items():
        kinds = [("gbdt", some, 2e-6), ("forest", some, 1e-6), ("extra_trees", some, 1e-6),
                 ("tree", (), 1e-6), (TASKS[task], (), 1e-5),
                 ("mlp", ("--param", "hidden=16,8", "--param", "epochs=2"), 1e-5)]
        for algorithm, params, limit in kinds:
            uri = train(task, x, y, algorithm, *params)
            check(f"{algorithm}, {task}", uri, x, task, limit)
    numbers, digits = x[["b", "k"]], (targets["regression"] > 1).astype(int) + 3
    numbers.to_csv("x.csv", index=False)
    for algorithm in "gbdt", "logistic":
        uri = train("binary", numbers, digits, algorithm)
        check(f"{algorithm}, numbers alone", uri, numbers, "binary", 1e-5)
    counts = numpy.random.default_rng(2).poisson(numpy.exp((numbers.b - 900) / 40)).astype(float)
    uri = train("regression", numbers, counts, "gbdt", "--param", "objective=poisson")
    check("gbdt, counts", uri, numbers, "regression", 1e-5)
    sys.exit(failed)


main()
