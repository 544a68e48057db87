"""What LightGBM makes of the rows of test_gbdt_options.sh with the same parameters, beside what
signalbox made: the loss on the test rows within 1 % (or better). Then the exported Poisson model
as the real LightGBM and XGBoost read it."""
import os
import sys

import lightgbm
import numpy as np
import pandas as pd

os.chdir(sys.argv[1])
train, test = (pd.read_csv(f"{name}.csv") for name in ("train", "test"))
for table in (train, test):
    table["kind"] = pd.Categorical(table.kind, categories=[f"k{i}" for i in range(6)])
x, y = train.drop(columns="count"), train["count"]
x_test, y_test = test.drop(columns="count"), test["count"].values


def pinball(alpha):
    return lambda p: np.maximum(alpha * (y_test - p), (alpha - 1) * (y_test - p)).mean()


def huber(p):
    d = abs(p - y_test)
    return np.where(d <= 1, d * d / 2, d - 0.5).mean()


def deviance(p):
    return 2 * (np.where(y_test > 0, y_test * np.log(np.maximum(y_test, 1) / p), 0) - y_test + p).mean()


def rmse(p):
    return np.sqrt(((p - y_test) ** 2).mean())


cases = [
    ("l2", {}, rmse),
    ("exact", {}, rmse),
    ("l1", {"objective": "l1"}, lambda p: abs(p - y_test).mean()),
    ("huber", {"objective": "huber", "alpha": 1}, huber),
    ("high", {"objective": "quantile", "alpha": 0.9, "num_leaves": 7}, pinball(0.9)),
    ("low", {"objective": "quantile", "alpha": 0.2, "num_leaves": 7}, pinball(0.2)),
    ("poisson", {"objective": "poisson"}, deviance),
    ("bounded", {"monotone_constraints": [1, -1, 0, 0]}, rmse),
]
failed = False
for name, more, loss in cases:
    model = lightgbm.LGBMRegressor(n_estimators=60, cat_smooth=12, verbose=-1, n_jobs=1,
                                   **more).fit(x, y)
    ours, theirs = loss(pd.read_csv(f"{name}.csv").prediction.values), loss(model.predict(x_test))
    bad = not ours <= theirs * 1.01
    failed |= bad
    print(f"{name:10} {ours:.5f} LightGBM {theirs:.5f} {'WORSE' if bad else 'ok'}", flush=True)

want = pd.read_csv("poisson.csv").prediction.values
codes = x_test.assign(kind=pd.Categorical(x_test.kind).codes)
booster = lightgbm.Booster(model_file="poisson.txt")
answers = {"LightGBM": booster.predict(codes.values)}
try:
    import xgboost
    other = xgboost.Booster(model_file="poisson.json")
    data = xgboost.DMatrix(codes.values.astype("f4"), feature_names=other.feature_names,
                           feature_types=other.feature_types)
    answers["XGBoost"] = other.predict(data)
except ImportError:
    pass
for name, p in answers.items():
    off = float(abs(p / want - 1).max())
    failed |= not off < 1e-5
    print(f"poisson exported, read by {name}: off by {off:.3g}")
sys.exit(failed)
