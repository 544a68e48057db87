"""What scikit-learn makes of the rows of test_calibration.sh, beside what signalbox made."""
import json
import sys

import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folder = sys.argv[1]
train, test = (pd.read_csv(f"{folder}/{name}.csv") for name in ("train", "test"))
x, y = train.drop(columns="income"), train.income == ">50K"
x_test, y_test = test.drop(columns="income"), test.income == ">50K"


def logistic(**more):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, **more))


def calibrated(base, method):
    return CalibratedClassifierCV(base, method=method, cv=5, ensemble=False)


cases = [
    ("plain", GaussianNB(), 0.003),
    ("isotonic", calibrated(GaussianNB(), "isotonic"), 0.002),
    ("sigmoid", calibrated(logistic(), "sigmoid"), 0.002),
    ("even", logistic(), 0.002),
    ("weighted", logistic(class_weight="balanced"), 0.004),
]
failed = False
for name, model, tolerance in cases:
    p = model.fit(x, y).predict_proba(x_test)[:, 1]
    theirs = {
        "brier": brier_score_loss(y_test, p),
        "recall": recall_score(y_test, p >= 0.5),
        "log_loss": log_loss(y_test, p),
    }
    with open(f"{folder}/{name}.json") as f:
        ours = json.load(f)["metrics"]
    for metric in ("brier", "recall"):
        off = abs(ours[metric] - theirs[metric])
        bad = off > tolerance * (1 if metric == "brier" else 5)
        failed |= bad
        print(f"{name:9} {metric:8} ours {ours[metric]:.5f} scikit-learn {theirs[metric]:.5f}", "DIFFERS" if bad else "")
sys.exit(failed)
