"""Asks the same of our statistics and of SciPy, on random data; check.py starts it where SciPy is.

Every question is drawn from one seed. Numbers must agree to 1e-9 of their size, ranks and verdicts exactly; what SciPy does
not have (Holm's adjustment, Newcombe's interval, the ranks of a percentile's interval) is written out here from its source.
"""

import json
import math
import subprocess
import sys

import numpy as np
import scipy
from scipy import stats

CLOSE = 1e-9
LEVEL, TOLERANCE = 0.05, 0.1
rng = np.random.default_rng(2026)


def needed(deviation):
    return math.ceil(((1.96 + 0.84) * deviation / math.log1p(TOLERANCE)) ** 2) + 2


def welch(before, after):
    found = stats.ttest_ind(after, before, equal_var=False)
    low, high = found.confidence_interval(0.95)
    difference = np.mean(after) - np.mean(before)
    error = math.sqrt(np.var(before, ddof=1) / len(before) + np.var(after, ddof=1) / len(after))
    deviation = math.sqrt(np.var(before, ddof=1) + np.var(after, ddof=1))
    return {
        "difference": difference,
        "error": error,
        "freedom": found.df,
        "p": found.pvalue,
        "interval": [low, high],
        "needed": needed(deviation),
    }


def paired(before, after):
    found = stats.ttest_rel(after, before)
    low, high = found.confidence_interval(0.95)
    differences = np.asarray(after) - np.asarray(before)
    return {
        "difference": np.mean(differences),
        "error": stats.sem(differences),
        "freedom": found.df,
        "p": found.pvalue,
        "interval": [low, high],
        "needed": needed(np.std(differences, ddof=1)),
    }


def holm(p):
    """Holm 1979: the smallest p times how many there are, the next times one less, and never back down."""
    adjusted, highest = [0.0] * len(p), 0.0
    for place, index in enumerate(np.argsort(p, kind="stable")):
        highest = max(highest, min(1.0, p[index] * (len(p) - place)))
        adjusted[index] = highest
    return adjusted


def verdict(found, p):
    bound = math.log1p(TOLERANCE)
    reach = stats.t.ppf(0.95, found["freedom"]) * found["error"]
    if p < LEVEL and found["difference"] > 0:
        return "worse" if found["difference"] >= bound else "slightly_worse"
    if p < LEVEL:
        return "better"
    return "same" if abs(found["difference"]) + reach < bound else "inconclusive"


def compare(cases, is_paired):
    """The whole way from rounds to verdicts: logarithms of milliseconds, a test a case, Holm over the cases."""
    test = paired if is_paired else welch
    found = [test(*(np.log(np.asarray(side) / 1000.0) for side in case)) for case in cases]
    adjusted = holm([case["p"] for case in found])
    return [
        {
            "ratio": math.exp(case["difference"]),
            "interval": [math.exp(end) for end in case["interval"]],
            "p": case["p"],
            "p_adjusted": p,
            "pairs_needed": case["needed"],
            "verdict": verdict(case, p),
        }
        for case, p in zip(found, adjusted)
    ]


def share(k, n):
    """Clopper-Pearson; one-sided where all or none succeeded (there SciPy's quantile is off by 1e-8, and a root is exact)."""
    if k == 0:
        return {"rate": 0.0, "low": 0.0, "high": -math.expm1(math.log(0.05) / n)}
    if k == n:
        return {"rate": 1.0, "low": 0.05 ** (1 / n), "high": 1.0}
    ends = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    return {"rate": k / n, "low": ends.low, "high": ends.high}


def difference(before, after):
    """Newcombe 1998, method 10."""
    one, other = (stats.binomtest(*side).proportion_ci(0.95, method="wilson") for side in (before, after))
    p, q = before[0] / before[1], after[0] / after[1]
    below = math.hypot(q - other.low, one.high - p)
    above = math.hypot(other.high - q, p - one.low)
    return [q - p, q - p - below, q - p + above]


def ranks(percent, n):
    """Order statistics that bound a percentile: at most 2.5 % outside on either side, or what one end leaves of 5 %."""
    q = percent / 100
    below_all, above_all = (1 - q) ** n, q**n
    if below_all + above_all > 0.05:
        return None
    counts = np.arange(n)
    at_most, above = stats.binom.cdf(counts, n, q), stats.binom.sf(counts, n, q)
    lower = 0.05 - above_all if above_all > 0.025 else 0.025
    upper = 0.05 - below_all if below_all > 0.025 else 0.025
    return [max(int(np.count_nonzero(at_most <= lower)) - 1, 0), min(int(np.count_nonzero(above > upper)), n - 1)]


def prediction(values):
    logs = np.log(values)
    reach = stats.t.ppf(0.975, len(logs) - 1) * np.std(logs, ddof=1) * math.sqrt(1 + 1 / len(logs))
    return [math.exp(np.mean(logs) - reach), math.exp(np.mean(logs) + reach)]


def demonstrated(values, below):
    logs = np.log(values)
    return bool(np.mean(logs) + stats.t.ppf(0.95, len(logs) - 1) * stats.sem(logs) < math.log(below))


def lognormal(n, spread=None):
    spread = rng.choice([0.01, 0.05, 0.2, 0.5]) if spread is None else spread
    return np.exp(rng.normal(rng.normal(0, 2), spread, n))


