"""data_accuracy.py PROGRAM DATA DIR [SET…]: one table of all real data sets: ours beside LightGBM,
XGBoost and scikit-learn on the very same rows, each peer with the parameters that ours was given,
for test_data_accuracy.sh.

Boosting: 100 rounds, rate 0.1, 31 leaves, 255 bins; the rest is what each peer takes by default, and
ours is trained once for each of them, see AS. Forests: 100 trees, 2 rows a leaf, a root (numbers: a
third) of the features; scikit-learn with categories as codes. Linear: scikit-learn one-hot and
standardised, C = 1 or alpha = 1. mlp: 64 columns scaled alike, two hidden layers, Adam, batches of
64. isolation_forest: 100 trees of 256 rows, the score's AUC for a label that it was not shown;
scikit-learn with categories as codes.

Every row is measured several times, so that luck can be told from a cause. Sets of up to 7,500 rows
are measured on five folds. Others are split once, as published, by time, or every fourth row
measuring; each turn has another seed, and all but the first leave out another tenth of the rows to
learn from, on both sides. A turn more or less is TURNS; forests of large sets get one. The interval
is that of Student's t at 95 % for the mean difference.
  better   than the peer
  ok       not worse than the peer by more than 0.002 of AUC or accuracy, or 1 % of RMSE
  chance   further off than that, but the interval of the difference has 0 in it
  WORSE    neither; the test fails"""
import json
import os
import subprocess
import sys
import warnings

