"""Reference values for `reports/src/statistics`, from rliable, scipy, statsmodels and baycomp.

    python -m venv venv && venv/bin/pip install rliable==1.2.0 baycomp==1.0.3 scipy statsmodels 'pandas<3'
    venv/bin/python statistics.py > statistics.json

Exact methods give one value each. A percentile of random repetitions depends on the stream, which the two programs do not share; for
those the ends of an interval are given as a bracket `[low, high]`: the reference's percentiles at the wanted share ± 4 standard
errors of a share over `draws` and over the reference's own repetitions. Scores are `[task][seed]` here, and `[seed][task]` in rliable.
The mid-p of McNemar's test is in none of these libraries: it follows Fagerland, Lydersen and Laake 2013 with scipy's binomial
distribution.
"""

import json
import platform
import sys
from importlib.metadata import version

import baycomp
import numpy as np
from rliable import library, metrics
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

DRAWS = 20_000
REFERENCE_DRAWS = 20_000
AGGREGATES = {
    "mean": metrics.aggregate_mean,
    "median": metrics.aggregate_median,
    "interquartile mean": metrics.aggregate_iqm,
    "optimality gap": metrics.aggregate_optimality_gap,
}


def matrix(tasks, seeds, centre, stream):
    """Scores with another centre and spread per task, to four digits, some of them above 1."""
    rng = np.random.default_rng(stream)
    centres = centre + rng.uniform(-0.2, 0.3, (tasks, 1))
    return np.round(rng.normal(centres, rng.uniform(0.01, 0.1, (tasks, 1)), (tasks, seeds)), 4)


def brackets(replicates, level):
    def bracket(share):
        error = np.sqrt(share * (1 - share) * (1 / DRAWS + 1 / len(replicates)))
        return np.quantile(replicates, [share - 4 * error, share + 4 * error]).tolist()

    tail = (1 - level) / 2
    return {"level": level, "lower": bracket(tail), "upper": bracket(1 - tail)}


def t_intervals():
    samples = [[0.91, 0.93, 0.92], [0.5012, 0.4987, 0.5033, 0.511, 0.4891], [1e-3, 2e-3, 5e-3, 1e-2], list(range(30))]
    for values in samples:
        for level in (0.8, 0.95, 0.99):
            lower, upper = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
            yield {"values": values, "level": level, "lower": lower, "upper": upper}


def mean_differences():
    rng = np.random.default_rng(15)
    cases = [([0.91, 0.93, 0.92], [0.89, 0.9, 0.88]), ([0.5, 0.51, 0.52], [0.9, 0.99, 0.95, 0.91])]
    for n, m, spread in ((5, 5, 0.01), (10, 3, 0.2), (8, 9, 1e-6)):
        cases.append((np.round(rng.normal(0.7, 0.02, n), 4), np.round(rng.normal(0.69, spread, m), 8)))
    for first, second in cases:
        for level in (0.8, 0.95, 0.99):
            found = stats.ttest_ind(first, second, equal_var=False)
            interval = found.confidence_interval(level)
            yield {
                "first": list(first),
                "second": list(second),
                "level": level,
                "lower": float(interval.low),
                "upper": float(interval.high),
                "p": float(found.pvalue),
            }


def matrices():
    return [matrix(1, 3, 0.7, 1), matrix(4, 3, 0.6, 2), matrix(6, 5, 0.8, 3), matrix(5, 10, 0.9, 4)]


def aggregates():
    for scores in matrices():
        values = {name: float(of(scores.T)) for name, of in AGGREGATES.items()}
        yield {"scores": scores.tolist(), "values": values}


def bootstraps():
    for scores in matrices()[1:]:
        for name, of in AGGREGATES.items():
            drawn = library.StratifiedBootstrap(scores.T, random_state=np.random.RandomState(7))
            replicates = drawn.apply(lambda x, of=of: np.array([of(x)]), REFERENCE_DRAWS)[:, 0]
            yield {"scores": scores.tolist(), "aggregate": name, **brackets(replicates, 0.95)}


