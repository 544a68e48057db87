"""Optuna's samplers on the functions of functions.h, beside ours: a line for each function and
number of trials with the median regrets, and z, how far the rank sum of our seeds is from what
equal samplers would give, in standard deviations (Mann and Whitney; above 0: ours are worse).
Medians of few seeds scatter; the ranks of all of them tell noise from difference. Ends with 1
where z > 3, which equal samplers reach once in 740 comparisons.

Arguments: tpe|gp OURS [KEEP]; OURS is what regret.c printed and says the functions, seeds and
trials. KEEP is a folder: theirs are kept there, a line a seed, and not run again.
Needs optuna; gp also torch and scipy."""
import json
import math
import os
import statistics
import sys

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


def run(name, function, seed, trials):
    f, minimum = FUNCTIONS[function]
    study = optuna.create_study(sampler=sampler(name, seed))
    study.optimize(f, n_trials=trials)
    best = [math.inf]
    for t in study.trials:
        best.append(min(best[-1], t.value - minimum))
    return {str(m): best[m] for m in (50, 100, 200) if m <= trials}


def theirs(name, function, seeds, trials, keep):
    """Regrets of seeds 1..seeds by number of trials; those kept are not run again."""
    path = keep and os.path.join(keep, f"{name}-{function}-{trials}.jsonl")
    found = {}
    if path and os.path.exists(path):
        with open(path) as lines:
            found = {row["seed"]: row for row in map(json.loads, lines)}
    for seed in range(1, seeds + 1):
        if seed in found:
            continue
        found[seed] = {"seed": seed, **run(name, function, seed, trials)}
        if path:
            with open(path, "a") as out:
                out.write(json.dumps(found[seed]) + "\n")
    return [found[seed] for seed in range(1, seeds + 1)]


def rank_sum_z(ours, others):
    above = sum((a > b) + 0.5 * (a == b) for a in ours for b in others)
    n, m = len(ours), len(others)
    return (above - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def main():
    name, keep = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None
    worse = False
    with open(sys.argv[2]) as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        marks = [m for m in (50, 100, 200) if f"regrets_{m}" in row]
        peers = theirs(name, row["function"], row["seeds"], marks[-1], keep)
        for m in marks:
            ours, others = row[f"regrets_{m}"], [p[str(m)] for p in peers]
            z = rank_sum_z([max(v, 1e-6) for v in ours], [max(v, 1e-6) for v in others])
            worse |= z > 3
            print(f"{row['function']:12} {name:4} {m:4} trials, {len(ours)} seeds: ours {statistics.median(ours):8.3g},"
                  f" optuna {statistics.median(others):8.3g}, z {z:5.1f}{'  WORSE' if z > 3 else ''}", flush=True)
        print(f"{row['function']:12} {name:4} ours take {row['us']:.0f} us a suggestion", flush=True)
    sys.exit(worse)


main()