import lightgbm
import numpy
import pandas
import xgboost
from scipy.stats import t as student
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (HistGradientBoostingClassifier, HistGradientBoostingRegressor,
                              IsolationForest, RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
program, data, folder, *wanted = sys.argv[1:]
os.chdir(folder)
TURNS = 3
LARGE = 60000  # rows of a set whose forests get one turn: scikit-learn's take a minute each
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
# What a peer of boosting has by default, in the words of ours, where it differs.
AS = {
    "LightGBM": ["cat_smooth=10"],
    "XGBoost": ["lambda_l2=1", "min_data_in_leaf=1", "min_sum_hessian=1", "cat_smooth=1",
                "cat_l2=0", "min_data_per_group=1", "max_cat_threshold=64"],
    "HistGB": ["cat_smooth=10", "cat_l2=0", "min_data_per_group=1", "max_cat_threshold=64",
               "max_cat_to_onehot=0"],
}
MLP = ["hidden=128,64", "epochs=40", "batch_size=64", "learning_rate=0.001", "schedule=constant",
       "weight_decay=0", "input=image"]
# Algorithms that only some sets are measured with
EXTRA = {"digits": ["mlp"], "kdd99_10pct": ["isolation_forest"],
         "creditcard_fraud_subset": ["isolation_forest"]}


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


def turns(n, split, many):
    """Rows to learn from and rows to measure on."""
    place, rng = numpy.arange(n), numpy.random.default_rng(0)
    if split == "folds":
        part = rng.permutation(n) % 5
        return [(place[part != k], place[part == k]) for k in range(5)]
    at = n * 3 // 4 if split == "time" else split
    train, test = (place[:at], place[at:]) if split != "fourth" else \
        (place[place % 4 != 3], place[place % 4 == 3])
    return [(train[rng.random(len(train)) < .9] if k else train, test) for k in range(many)]


def metric_of(positive):
    return "rmse" if positive is None else "accuracy" if positive == "all" else "auc"


def score(metric, y, p):
    if metric == "rmse":
        return mean_squared_error(y, p) ** .5
    return accuracy_score(y, p) if metric == "accuracy" else roc_auc_score(y, p)


def answer(model, x, metric):
    if hasattr(model, "score_samples"):
        return -model.score_samples(x)
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


def forest(metric, seed):
    number = metric == "rmse"
    kind = RandomForestRegressor if number else RandomForestClassifier
    return kind(n_estimators=100, min_samples_leaf=2, random_state=seed, n_jobs=1,
                max_features=1 / 3 if number else "sqrt")


def as_it_is(z):
    return z


def peers(algorithm, x, metric, seed):
    """name: (model, how it sees the table, the words that give ours its parameters)"""
    if algorithm == "gbdt":
        many = any(len(x[c].cat.categories) > 250 for c in x
                   if isinstance(x[c].dtype, pandas.CategoricalDtype))
        return {k: (m, as_it_is, AS[k]) for k, m in boosters(metric).items()
                if not (many and k == "HistGB")}
    if algorithm == "forest":
        return {"sklearn": (forest(metric, seed), coded, [])}
    if algorithm == "isolation_forest":
        return {"sklearn": (IsolationForest(n_estimators=100, random_state=seed), coded, [])}
    if algorithm == "mlp":
        net = MLPClassifier((128, 64), batch_size=64, learning_rate_init=.001, max_iter=40,
                            alpha=0, random_state=seed)
        return {"sklearn": (net, lambda z: (z - z.values.mean()) / z.values.std(), MLP)}
    model = Ridge(1.0) if metric == "rmse" else LogisticRegression(C=1.0, max_iter=2000)
    return {"sklearn": (make_pipeline(one_hot(x, True), model), as_it_is, [])}


def ours(algorithm, set_, train, test, seed, words):
    target, positive, metric = set_
    train.to_csv("train.csv", index=False)
    test.to_csv("test.csv", index=False)
    name = {"linear": "linear" if metric == "rmse" else "logistic"}.get(algorithm, algorithm)
    call = ["train", "--data", "train.csv", "--valid", "test.csv", "--target", target,
            "--algorithm", name, "--threads", "1", "--seed", str(seed), "-o", "json", "--task",
            {"rmse": "regression", "auc": "binary", "accuracy": "multiclass"}[metric]]
    if metric == "auc":
        call += ["--positive", positive]
    for word in words:
        call += ["--param", word]
    done = subprocess.run([program, "-q", "-w", "ws", *call], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(call)}: {done.stderr}")
    return json.loads(done.stdout)["metrics"][metric]


def columns(x, target, positive, metric):
    """What the peers see, and the target as numbers."""
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
    return z, y.map(labels) if labels else y


def measure(name, algorithm, x, target, positive, split):
    metric = metric_of(positive)
    z, y = columns(x, target, positive, metric)
    many = 1 if algorithm == "forest" and len(x) > LARGE else TURNS
    found = {}
    for seed, (train, test) in enumerate(turns(len(x), split, many)):
        mine = {}  # by its parameters
        for peer, (model, see, words) in peers(algorithm, z, metric, seed).items():
            if str(words) not in mine:
                mine[str(words)] = ours(algorithm, (target, positive, metric), x.iloc[train],
                                        x.iloc[test], seed, words)
            model.fit(see(z.iloc[train]), y.iloc[train])
            theirs = score(metric, y.iloc[test], answer(model, see(z.iloc[test]), metric))
            found.setdefault(peer, []).append((mine[str(words)], theirs))
    for peer, pairs in found.items():
        report(f"{name:24} {algorithm:16} {metric:8}", metric, peer, numpy.array(pairs))


def report(head, metric, peer, pairs):
    global failed
    mine, theirs = pairs.mean(axis=0)
    n, sign = len(pairs), -1 if metric == "rmse" else 1
    off = sign * (mine - theirs)  # below 0: worse
    spread = student.ppf(.975, n - 1) * (pairs[:, 0] - pairs[:, 1]).std(ddof=1) / n ** .5 \
        if n > 1 else 0.
    tolerance = .002 if metric != "rmse" else .01 * theirs
    word = "better" if off > 0 else "ok" if off >= -tolerance else \
        "chance" if off >= -spread else "WORSE"
    failed |= word == "WORSE"
    print(f"{head} ours {mine:<9.5g} {peer:8} {theirs:<9.5g} {mine - theirs:+10.3g} "
          f"+-{spread:<8.2g} x{n} {word}", flush=True)


def main():
    subprocess.run([program, "-q", "-w", "ws", "init"], check=True, stdout=subprocess.DEVNULL)
    for name in wanted or SETS:
        x, target, positive, split = load(name)
        for algorithm in ["gbdt", "forest", "linear"] + EXTRA.get(name, []):
            measure(name, algorithm, x, target, positive, split)
    sys.exit(failed)


main()
