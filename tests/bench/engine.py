"""engine.py: the engine's learners beside their peers on the same tables, interleaved in one run, so
that ratios mean something on a noisy machine. Prints a table of medians; JSON lines go into FILE.

    engine.py FILE [learner or set]...      all of both when none is named

A learner or a set more is a line of LEARNERS or SETS and, for a peer, a function with @peer. The
generators' tables come from the shared benchmark folder's gen.py, the real ones from the shared
data; both are kept in $SIGNALBOX_BENCH_DATA. Every measurement is a process of its own.
  seconds   median wall time of binning and training together; cpu: of all processors
  ratio     ours / the best peer's, with the target beside it where there is one
  peak MB   over what was there before the fit: its own form of the matrix (ours is doubles)
  rows/s    of processor time, so of one thread;  row us: peers are called through Python
BENCH_ROUNDS (5) rounds, BENCH_THREADS ("1 2"), $SIGNALBOX_SHARED the shared folder. Without
numpy, peers or tables it says what is missing and ends well."""
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.environ.get("SIGNALBOX_SHARED") or os.path.join(HERE, "../../../shared")
TABLES = os.environ.get("SIGNALBOX_BENCH_DATA") or os.path.join(
    os.environ.get("TMPDIR", "/tmp"), "signalbox-bench")
BENCH = os.path.join(os.environ.get("top_builddir", "."), "tests/bench/bench_engine")
TIMEOUT = 1800


class Learner:
    """ours: by name, the words after STEM, learner and threads. targets: by set, the ratio of
    seconds to the best peer's, None: none is set. slow: sets that get one round."""

    def __init__(self, name, ours, peers, targets, slow=()):
        self.name, self.ours, self.peers = name, ours, peers
        self.targets, self.slow = targets, slow


LEARNERS = [
    Learner("gbdt", {"signalbox": [], "signalbox exact": ["gradient_bits=0"]},
            ["lightgbm", "lightgbm quantised", "xgboost", "sklearn histgb"],
            {"higgs": .35, "mixed": .45, "small": .45,
             "adult": None, "kdd99": None, "nyc_taxi": None}),
    Learner("forest", {"signalbox": []}, ["sklearn forest"],
            {"higgs200k": .15, "mixed": .15, "small": .15, "adult": None, "nyc_taxi": None},
            slow=("higgs200k", "nyc_taxi")),
    Learner("logistic", {"signalbox": []}, ["sklearn logistic"],
            {"higgs": .2, "mixed": .2, "small": .2, "adult": None, "kdd99": None}),
]
LIMITS = {"gbdt": "targets: one row <= 0.5 us, 5 M rows/s a thread, peak <= 120 MB",
          "forest": "targets: quality of the peer, peak <= 500 MB"}
QUALITY = .001  # an AUC so much below the best peer's still counts as the same

# ---- tables ----


def generated(name):
    subprocess.run([sys.executable, os.path.join(SHARED, "bench/gen.py"), TABLES, "--no-csv"],
                   check=True, stdout=sys.stderr)


def write_table(name, frame, y, cats, train, task="binary"):
    """Columns of a data frame as floats; categories become codes by falling frequency."""
    import numpy as np
    x = np.empty(frame.shape, "<f4")
    for j, c in enumerate(frame.columns):
        v = frame[c]
        if c in cats:
            v = v.map({k: i for i, k in enumerate(v.value_counts().index)})
        x[:, j] = v.astype("f4")
    x.tofile(f"{TABLES}/{name}_X.f32")
    y.astype("<f4").to_numpy().tofile(f"{TABLES}/{name}_y.f32")
    meta = {"n": len(frame), "f": x.shape[1], "train": train, "task": task,
            "cats": [j for j, c in enumerate(frame.columns) if c in cats]}
    with open(f"{TABLES}/{name}.json", "w") as f:
        json.dump(meta, f)


def read_csv(name, **more):
    import pandas
    return pandas.read_csv(os.path.join(SHARED, "data", name + ".csv.gz"), **more)


def texts(frame):
    from pandas.api.types import is_numeric_dtype
    return [c for c in frame if not is_numeric_dtype(frame[c])]


def adult(name):
    t = read_csv("adult", na_values="?")
    x = t.drop(columns="income")
    write_table(name, x, t.income == ">50K", texts(x), 32561)


