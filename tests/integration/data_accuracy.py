"""data_accuracy.py PROGRAM DATA DIR [SET…]: one table of all real data sets: ours beside LightGBM,
XGBoost and scikit-learn on the very same rows with the same parameters, for test_data_accuracy.sh.

Boosting: 100 rounds, rate 0.1, 31 leaves, 255 bins, at least 20 rows a leaf where a peer knows
that. Forests: 100 trees, 2 rows a leaf, a root (numbers: a third) of the features; scikit-learn
with categories as codes and as columns. Linear: scikit-learn one-hot and standardised, C = 1 or
alpha = 1. Large sets are split once, as published, by time, or every fourth row measuring. On
sets of up to 7,500 rows one split says little: there five folds are measured and the tolerance
is at least two standard errors of the mean difference to the nearer peer.
Ours fails when it is worse than the worst peer by more than 0.002 of AUC or accuracy, or 1 % of
RMSE. Being better than all is no fault."""
import json
import os
import subprocess
import sys
import warnings

import lightgbm
import numpy
import pandas
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (HistGradientBoostingClassifier, HistGradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
program, data, folder, *wanted = sys.argv[1:]
os.chdir(folder)
FOREST_MAX = 60000
failed = False

# name: target, positive label, columns that are no features, split
SETS = {
    "adult": ("income", ">50K", [], 32561),
    "electricity": ("class", "UP", ["date"], "time"),
    "nba_elo": ("team1_win", "1", ["date", "score1", "score2", "elo1_post", "elo2_post"], "time"),
    "nba_forecasts_538": ("prob1_outcome", "1", ["date", "prob2", "prob2_outcome"], "time"),
    "kdd99_10pct": ("label", "attack", [], "fourth"),
    "phishing_websites": ("Result", "-1", [], "fourth"),
    "california_housing": ("median_house_value", None, [], "fourth"),
    "bike_sharing_hour": ("cnt", None, ["instant", "dteday", "casual", "registered"], "fourth"),
    "nyc_taxi_2018_2020": ("fare_amount", None,
                           ["pickup_datetime", "dropoff_datetime", "total_amount", "tip_amount",
                            "extra", "tolls_amount", "mta_tax"], "time"),
    "creditcard_fraud_subset": ("Class", "1", [], "folds"),
    "telco_churn": ("Churn", "Yes", ["customerID"], "folds"),
    "iranian_churn": ("Churn", "1", [], "folds"),
    "german_credit": ("class", "2", [], "folds"),
    "breast_cancer": ("diagnosis", "malignant", [], "folds"),
    "wine_quality_red": ("quality", None, [], "folds"),
    "wine_quality_white": ("quality", None, [], "folds"),
    "digits": ("digit", "all", [], "folds"),
    "iris": ("species", "all", [], "folds"),
}
# what others have published on these splits or nearly so, with the figure of ours to hold beside
PUBLISHED = {
    ("adult", "gbdt"): "gradient boosting AUC about .927",
    ("kdd99_10pct", "gbdt"): "(the cup's own test file is another one)",
    ("phishing_websites", "forest"): "random forest about 97 % accuracy",
    ("california_housing", "linear"): "68,628 on training rows",
    ("california_housing", "forest"): "tuned forest 47,730",
    ("telco_churn", "linear"): "AUC .84-.85",
    ("iris", "linear"): "96-98 %",
    ("creditcard_fraud_subset", "gbdt"): "full data AUC .97-.98",
    ("nba_elo", "linear"): "538's Elo: accuracy 67.9 % over all games",
}


def load(name):
    target, positive, drop, split = SETS[name]
    x = pandas.read_csv(f"{data}/{name}.csv.gz", low_memory=False,
                        na_values=["?"] if name == "adult" else None)
    if name == "kdd99_10pct":
        x = x.iloc[::5].reset_index(drop=True)
        x["label"] = numpy.where(x.label.str.startswith("normal"), "normal", "attack")
    if name == "nyc_taxi_2018_2020":
        x = x[(x.fare_amount > 0) & (x.fare_amount < 500)].iloc[::3].reset_index(drop=True)
    if name == "telco_churn":
        x["TotalCharges"] = pandas.to_numeric(x.TotalCharges, errors="coerce")
    x = x[x[target].notna()].drop(columns=drop).reset_index(drop=True)
    if positive and name in ("nba_elo",):
        x[target] = x[target].astype(int)
    return x, target, positive, split


def splits(x, split):
    n, place = len(x), numpy.arange(len(x))
    if split == "folds":
        order = numpy.random.default_rng(0).permutation(n) % 5
        return [(place[order != k], place[order == k]) for k in range(5)]
    if split == "time":
        return [(place[:n * 3 // 4], place[n * 3 // 4:])]
    if split == "fourth":
        return [(place[place % 4 != 3], place[place % 4 == 3])]
    return [(place[:split], place[split:])]


def metric_of(positive):
    return "rmse" if positive is None else "accuracy" if positive == "all" else "auc"


def score(metric, y, p):
    if metric == "rmse":
        return mean_squared_error(y, p) ** .5
    return accuracy_score(y, p) if metric == "accuracy" else roc_auc_score(y, p)


def answer(model, x, metric):
    return model.predict(x) if metric != "auc" else model.predict_proba(x)[:, 1]


def coded(x):
    z = x.copy()
    for c in z:
        if isinstance(z[c].dtype, pandas.CategoricalDtype):
            z[c] = z[c].cat.codes.where(z[c].notna(), numpy.nan).astype(float)
    return z


def one_hot(x, scale):
    cats = [c for c in x if isinstance(x[c].dtype, pandas.CategoricalDtype)]
    nums = [c for c in x if c not in cats]
    number = [SimpleImputer(), StandardScaler()] if scale else [SimpleImputer()]
    texts = make_pipeline(SimpleImputer(strategy="constant", fill_value="-"),
                          OneHotEncoder(handle_unknown="ignore"))
    return make_column_transformer((make_pipeline(*number), nums), (texts, cats))


def boosters(metric):
    number = metric == "rmse"
    light = lightgbm.LGBMRegressor if number else lightgbm.LGBMClassifier
    extreme = xgboost.XGBRegressor if number else xgboost.XGBClassifier
    hist = HistGradientBoostingRegressor if number else HistGradientBoostingClassifier
    return {
        "LightGBM": light(n_estimators=100, learning_rate=.1, num_leaves=31, verbose=-1, n_jobs=1),
        "XGBoost": extreme(n_estimators=100, learning_rate=.1, max_leaves=31, max_depth=0,
                           grow_policy="lossguide", tree_method="hist", max_bin=255, n_jobs=1,
                           enable_categorical=True),
        "HistGB": hist(max_iter=100, learning_rate=.1, max_leaf_nodes=31, early_stopping=False,
                       categorical_features="from_dtype"),
    }


def forests(metric):
    number = metric == "rmse"
    kind = RandomForestRegressor if number else RandomForestClassifier
    return lambda: kind(n_estimators=100, min_samples_leaf=2, random_state=0, n_jobs=1,
                        max_features=1 / 3 if number else "sqrt")


def peers(algorithm, x, metric):
    """name: (model, how it sees the table)"""
    if algorithm == "gbdt":
        many = any(len(x[c].cat.categories) > 250 for c in x
                   if isinstance(x[c].dtype, pandas.CategoricalDtype))
        return {k: (m, lambda z: z) for k, m in boosters(metric).items()
                if not (many and k == "HistGB")}
    if algorithm == "forest":
        make = forests(metric)
        found = {"codes": (make_pipeline(SimpleImputer(), make()), coded)}
        if any(isinstance(x[c].dtype, pandas.CategoricalDtype) for c in x):
            found["columns"] = (make_pipeline(one_hot(x, False), make()), lambda z: z)
        return found
    model = Ridge(1.0) if metric == "rmse" else LogisticRegression(C=1.0, max_iter=2000)
    return {"sklearn": (make_pipeline(one_hot(x, True), model), lambda z: z)}


def ours(algorithm, train, test, target, positive, metric):
    train.to_csv("train.csv", index=False)
    test.to_csv("test.csv", index=False)
    name = {"linear": "linear" if metric == "rmse" else "logistic"}.get(algorithm, algorithm)
    words = ["train", "--data", "train.csv", "--valid", "test.csv", "--target", target,
             "--algorithm", name, "--threads", "1", "-o", "json", "--task",
             {"rmse": "regression", "auc": "binary", "accuracy": "multiclass"}[metric]]
    if metric == "auc":
        words += ["--positive", positive]
    done = subprocess.run([program, "-q", "-w", "ws", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr}")
    return json.loads(done.stdout)["metrics"][metric]


def measure(name, algorithm, x, target, positive, split):
    metric, mine, theirs = metric_of(positive), [], {}
    y = x[target] if metric == "rmse" else x[target].astype(str)
    if metric == "auc":
        y = (y == positive).astype(int)
    z = x.drop(columns=target)
    for c in z:
        if not pandas.api.types.is_numeric_dtype(z[c]):
            z[c] = z[c].astype("category")
        elif pandas.api.types.is_bool_dtype(z[c]):
            z[c] = z[c].astype(int)
    labels = {v: i for i, v in enumerate(sorted(set(y)))} if metric == "accuracy" else None
    y = y.map(labels) if labels else y
    for train, test in splits(x, split):
        mine.append(ours(algorithm, x.iloc[train], x.iloc[test], target, positive, metric))
        for peer, (model, see) in peers(algorithm, z, metric).items():
            model.fit(see(z.iloc[train]), y.iloc[train])
            theirs.setdefault(peer, []).append(
                score(metric, y.iloc[test], answer(model, see(z.iloc[test]), metric)))
    report(name, algorithm, metric, numpy.array(mine), theirs)


def report(name, algorithm, metric, mine, theirs):
    global failed
    sign = -1 if metric == "rmse" else 1
    means = {k: float(numpy.mean(v)) for k, v in theirs.items()}
    worst = min(means, key=lambda k: sign * means[k])
    off = sign * (mine.mean() - means[worst])  # below 0: worse than the worst
    tolerance = .002 if metric != "rmse" else .01 * means[worst]
    noise = 0.
    if len(mine) > 1:
        difference = mine - numpy.array(theirs[worst])
        noise = 2 * float(difference.std(ddof=1)) / len(mine) ** .5
    word = "ok" if off >= -tolerance else "ok, by folds" if off >= -noise else "WORSE"
    failed |= word == "WORSE"
    if all(sign * (mine.mean() - m) > 0 for m in means.values()):
        word = "better"
    others = " ".join(f"{k} {v:.5g}" for k, v in means.items())
    print(f"{name:24} {algorithm:7} {metric:8} ours {mine.mean():<9.5g} {others:48} "
          f"{'x' + str(len(mine)) if len(mine) > 1 else '':3} {word:13}"
          f"{PUBLISHED.get((name, algorithm), '')}", flush=True)


def main():
    subprocess.run([program, "-q", "-w", "ws", "init"], check=True, stdout=subprocess.DEVNULL)
    for name in wanted or SETS:
        x, target, positive, split = load(name)
        for algorithm in "gbdt", "forest", "linear":
            if algorithm == "forest" and len(x) > FOREST_MAX:
                continue  # scikit-learn's takes many minutes
            measure(name, algorithm, x, target, positive, split)
    sys.exit(failed)


main()
