"""model_forms.py PROGRAM DIR: models between signalbox, LightGBM and XGBoost, for
test_model_forms.sh. Prints the greatest difference of each way and fails above its limit:
1e-6 of the answers' size where doubles are compared, a few float32 roundings for XGBoost."""
import json
import os
import subprocess
import sys

import lightgbm
import numpy
import pandas
import xgboost

program, folder = sys.argv[1:]
os.chdir(folder)
failed = False


def box(*words):
    done = subprocess.run([program, "-w", "ws", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def take_over(name, path, *more):
    reply = json.loads(box("model", "import", name, path, *more, "-o", "json"))
    return f"models:/{name}/{reply['version']}"


def answers(uri, data, task):
    box("predict", "--model", uri, "--data", data, "--out", "p.csv", "--proba")
    table = pandas.read_csv("p.csv")
    columns = [c for c in table if c.startswith("probability")]
    if task == "regression":
        return table.prediction.values
    return table[columns[-1]].values if task == "binary" else table[columns].values


def compare(what, got, want, limit):
    global failed
    off = float(numpy.abs(got - want).max())
    bad = not off <= limit
    failed |= bad
    print(f"{what:36} {off:.3g} {'TOO FAR' if bad else 'ok'}", flush=True)


def table(n):
    r = numpy.random.default_rng(0)
    x = pandas.DataFrame({
        "a": r.normal(size=n).astype("f4").astype("f8"),
        "b": r.normal(size=n).astype("f4").astype("f8"),
        "k": r.integers(0, 9, n).astype(float),
        "c": pandas.Categorical(r.choice(list("xyzwq"), n)),
        "d": pandas.Categorical(r.choice([f"lv{i}" for i in range(70)], n)),
    })
    x.loc[::7, "a"] = numpy.nan
    x.loc[::11, "c"] = numpy.nan
    x.loc[::13, "d"] = numpy.nan
    z = x.b + (x.c == "x") + x.a.fillna(1) * .5 + x.d.cat.codes % 3 + r.normal(size=n) * .3
    return x, {"regression": z, "binary": (z > 1.4).astype(int),
               "multiclass": numpy.clip(numpy.floor(z), 0, 3).astype(int)}


def with_lightgbm(task, x, y):
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    model = kind(n_estimators=60, min_child_samples=5, verbose=-1, n_jobs=1).fit(x, y)
    model.booster_.save_model("m.txt")
    want = model.booster_.predict(x)
    uri = take_over("l-" + task, "m.txt", "--target", "y")
    compare(f"LightGBM to us, {task}", answers(uri, "x.csv", task), want, 1e-6)
    box("model", "export", uri, "--format", "lightgbm", "--out", "e.txt")
    compare("  and back", lightgbm.Booster(model_file="e.txt").predict(x), want, 1e-6)


def ours(task, x, y):
    x.assign(y=y).to_csv("t.csv", index=False)
    run = json.loads(box("train", "--data", "t.csv", "--target", "y", "--algorithm", "gbdt",
                         "--task", task, "--param", "n_estimators=60", "--threads", "1",
                         "--register", "o-" + task, "-o", "json"))
    uri = f"models:/o-{task}/{run['version']}"
    want = answers(uri, "x.csv", task)
    box("model", "export", uri, "--format", "lightgbm", "--out", "o.txt")
    compare(f"us to LightGBM, {task}", lightgbm.Booster(model_file="o.txt").predict(x), want, 1e-6)
    compare("  and back", answers(take_over("r-" + task, "o.txt"), "x.csv", task), want, 1e-12)
    return uri, want


def codes(x):
    """Categories as their place among the sorted levels, as floats."""
    z = x.copy()
    for c in ("c", "d"):
        levels = sorted(x[c].dropna().unique())
        z[c] = pandas.Categorical(x[c], categories=levels).codes
        z[c] = z[c].replace(-1, numpy.nan).astype(float)
    return z


def matrix(z, y=None):
    types = ["float", "float", "float", "c", "c"]
    return xgboost.DMatrix(z.values, label=y, feature_types=types, feature_names=list(z.columns),
                           enable_categorical=True, nthread=1)


def with_xgboost(task, z, y, uri, want):
    box("model", "export", uri, "--format", "xgboost-json", "--out", "o.json")
    booster = xgboost.Booster(model_file="o.json")
    compare(f"us to XGBoost, {task}", booster.predict(matrix(z)), want, 1e-5)
    compare("  and back", answers(take_over("q-" + task, "o.json"), "z.csv", task), want, 1e-6)
    objective = {"regression": "reg:squarederror", "binary": "binary:logistic",
                 "multiclass": "multi:softprob"}[task]
    params = {"objective": objective, "max_depth": 6, "nthread": 1}
    if task == "multiclass":
        params["num_class"] = 4
    booster = xgboost.train(params, matrix(z, y), 60)
    booster.save_model("x.json")
    uri = take_over("x-" + task, "x.json")
    compare(f"XGBoost to us, {task}", answers(uri, "z.csv", task), booster.predict(matrix(z)), 1e-5)
    if task == "multiclass":
        return
    theirs = booster.predict(matrix(z[:8]), pred_contribs=True)
    for row in range(8):
        said = json.loads(box("explain", "--model", uri, "--data", "z.csv", "--row", str(row + 1),
                              "-o", "json"))
        by_name = {s["feature"]: s["contribution"] for s in said["shap"]}
        mine = numpy.array([by_name[c] for c in z.columns] + [said["base"]])
        compare(f"  contributions, row {row + 1}", mine, theirs[row], 1e-5)


def with_ubj(task, x, y):
    """As saved by default, once in each spelling; categories by name, as version 3 keeps them."""
    data = xgboost.DMatrix(x, label=y, enable_categorical=True, nthread=1)
    params = {"objective": {"regression": "reg:squarederror", "binary": "binary:logistic",
                            "multiclass": "multi:softprob"}[task], "max_depth": 5, "nthread": 1}
    if task == "multiclass":
        params.update(num_class=4, num_parallel_tree=2, subsample=.7)
    if task == "regression":
        params.update(booster="dart", rate_drop=.2)
    booster = xgboost.train(params, data, 30)
    want, got = booster.predict(data), {}
    for form in "ubj", "json":
        booster.save_model("u." + form)
        got[form] = answers(take_over(f"{form}-{task}", "u." + form), "x.csv", task)
    compare(f"XGBoost's UBJSON to us, {task}", got["ubj"], want,
            1e-6 * max(1, numpy.abs(want).max()))
    compare("  as its JSON", got["ubj"], got["json"], 0)


def main():
    x, targets = table(10000)
    z = codes(x)
    x.to_csv("x.csv", index=False)
    text = z.copy()
    for c in ("c", "d"):
        text[c] = z[c].map(lambda v: "" if numpy.isnan(v) else str(int(v)))
    text.to_csv("z.csv", index=False)
    for task, y in targets.items():
        with_lightgbm(task, x, y)
        uri, want = ours(task, x, y)
        with_xgboost(task, z, y, uri, want)
        with_ubj(task, x, y)
    sys.exit(failed)


main()
