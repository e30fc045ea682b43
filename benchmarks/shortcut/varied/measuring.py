"""What the package says of exported networks, beside their true use."""

from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_wsca import WeightSpaceCorrelation

MARGIN = 0.1
NOISE = 0.05  # moves of class means below it are no use
DESCRIPTION = ("images", "architecture", "kind", "artefact", "blind", "performance")
TRUTHS = ("class_shift", "balanced_shift", "shift")


def measure_networks(directory: Path, n_permutations: int) -> pd.DataFrame:
    """One row per export of the directory, in the order of their names."""
    rows = [
        measure_network(load_network(path), n_permutations)
        for path in sorted(directory.glob("*.npz"))
    ]
    return pd.DataFrame(rows)


def load_network(path: Path) -> dict:
    """Export of one network."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def measure_network(network: dict, n_permutations: int) -> dict:
    """Kinds, truths, estimate, interval and verdict of one network."""
    analysis = analyse(network, n_permutations)
    # Releases before the class-balanced utilization have no such attribute.
    balanced = analysis.utilization_balanced_
    return {
        **{name: network[name].item() for name in DESCRIPTION + TRUTHS},
        "utilization": analysis.utilization_["scanner"],
        "balanced": balanced["scanner"],
        "low": analysis.utilization_ci_.loc["scanner", "low"],
        "high": analysis.utilization_ci_.loc["scanner", "high"],
        "p": analysis.utilization_pvalues_["scanner"],
        "verdict": analysis.verdicts_["scanner"],
    }


def analyse(network: dict, n_permutations: int) -> WeightSpaceCorrelation:
    """Analysis of the scanner by the package."""
    target = network["target"]
    is_class = np.issubdtype(target.dtype, np.integer)
    table = pd.DataFrame(
        {
            "target": target.astype(str) if is_class else target,
            "scanner": network["scanner"].astype(str),
        }
    )
    return WeightSpaceCorrelation(
        "target",
        target_head=(network["coef"], network["intercept"]),
        columns=["scanner"],
        n_permutations=n_permutations,
        min_effect=MARGIN,
        held_out=True,
        random_state=0,
    ).fit(network["embeddings"], table)


def make_tables(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables of the page, by title."""
    return {
        "Goals": goals_table(results),
        "Utilization and its interval by kind of target": kinds_table(results),
        "Verdicts by true move of class means": verdicts_table(results),
        "Spearman correlation of utilization with three truths": ranks_table(results),
        "Networks whose interval misses the truth": missed_table(results),
    }


def goals_table(results: pd.DataFrame) -> pd.DataFrame:
    """What the networks were to show, and what they do."""
    noise, large = (
        results[results["class_shift"] < NOISE],
        results[results["class_shift"] > 2 * MARGIN],
    )
    coverage = results.assign(covered=covers(results)).groupby("kind")["covered"]
    rank, rank_above = spearman(results), spearman(above_noise(results))
    n_used, n_missed = count(noise, "used"), count(large, "not used")
    rows = [
        ("networks at noise", "<= 30 %", f"{len(noise)} of {len(results)}"),
        ("Spearman, all", ">= 0.95", f"{rank:.3f}"),
        ("Spearman above noise", ">= 0.98", f"{rank_above:.3f}"),
        ("coverage, kind with the lowest", ">= 93 %", f"{coverage.mean().min():.0%}"),
        ("`used` at noise", "<= 5 %", f"{n_used} of {len(noise)}"),
        ("`not used` above 0.2", "none", f"{n_missed} of {len(large)}"),
    ]
    return pd.DataFrame(rows, columns=["goal", "aim", "reached"]).set_index("goal")


def kinds_table(results: pd.DataFrame) -> pd.DataFrame:
    """Coverage and ranks by kind of target, and of everything."""
    parts = dict(list(results.groupby("kind", sort=False)))
    rows = {
        name: {
            "networks": len(part),
            "at noise": int((part["class_shift"] < NOISE).sum()),
            "in interval": int(covers(part).sum()),
            "Spearman": spearman(part),
            "above noise": spearman(above_noise(part)),
            "mean of estimate - truth": float(
                (part["utilization"] - part["class_shift"]).mean()
            ),
        }
        for name, part in {**parts, "all": results}.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("target")


def verdicts_table(results: pd.DataFrame) -> pd.DataFrame:
    """Verdicts by the true move of class means."""
    edges = [-np.inf, NOISE, MARGIN, 2 * MARGIN, np.inf]
    labels = ["below 0.05 (noise)", "0.05 to 0.1", "0.1 to 0.2", "above 0.2"]
    use = pd.cut(results["class_shift"], edges, labels=labels)
    table = pd.crosstab(use, results["verdict"])
    return table.rename_axis("true move").rename_axis(None, axis="columns")


def ranks_table(results: pd.DataFrame) -> pd.DataFrame:
    """Pooled and class-balanced utilization beside every truth."""
    meanings = {
        "class means": "class_shift",
        "class means, every class alike": "balanced_shift",
        "single images": "shift",
    }
    rows = {
        meaning: {
            "utilization": spearman(results, truth=truth),
            "class-balanced": spearman(results, "balanced", truth),
        }
        for meaning, truth in meanings.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("truth")


def missed_table(results: pd.DataFrame) -> pd.DataFrame:
    """Networks whose interval does not hold the move of class means."""
    shown = [*DESCRIPTION, "class_shift", "utilization", "low", "high", "verdict"]
    return results.loc[~covers(results), shown].set_index("images")


def covers(results: pd.DataFrame) -> pd.Series:
    """Whether the interval holds the move of class means."""
    return results["class_shift"].between(results["low"], results["high"])


def above_noise(results: pd.DataFrame) -> pd.DataFrame:
    """Networks that use the scanner."""
    return results[results["class_shift"] > NOISE]


def count(results: pd.DataFrame, verdict: str) -> int:
    """Networks with a verdict."""
    return int((results["verdict"] == verdict).sum())


def spearman(
    results: pd.DataFrame, name: str = "utilization", truth: str = "class_shift"
) -> float:
    """Rank correlation of an estimate with a truth."""
    return results[name].corr(results[truth], method="spearman")