def improvements():
    cases = [(matrix(4, 3, 0.6, 5), matrix(4, 3, 0.6, 6)), (matrix(6, 5, 0.8, 7), matrix(6, 5, 0.8, 8))]
    # Rounded to tenths, there are ties.
    cases += [(np.round(matrix(5, 8, 0.7, 9), 1), np.round(matrix(5, 6, 0.7, 10), 1))]
    for first, second in cases:
        drawn = library.StratifiedIndependentBootstrap(first.T, second.T, random_state=np.random.RandomState(7))
        of = lambda x, y: np.array([metrics.probability_of_improvement(x, y)])
        # Its Mann–Whitney test is slow.
        replicates = drawn.apply(of, REFERENCE_DRAWS // 10)[:, 0]
        yield {
            "first": first.tolist(),
            "second": second.tolist(),
            "probability": float(metrics.probability_of_improvement(first.T, second.T)),
            **brackets(replicates, 0.9),
        }


def profiles():
    thresholds = [0.0, 0.5, 0.7, 0.75, 0.8, 0.9, 1.0, 2.0]
    for scores in matrices():
        shares = [float(library.run_score_deviation(scores.T, threshold)) for threshold in thresholds]
        yield {"scores": scores.tolist(), "thresholds": thresholds, "shares": shares}


def permutations(kind, cases):
    def difference(x, y, axis):
        return np.mean(x, axis=axis) - np.mean(y, axis=axis)

    for first, second in cases:
        p_values = {
            alternative: float(
                stats.permutation_test(
                    (first, second),
                    difference,
                    permutation_type=kind,
                    vectorized=True,
                    n_resamples=np.inf,
                    batch=100_000,
                    alternative=alternative,
                ).pvalue
            )
            for alternative in ("greater", "less", "two-sided")
        }
        yield {"first": list(first), "second": list(second), "p": p_values}


def two_samples():
    rng = np.random.default_rng(11)
    round_values = lambda centre, n, digits=4: np.round(rng.normal(centre, 0.05, n), digits)
    cases = [([0.91, 0.93, 0.92], [0.89, 0.9, 0.88]), ([0.91, 0.89, 0.92], [0.89, 0.9, 0.91])]
    cases += [(round_values(0.7, 5), round_values(0.65, 5)), (round_values(0.7, 4), round_values(0.66, 7))]
    cases += [(round_values(0.7, 8, 2), round_values(0.68, 3, 2)), (round_values(0.7, 9), round_values(0.66, 9))]
    return permutations("independent", cases)


def pairs():
    rng = np.random.default_rng(12)
    cases = [([0.91, 0.93, 0.92], [0.89, 0.9, 0.91])]
    for n, digits in ((5, 4), (8, 2), (12, 3)):
        first = np.round(rng.normal(0.7, 0.05, n), digits)
        cases.append((first, np.round(first - rng.normal(0.02, 0.04, n), digits)))
    return permutations("samples", cases)


def wilson():
    for correct, samples in ((0, 10), (10, 10), (1, 3), (98, 100), (6123, 10_000), (199_999, 200_000)):
        for level in (0.9, 0.95, 0.99):
            found = stats.binomtest(correct, samples).proportion_ci(level, method="wilson")
            yield {"correct": correct, "samples": samples, "level": level, "lower": found.low, "upper": found.high}


def mcnemars():
    counts = ((0, 1), (1, 0), (5, 5), (3, 12), (25, 14), (130, 171), (1010, 1098), (10_400, 10_100), (50_500, 49_900))
    for only_first, only_second in counts:
        exact = mcnemar([[10, only_first], [only_second, 5]], exact=True).pvalue
        fair = stats.binom(only_first + only_second, 0.5)
        as_likely = fair.pmf(only_first)
        mid = 1 - as_likely / 2 if only_first == only_second else exact - as_likely
        yield {"only_first": only_first, "only_second": only_second, "exact": float(exact), "mid": float(mid)}


def paired_bootstraps():
    rng = np.random.default_rng(13)
    for samples, right, agree in ((60, 0.8, 0.7), (400, 0.9, 0.9)):
        first = (rng.random(samples) < right).astype(int)
        second = np.where(rng.random(samples) < agree, first, (rng.random(samples) < right - 0.1).astype(int))
        found = stats.bootstrap(
            (first, second),
            lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
            paired=True,
            vectorized=True,
            n_resamples=REFERENCE_DRAWS,
            batch=5000,
            method="percentile",
            random_state=7,
        )
        digits = lambda outcomes: "".join(map(str, outcomes))
        yield {"first": digits(first), "second": digits(second), **brackets(found.bootstrap_distribution, 0.95)}


def holms():
    for p_values in ([0.01, 0.04, 0.03, 0.005], [0.05, 0.05, 0.9, 0.0, 1.0], [0.2], [1 / 20] * 6):
        yield {"p_values": p_values, "corrected": multipletests(p_values, method="holm")[1].tolist()}


def signed_ranks():
    rng = np.random.default_rng(14)
    for tasks, shift, rope in ((3, 0.02, 0.01), (6, 0.01, 0.01), (6, 0.02, 0.0), (12, 0.01, 0.02)):
        second = np.round(rng.uniform(0.4, 0.9, tasks), 4)
        first = np.round(second + rng.normal(shift, 0.03, tasks), 4)
        # Its left is the first: it judges `y - x`, and the higher score of `x` is to the left.
        sample = baycomp.SignedRankTest.sample(first, second, rope, nsamples=REFERENCE_DRAWS, random_state=7)
        left, rope_share, right = baycomp.multiple.Posterior(sample).probs()
        yield {
            "first": first.tolist(),
            "second": second.tolist(),
            "rope": rope,
            "draws": REFERENCE_DRAWS,
            "p": [float(left), float(rope_share), float(right)],
        }


def main():
    libraries = ("rliable", "arch", "scipy", "statsmodels", "baycomp", "numpy")
    reference = {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
        "draws": DRAWS,
        "t_interval": t_intervals(),
        "mean_difference": mean_differences(),
        "aggregate": aggregates(),
        "bootstrap": bootstraps(),
        "improvement": improvements(),
        "profile": profiles(),
        "permutation": two_samples(),
        "sign_flip": pairs(),
        "wilson": wilson(),
        "mcnemar": mcnemars(),
        "paired_bootstrap": paired_bootstraps(),
        "holm": holms(),
        "signed_rank": signed_ranks(),
    }
    print("{")
    for place, (name, value) in enumerate(reference.items()):
        end = "," if place + 1 < len(reference) else ""
        plain = lambda value: value.item()
        if isinstance(value, (dict, int)):
            print(f' "{name}": {json.dumps(value)}{end}')
            continue
        cases = ",\n".join(f"  {json.dumps(case, default=plain)}" for case in value)
        print(f' "{name}": [\n{cases}\n ]{end}')
        print(name, file=sys.stderr)
    print("}")


if __name__ == "__main__":
    main()
