"""Regrets of Optuna's samplers on the functions of functions.h, as JSON lines like those of
regret.c. Arguments: tpe|gp SEEDS TRIALS [FUNCTION]. Needs optuna; gp also torch and scipy."""
import json
import math
import statistics
import sys
import time

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
ALPHA = [1, 1.2, 3, 3.2]
A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
C = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
     [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]


def box(t, n, lo, hi):
    return [t.suggest_float(f"x{i}", lo, hi) for i in range(n)]


def branin(t):
    x, y = t.suggest_float("x0", -5, 10), t.suggest_float("x1", 0, 15)
    return (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(t):
    x = box(t, 6, 0, 1)
    return -sum(w * math.exp(-sum(a * (v - c) ** 2 for a, v, c in zip(ar, x, cr))) for w, ar, cr in zip(ALPHA, A, C))


def rosenbrock5(t):
    x = box(t, 5, -2, 2)
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(4))


def ackley5(t):
    x = box(t, 5, -32.768, 32.768)
    return (-20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in x) / 5))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / 5) + 20 + math.e)


def mixed(t):
    rate = math.log10(t.suggest_float("rate", 1e-5, 1, log=True) / 0.01)
    l2 = math.log10(t.suggest_float("l2", 1e-6, 10, log=True) / 0.001)
    size = math.log2(t.suggest_int("size", 1, 1024, log=True) / 32)
    kind = t.suggest_categorical("kind", ["a", "b", "c", "d"])
    penalty = {"a": 0.6, "b": 0, "c": 0.3, "d": 1}[kind]
    return rate**2 + 0.5 * l2**2 + 0.3 * size**2 + penalty * (1 + 0.5 * abs(rate))


FUNCTIONS = {"branin": (branin, 0.39788735772973816), "hartmann6": (hartmann6, -3.322368011415512),
             "rosenbrock5": (rosenbrock5, 0), "ackley5": (ackley5, 0), "mixed": (mixed, 0)}


def sampler(name, seed):
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, multivariate=True)


def main():
    name, seeds, trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    marks = [m for m in (20, 50, 100, 200) if m <= trials]
    for key, (f, minimum) in FUNCTIONS.items():
        if len(sys.argv) > 4 and sys.argv[4] != key:
            continue
        found = {m: [] for m in marks}
        spent = time.process_time()
        for seed in range(1, seeds + 1):
            study = optuna.create_study(sampler=sampler(name, seed))
            study.optimize(f, n_trials=trials)
            best = math.inf
            for i, t in enumerate(study.trials, 1):
                best = min(best, t.value - minimum)
                if i in found:
                    found[i].append(best)
        row = {"function": key, "sampler": "optuna_" + name, "seeds": seeds}
        for m in marks:
            row[f"mean_{m}"] = float(f"{statistics.mean(found[m]):.4g}")
            row[f"median_{m}"] = float(f"{statistics.median(found[m]):.4g}")
        row["us"] = round((time.process_time() - spent) / seeds / trials * 1e6, 1)
        print(json.dumps(row), flush=True)


main()
