"""Tables of the experiment, as Markdown."""

import numpy as np
import pandas as pd

from benchmarks.shortcut.measures import (
    LEVEL,
    MARGIN,
    PUBLISHED,
    USED,
    UTILIZATION,
    Results,
)

# True shifts below the first come from networks that do not use the scanner, apart from
# noise; above the second it is used beyond doubt.
AT_NOISE_LEVEL, ABOVE_NOISE = 0.035, 0.05
VERDICTS = ("used", "not used", "not encoded", "inconclusive", "untestable")
FEWEST_FOR_RANKS = 3


def spearman(results: Results, name: str, truth: str = "shift") -> float:
    """Rank correlation of a measure with the true use, where it gives an answer."""
    value = results.values[name].dropna()
    if len(value) < FEWEST_FOR_RANKS:
        return np.nan
    return value.corr(results.networks.loc[value.index, truth], method="spearman")


def above_noise(results: Results) -> Results:
    """Results of the networks that use the scanner."""
    return results.take(results.networks["shift"] > ABOVE_NOISE)


def at_noise_level(results: Results) -> Results:
    """Results of the networks that do not use it."""
    return results.take(results.networks["shift"] < AT_NOISE_LEVEL)


def far_above_margin(results: Results) -> Results:
    """Results of the networks whose true use is more than twice the margin."""
    return results.take(results.networks["shift"] > 2 * MARGIN)


def measures_table(results: Results) -> pd.DataFrame:
    """Every measure beside the truth: ranks, false alarms, detections."""
    is_multi_task = results.networks["tasks"] == "multi-task"
    rows = {
        name: {
            "networks": int(results.alarms[name].notna().sum()),
            "all": spearman(results, name),
            "fine-tuned": spearman(results.take(~is_multi_task), name),
            "multi-task": spearman(results.take(is_multi_task), name),
            "above noise": spearman(above_noise(results), name),
            "total variation": spearman(results, name, "total_variation"),
            "false alarms": count_alarms(at_noise_level(results), name),
            f"found > {ABOVE_NOISE}": count_alarms(above_noise(results), name),
            f"found > {2 * MARGIN}": count_alarms(far_above_margin(results), name),
        }
        for name in results.values
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def count_alarms(results: Results, name: str) -> str:
    """Alarms of a measure among the networks on which it gives an answer."""
    alarms = results.alarms[name].dropna()
    return f"{alarms.sum():.0f} of {len(alarms)}" if len(alarms) else "-"


def confusion_table(results: Results) -> pd.DataFrame:
    """Verdicts by true use."""
    edges = [-np.inf, AT_NOISE_LEVEL, MARGIN, 2 * MARGIN, np.inf]
    labels = [
        f"below {AT_NOISE_LEVEL} (noise)",
        f"{AT_NOISE_LEVEL} to {MARGIN} (margin)",
        f"{MARGIN} to {2 * MARGIN}",
        f"above {2 * MARGIN}",
    ]
    use = pd.cut(results.networks["shift"], edges, labels=labels)
    verdict = pd.Categorical(results.networks["verdict"], categories=VERDICTS)
    table = pd.crosstab(use, verdict, dropna=False)
    return table.rename_axis("true shift").rename_axis(None, axis="columns")


def coverage_table(results: Results) -> pd.DataFrame:
    """Networks whose interval holds the truth, by definition of the truth."""
    networks = results.networks
    rows = {
        meaning: {
            "in interval": int(
                networks[truth].between(networks["low"], networks["high"]).sum()
            ),
            "networks": len(networks),
            "Spearman": spearman(results, UTILIZATION, truth),
        }
        for meaning, truth in {
            "shift of every image": "shift",
            "shift of the mean of every class": "class_shift",
        }.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("truth")


def composition_table(results: Results) -> pd.DataFrame:
    """Means over seeds by composition of the training set."""
    networks = results.networks
    columns = pd.DataFrame(
        {
            "true shift": networks["shift"],
            "total variation": networks["total_variation"],
            PUBLISHED: results.values[PUBLISHED],
            "its alarms": results.alarms[PUBLISHED],
            UTILIZATION: results.values[UTILIZATION],
            USED: results.alarms[USED],
        }
    )
    by = ["sampling", "tasks"]
    return columns.groupby([networks[name] for name in by], sort=False).mean()


def goals_table(results: Results) -> pd.DataFrame:
    """What the experiment was meant to reach, and what it did."""
    noise, large = at_noise_level(results), far_above_margin(results)
    rank, rank_above_noise = (
        spearman(part, UTILIZATION) for part in (results, above_noise(results))
    )
    n_missed = int((large.networks["verdict"] == "not used").sum())
    rows = [
        ("Spearman of utilization, all", ">= 0.95", rank, rank >= 0.95),
        ("the same above noise", ">= 0.97", rank_above_noise, rank_above_noise >= 0.97),
        (
            f"{USED} at noise level",
            "<= 5 %",
            count_alarms(noise, USED),
            noise.alarms[USED].mean() <= LEVEL,
        ),
        (
            f"verdict `not used` above {2 * MARGIN}",
            "none",
            f"{n_missed} of {len(large.networks)}",
            n_missed == 0,
        ),
    ]
    table = pd.DataFrame(rows, columns=["goal", "aim", "reached", "met"])
    met = table["met"].map({True: "yes", False: "NO"})
    # Quick runs have too few networks above noise to rank them.
    table["met"] = met.where(table["reached"].notna(), "-")
    return table.set_index("goal")
