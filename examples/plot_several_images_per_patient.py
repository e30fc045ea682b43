"""
Patients with several images
============================

Eight images of one patient resemble each other whatever the scanner. If a test treats
them as eight independent images, the patients of one scanner differ from those of the
other by chance, and the test takes that for an effect. How often is it wrong, and what
does ``groups`` change?
"""

# %%
# Studies without any effect
# --------------------------
# 80 patients with 8 images each. The scanner leaves no trace in the embeddings, and the
# head does not use it: every alarm is a false one. Utilization is tested from the
# head's outputs alone, at a level of 5 %, with rows permuted and with patients
# permuted.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from sklearn_wsca.datasets import make_shortcut

N_STUDIES = 100


def draw_study(seed, **parameters):
    """Images of 80 patients, 8 of each."""
    return make_shortcut(
        640,
        32,
        n_levels=2,
        rows_per_group=8,
        group_effect=1.0,
        random_state=seed,
        **parameters,
    )


def test_study(study, groups):
    """p-value and interval of the utilization of the scanner."""
    coef, intercept = study.head
    return utilization_test(
        study.data @ coef.T + intercept,
        study.metadata["scanner"],
        target=study.metadata["target"],
        groups=groups,
        n_permutations=99,
        random_state=0,
    )


pvalues = {"rows permuted": [], "patients permuted": []}
for seed in range(N_STUDIES):
    study = draw_study(seed, encoding=0.0)
    for name, groups in zip(pvalues, (None, study.metadata["patient"]), strict=True):
        pvalues[name].append(test_study(study, groups).pvalue)
pvalues = pd.DataFrame(pvalues)
print((pvalues <= 0.05).mean().map("{:.0%} false alarms".format).to_string())

# %%
# p-values of studies without effect should be spread evenly: a share of 5 % below 0.05,
# of half below 0.5. Those of permuted patients are, up to chance; those of permuted
# rows crowd at the left.
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for ax, (name, values) in zip(axes, pvalues.items(), strict=True):
    colours = ["#d55e00"] + ["#b0b0b0"] * 19
    # A p-value of exactly 0.05 is an alarm: bins hold their right edge.
    bins = pd.cut(values, np.linspace(0, 1, 21).round(2))
    counts = bins.value_counts(sort=False)
    left = counts.index.categories.left
    ax.bar(left, counts, width=0.05, align="edge", color=colours, edgecolor="white")
    ax.axhline(N_STUDIES / 20, color="black", linestyle="--", linewidth=1)
    ax.set_title(f"{name}: {np.mean(values <= 0.05):.0%} false alarms", fontsize=10)
    ax.set_xlabel("p-value")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel(f"studies (of {N_STUDIES})")
_ = axes[0].text(0.98, N_STUDIES / 20 + 0.8, "expected", ha="right", fontsize=8)

# %%
# The whole table
# ---------------
# One study in which the scanner leaves no trace, and one in which it is used.
# ``groups`` names the column of patients: their images stay in one fold of the probe,
# patients are permuted instead of images, and intervals are wider. Without it ``fit``
# warns, because rows share a value of ``patient``.
warnings.filterwarnings("ignore", "groups: .* rows share 80 values of 'patient'")
shown = ["encoding_score", "encoding_pvalue", "utilization"]
shown += ["utilization_low", "utilization_high", "utilization_pvalue", "verdict"]
tables = {}
for name, parameters in {
    "not encoded": {"encoding": 0.0},
    "used": {"encoding": 2.0, "use": 0.6},
}.items():
    study = draw_study(0, **parameters)
    for groups in (None, "patient"):
        analysis = WeightSpaceCorrelation(
            "target",
            target_head=study.head,
            columns=["scanner"],
            groups=groups,
            n_permutations=199,
            random_state=0,
            n_jobs=-1,
        ).fit(study.data, study.metadata)
        tables[name, f"groups={groups!r}"] = analysis.summary_.loc["scanner", shown]
    print(f"{name}: true utilization {study.true_utilization['scanner']:.2f}")
print(pd.DataFrame(tables).T.infer_objects().round(3).T.to_string())

# %%
# Without ``groups`` the scanner seems to be encoded although it is not: the probe meets
# other images of the same patients in its training folds, and recognises the patients.
# The intervals are too narrow as well. With ``groups`` the used scanner is still found.
# The note says what was permuted, and how many units there are: 80, not 640.
print(analysis.summary_.loc["scanner", "note"])