def kdd99(name):
    """An attack or not, rows shuffled: in the file they come in blocks of one label."""
    t = read_csv("kdd99_10pct").sample(frac=1, random_state=1)
    x = t.drop(columns="label")
    write_table(name, x, t.label != "normal.", texts(x), len(x) * 4 // 5)


def nyc_taxi(name):
    """The fare, in order of time. Fares of nothing or beyond 250 are left out: one of 429,490
    would decide every squared error."""
    t = read_csv("nyc_taxi_2018_2020", parse_dates=["pickup_datetime", "dropoff_datetime"])
    t = t[(t.fare_amount > 0) & (t.fare_amount <= 250)]
    x = t.drop(columns=["fare_amount", "total_amount", "pickup_datetime", "dropoff_datetime"])
    x["hour"] = t.pickup_datetime.dt.hour
    x["weekday"] = t.pickup_datetime.dt.weekday
    x["minutes"] = (t.dropoff_datetime - t.pickup_datetime).dt.total_seconds() / 60
    cats = texts(x) + ["pickup_location_id", "dropoff_location_id"]
    write_table(name, x, t.fare_amount, cats, len(x) * 4 // 5, "regression")


def higgs200k(name):
    """As higgs, but only 200,000 rows to learn from: a forest of the peer takes minutes."""
    with open(need("higgs") + ".json") as f:
        meta = json.load(f)
    for part in ("_X.f32", "_y.f32"):
        if not os.path.exists(f"{TABLES}/{name}{part}"):
            os.symlink(f"higgs{part}", f"{TABLES}/{name}{part}")
    meta["fit_rows"] = 200000
    with open(f"{TABLES}/{name}.json", "w") as f:
        json.dump(meta, f)


SETS = {"higgs": generated, "mixed": generated, "small": generated, "higgs200k": higgs200k,
        "adult": adult, "kdd99": kdd99, "nyc_taxi": nyc_taxi}


def need(name):
    """The stem of a table, which is made when it is not there."""
    stem = os.path.join(TABLES, name)
    if not os.path.exists(stem + ".json"):
        print(f"bench-engine: making the table {name} in {TABLES}", file=sys.stderr)
        SETS[name](name)
    return stem


class Table:
    def __init__(self, stem):
        import numpy as np
        with open(stem + ".json") as f:
            m = json.load(f)
        n, self.cats, self.task = m["n"], m["cats"], m.get("task", "binary")
        x = np.fromfile(stem + "_X.f32", "<f4").reshape(n, m["f"])
        y = np.fromfile(stem + "_y.f32", "<f4")
        k = m.get("train", n * 4 // 5)
        fit = m.get("fit_rows", k)
        self.A, self.ya, self.B, self.yb = x[:fit], y[:fit], x[k:], y[k:]
        self.binary = self.task == "binary"

    def levels(self, j):
        import numpy as np
        return int(np.nanmax(self.A[:, j])) + 1

    def quality(self, s):
        import numpy as np
        if not self.binary:
            return "rmse", float(np.sqrt(np.mean((s - self.yb.astype(float)) ** 2)))
        o = np.argsort(s, kind="mergesort")
        s, y = s[o], self.yb[o]
        b = np.flatnonzero(np.r_[True, s[1:] != s[:-1], True])
        r = np.repeat((b[:-1] + b[1:] + 1) / 2, np.diff(b))
        p = y.sum()
        return "auc", float((r[y > 0].sum() - p * (p + 1) / 2) / (p * (len(y) - p)))


# ---- peers: a function gives (bin, fit, predict); fit gets what bin returned ----

PEERS = {}


def peer(name):
    def keep(f):
        PEERS[name] = f
        return f
    return keep


@peer("lightgbm")
def lightgbm(t, threads, **more):
    import lightgbm as lib
    p = dict(objective="binary" if t.binary else "regression", learning_rate=.1, max_bin=255,
             num_leaves=31, num_threads=threads, verbosity=-1, min_data_in_leaf=20, **more)

    def bins():
        d = lib.Dataset(t.A, t.ya, categorical_feature=t.cats or "auto", params=p)
        d.construct()
        return d
    return bins, lambda d: lib.train(p, d, 100), lambda m, x: m.predict(x, num_threads=1)


@peer("lightgbm quantised")
def lightgbm_quantised(t, threads):
    return lightgbm(t, threads, use_quantized_grad=True, num_grad_quant_bins=16)


@peer("xgboost")
def xgboost(t, threads):
    import xgboost as lib
    p = dict(objective="binary:logistic" if t.binary else "reg:squarederror", tree_method="hist",
             grow_policy="lossguide", max_leaves=31, max_depth=0, eta=.1, max_bin=255,
             nthread=threads)
    kinds = ["c" if j in t.cats else "q" for j in range(t.A.shape[1])]
    more = dict(feature_types=kinds, enable_categorical=True) if t.cats else {}

    def fit(d):
        m = lib.train(p, d, 100)
        m.set_param({"nthread": 1})
        return m

    def predict(m, x):
        if t.cats:  # codes are only taken for categories with the types beside them
            return m.predict(lib.DMatrix(x, **more))
        return m.inplace_predict(x)
    return lambda: lib.QuantileDMatrix(t.A, t.ya, max_bin=255, nthread=threads, **more), fit, predict


def sk_predict(t):
    return (lambda m, x: m.predict_proba(x)[:, 1]) if t.binary else lambda m, x: m.predict(x)


@peer("sklearn histgb")
def histgb(t, threads):
    from sklearn import ensemble
    kind = (ensemble.HistGradientBoostingClassifier if t.binary
            else ensemble.HistGradientBoostingRegressor)
    cats = [j for j in t.cats if t.levels(j) <= 255]  # it takes no more; others are numbers
    m = kind(max_iter=100, max_leaf_nodes=31, learning_rate=.1, max_bins=255,
             early_stopping=False, categorical_features=cats or None)
    return lambda: None, lambda d: m.fit(t.A, t.ya), sk_predict(t)


@peer("sklearn forest")
def sk_forest(t, threads):
    import numpy as np
    from sklearn import ensemble
    kind = ensemble.RandomForestClassifier if t.binary else ensemble.RandomForestRegressor
    more = {} if t.binary else dict(max_features=1 / 3)  # as ours; its default is all of them
    t.A, t.B = np.nan_to_num(t.A, nan=-999), np.nan_to_num(t.B, nan=-999)
    m = kind(100, n_jobs=threads, random_state=0, **more)

    def fit(d):
        m.fit(t.A, t.ya)
        m.n_jobs = 1
        return m
    return lambda: None, fit, sk_predict(t)


@peer("sklearn logistic")
def sk_logistic(t, threads):
    import numpy as np
    from sklearn import linear_model
    sizes = [t.levels(j) if j in t.cats else 0 for j in range(t.A.shape[1])]
    mean, dev = np.nanmean(t.A.astype(float), 0), np.nanstd(t.A.astype(float), 0)

    def dense(x):  # as bench_engine.c does; no part of the times
        parts = []
        for j, levels in enumerate(sizes):
            v = x[:, j].astype(float)
            if levels:
                parts.append((v[:, None] == np.arange(levels)).astype(float))
            else:
                parts.append((np.nan_to_num((v - mean[j]) / max(dev[j], 1e-6), nan=0))[:, None])
        return np.hstack(parts)
    t.A, t.B = dense(t.A), dense(t.B)
    m = linear_model.LogisticRegression(max_iter=200)
    return lambda: None, lambda d: m.fit(t.A, t.ya), sk_predict(t)


def status_kb(name):
    with open("/proc/self/status") as f:
        return next((int(line.split()[1]) for line in f if line.startswith(name)), 0)


def measure(name, stem, threads):
    """One peer, in this process."""
    t = Table(stem)
    bins, fit, predict = PEERS[name](t, threads)
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass
    before, cpu, start = status_kb("VmRSS"), time.process_time(), time.perf_counter()
    data = bins()
    binned = time.perf_counter()
    model = fit(data)
    end = time.perf_counter()
    line = dict(by=name, threads=threads, fit_s=end - start, cpu_s=time.process_time() - cpu,
                bin_s=binned - start, peak_mb=(status_kb("VmHWM") - before) / 1024)
    cpu = time.process_time()
    scores = predict(model, t.B)
    line["batch_rows_s"] = len(t.B) / max(time.process_time() - cpu, 1e-6)
    kind, value = t.quality(scores)
    line[kind] = value
    row, end = [], time.perf_counter() + 3
    for i in range(300):
        start = time.perf_counter()
        predict(model, t.B[i:i + 1])
        row.append(time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    line["row_us"] = statistics.median(row) * 1e6
    print(json.dumps(line))


# ---- the run ----


def importable(name):
    return subprocess.run([sys.executable, "-c", "import " + name.split()[0]],
                          stderr=subprocess.DEVNULL).returncode == 0


def call(words, threads, out, **about):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    try:
        p = subprocess.run(words, env=env, timeout=TIMEOUT, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
        lines = [x for x in p.stdout.splitlines() if x.startswith("{")]
        line = json.loads(lines[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError) as e:
        said = getattr(e, "stderr", None) or (p.stderr if isinstance(e, IndexError) else "")
        print(f"bench-engine: {about['by']} on {about['set']} did not finish: "
              f"{type(e).__name__} {str(said).strip()[-200:]}", file=sys.stderr)
        return
    line.update(about)
    out.write(json.dumps(line) + "\n")
    out.flush()


def run(learner, name, threads, rounds, peers, out):
    stem = need(name)
    for _ in range(1 if name in learner.slow else rounds):
        for by, words in learner.ours.items():
            call([BENCH, stem, learner.name, str(threads)] + words, threads, out,
                 learner=learner.name, set=name, by=by)
        for by in learner.peers:
            if by in peers:
                call([sys.executable, __file__, "--peer", by, stem, str(threads)], threads, out,
                     learner=learner.name, set=name, by=by)


def medians(lines):
    groups = {}
    for x in lines:
        groups.setdefault((x["learner"], x["set"], x["threads"]), {}).setdefault(
            x["by"], []).append(x)
    for key, by in groups.items():
        yield key, {who: {k: statistics.median(x[k] for x in xs if k in x)
                          for k in xs[0] if isinstance(xs[0][k], (int, float))}
                    for who, xs in by.items()}


def verdict(who, mine, peers, target):
    """Ratios of ours to the best peer, and whether the target is met at its quality."""
    if not who.startswith("signalbox") or not peers:
        return ""
    ratio = mine["fit_s"] / min(p["fit_s"] for p in peers)
    work = mine["cpu_s"] / min(p["cpu_s"] for p in peers)
    if "auc" in mine:
        same = mine["auc"] >= max(p["auc"] for p in peers) - QUALITY
    else:
        same = mine["rmse"] <= 1.01 * min(p["rmse"] for p in peers)
    text = f"{ratio:.2f} (cpu {work:.2f})"
    if target:
        text += f" of {target:.2f}" + (" met" if min(ratio, 9) <= target and same else " MISSED")
    return text + ("" if same else " worse quality")


def report(path):
    with open(path) as f:
        lines = [json.loads(x) for x in f]
    targets = {x.name: x.targets for x in LEARNERS}
    told = None
    for (learner, name, threads), by in medians(lines):
        if learner != told:
            print(f"\n{learner}  {LIMITS.get(learner, '')}\n{'set':9} {'by':20} thr  seconds"
                  f"      cpu      bin  quality  peak MB   row us      rows/s  ratio")
            told = learner
        peers = [v for k, v in by.items() if not k.startswith("signalbox")]
        for who, v in by.items():
            print(f"{name:9} {who:20} {threads:3} {v['fit_s']:8.3f} {v['cpu_s']:8.3f} "
                  f"{v['bin_s']:8.3f} {v.get('auc', v.get('rmse')):8.4f} {v['peak_mb']:8.0f} "
                  f"{v['row_us']:8.2f} {v['batch_rows_s']:11.0f}  "
                  f"{verdict(who, v, peers, targets.get(learner, {}).get(name))}")


def main():
    path, words = sys.argv[1], sys.argv[2:]
    learners = [x for x in LEARNERS if x.name in words] or LEARNERS
    sets = [x for x in SETS if x in words] or list(SETS)
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    if not os.path.exists(os.path.join(SHARED, "bench/gen.py")):
        print("bench-engine: no shared benchmark folder, nothing to measure")
        return
    peers = {p for x in learners for p in x.peers if importable(p)}
    if not importable("numpy") or not importable("pandas") or not peers:
        print(f"bench-engine: {sys.executable} lacks numpy, pandas or all peers (lightgbm, xgboost, "
              "scikit-learn); SIGNALBOX_BENCH_PYTHON names another")
        return
    os.makedirs(TABLES, exist_ok=True)
    with open(path, "w") as out:
        for learner in learners:
            for name in (x for x in sets if x in learner.targets):
                for threads in os.environ.get("BENCH_THREADS", "1 2").split():
                    run(learner, name, int(threads), rounds, peers, out)
    report(path)
    print("all figures:", path)


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