def questions():
    """Pairs of what is asked and what must be answered."""
    for _ in range(300):
        size, other = (int(n) for n in rng.integers(2, 12, 2))
        before, after = rng.normal(0, 1, size).tolist(), rng.normal(rng.normal(), rng.uniform(0.1, 3), other).tolist()
        yield {"ask": "welch", "before": before, "after": after}, welch(before, after)
        before, after = rng.normal(0, 1, size).tolist(), rng.normal(rng.normal(), 1, size).tolist()
        yield {"ask": "paired", "before": before, "after": after}, paired(before, after)
    for _ in range(200):
        is_paired = bool(rng.integers(2))
        cases = []
        for _ in range(rng.integers(1, 8)):
            size, other = (int(n) for n in rng.integers(3, 12, 2))
            luck = lambda n: np.exp(rng.normal(0, rng.choice([0.005, 0.05, 0.2]), n))
            median, ratio = rng.uniform(2e5, 5e6), math.exp(rng.choice([0, 0.03, 0.2, -0.2]))
            sides = [median * luck(size), ratio * median * luck(size if is_paired else other)]
            cases.append([np.round(side).astype(int).tolist() for side in sides])
        yield {"ask": "compare", "cases": cases, "paired": is_paired}, compare(cases, is_paired)
    for _ in range(100):
        p = (rng.random(rng.integers(1, 20)) ** rng.integers(1, 6)).tolist()
        yield {"ask": "holm", "p": p}, holm(p)
    for _ in range(400):
        n = int(10 ** rng.uniform(0, 6))
        k = int(rng.choice([0, n, rng.integers(0, n + 1), max(0, n - rng.integers(0, 4))]))
        yield {"ask": "share", "k": k, "n": n}, share(k, n)
        other = int(10 ** rng.uniform(0, 4))
        sides = [k, n], [int(rng.integers(0, other + 1)), other]
        yield {"ask": "difference", "before": sides[0], "after": sides[1]}, difference(*sides)
    for _ in range(400):
        confidence, freedom = float(rng.uniform(0.5, 0.9999)), float(10 ** rng.uniform(0, 4))
        yield {"ask": "critical", "confidence": confidence, "freedom": freedom}, stats.t.ppf((1 + confidence) / 2, freedom)
        t = float(rng.exponential(3))
        yield {"ask": "two_sided", "t": t, "freedom": freedom}, 2 * stats.t.sf(t, freedom)
        n = int(10 ** rng.uniform(0, 6))
        p = float(rng.uniform(0.01, 0.99))
        k = int(np.clip(rng.normal(n * p, 3 * math.sqrt(n * p * (1 - p)) + 1), 0, n))
        yield {"ask": "at_most", "k": k, "n": n, "p": p}, stats.binom.cdf(k, n, p)
    for percent in (50, 90, 95, 99):
        for n in [*range(1, 120), 150, 299, 300, 301, 1000, 4321, 50_000]:
            yield {"ask": "ranks", "percent": percent, "n": n}, ranks(percent, n)
    for _ in range(200):
        values = lognormal(rng.integers(2, 200))
        yield {"ask": "moments", "values": values.tolist()}, [np.mean(values), np.std(values, ddof=1)]
        whole = np.round(values * 1e6).astype(int)
        yield {"ask": "whole_moments", "values": whole.tolist()}, [np.mean(whole), np.std(whole, ddof=1)]
        values = lognormal(rng.integers(5, 30))
        yield {"ask": "prediction", "values": values.tolist()}, prediction(values)
        values, below = lognormal(rng.integers(5, 10), 0.2), float(np.exp(rng.normal(0.2, 0.2)))
        below *= float(np.exp(np.mean(np.log(values))))
        yield {"ask": "demonstrated", "values": values.tolist(), "below": below}, demonstrated(values, below)


def agrees(got, expected):
    """Whether an answer is the expected one; of an object, what is expected of it."""
    if isinstance(expected, dict):
        return isinstance(got, dict) and all(agrees(got.get(key), value) for key, value in expected.items())
    if isinstance(expected, (list, tuple)):
        return isinstance(got, list) and len(got) == len(expected) and all(map(agrees, got, expected))
    if expected is None or isinstance(expected, (bool, str)):
        return got == expected
    return isinstance(got, (int, float)) and math.isclose(got, expected, rel_tol=CLOSE, abs_tol=1e-300)


def main(binary):
    asked = list(questions())
    lines = "".join(json.dumps(question) + "\n" for question, _ in asked)
    answered = subprocess.run([binary], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    if len(answered) != len(asked):
        sys.exit(f"{len(answered)} answers to {len(asked)} questions")
    counts, wrong = {}, 0
    for (question, expected), line in zip(asked, answered):
        counts[question["ask"]] = counts.get(question["ask"], 0) + 1
        if not agrees(json.loads(line), expected):
            wrong += 1
            if wrong <= 10:
                print(f"asked     {json.dumps(question)[:400]}\nexpected  {expected}\ngot       {line[:1000]}\n")
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    print(f"{len(asked) - wrong} of {len(asked)} answers agree with SciPy {scipy.__version__}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
