"""
When patients differ between hospitals: confounders
===================================================

Among patients with the same diagnosis, one hospital may treat the older and the more
severely ill. A network that reads age and severity, and nothing else, then gives higher
scores in that hospital. Does it use the hospital?
"""

# %%
# A network that cannot see the hospital
# --------------------------------------
# Embeddings of 800 patients of two hospitals. They hold the diagnosis, the severity and
# the scanner, each along a direction of its own. The network's head reads diagnosis and
# severity. Severity differs between the hospitals.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_wsca import UtilizationDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

rng = np.random.default_rng(0)
n = 800
metadata = pd.DataFrame(
    {
        "disease": rng.choice(["absent", "present"], n),
        "hospital": rng.choice(["city", "rural"], n),
        "scanner": rng.choice(["old", "new"], n),
    }
)
is_city = metadata["hospital"] == "city"
metadata["severity"] = 5.0 + 2.0 * is_city + rng.normal(0.0, 1.5, n)
directions = np.linalg.qr(rng.standard_normal((40, 4)))[0].T
codes = np.column_stack(
    [
        2.0 * (metadata["disease"] == "present"),
        metadata["severity"] - 5.0,
        2.0 * (metadata["scanner"] == "new"),
    ]
)
offset = 3.0 * rng.standard_normal(40)
X = codes @ directions[:3] + rng.standard_normal((n, 40)) + offset
head = directions[0] + 0.5 * directions[1]
severity = metadata.groupby("hospital")["severity"]
print(severity.agg(["mean", "std"]).round(2).to_string())

# %%
# With and without the confounder
# -------------------------------
# ``confounders`` names what is held fixed besides the target. The dashed line is the
# margin of 0.1.
common = {"target": "disease", "target_head": head, "random_state": 0}
common |= {"columns": ["hospital", "scanner"], "n_permutations": 199}
plain = WeightSpaceCorrelation(**common).fit(X, metadata)
adjusted = WeightSpaceCorrelation(confounders=["severity"], **common).fit(X, metadata)

figure, axes = plt.subplots(2, 1, figsize=(7.5, 3.6), sharex=True, layout="constrained")
for ax, analysis in zip(axes, (plain, adjusted), strict=True):
    UtilizationDisplay.from_estimator(analysis, sort=False, ax=ax)
axes[0].set_title("disease held fixed", fontsize=9, loc="left")
axes[1].set_title("disease and severity held fixed", fontsize=9, loc="left")
_ = axes[0].set_xlabel("")

# %%
# The head never saw the hospital. Its output moves with it all the same as long as only
# the disease is held fixed, and stops when the severity is too. Which of the two
# answers is wanted is no question of statistics: if the hospital should make no
# difference for whatever reason, it is the first; if patients who are more ill should
# get higher scores, it is the second.
for held, analysis in {"disease": plain, "disease and severity": adjusted}.items():
    for column in ("hospital", "scanner"):
        row = analysis.summary_.loc[column]
        print(
            f"{column} at fixed {held}: {row['utilization']:.2f} "
            f"({row['utilization_low']:.2f} to {row['utilization_high']:.2f}), "
            f"{row['verdict']}"
        )

# %%
# A use that only shows in combinations
# -------------------------------------
# Now the old scanner of the rural hospital and the new one of the city have a filter
# switched on, and the head reads it. Neither scanner nor hospital moves the output by
# itself, as each has the filter in half of its images. A tuple of names is analysed as
# one column with the combined levels.
filtered = (metadata["scanner"] == "new") == is_city
X_filtered = X + 2.0 * np.outer(filtered, directions[3])
head_filtered = head + 0.5 * directions[3]
combined = WeightSpaceCorrelation(
    "disease",
    target_head=head_filtered,
    columns=["hospital", "scanner", ("hospital", "scanner")],
    confounders=["severity"],
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(X_filtered, metadata)
print(combined.summary_[["n_levels", "utilization", "verdict"]].round(2).to_string())

# %%
# Real patients
# -------------
# In the hospital data the network reads age and sex, which differ between hospitals.
# Holding them fixed shows how much of the use of the hospital they explain.
heart = load_heart_hospitals()
for confounders in (None, ["age", "sex"]):
    analysis = WeightSpaceCorrelation(
        "disease",
        target_head=heart.head,
        columns=["hospital"],
        confounders=confounders,
        n_permutations=199,
        random_state=0,
        n_jobs=-1,
    ).fit(heart.data, heart.metadata)
    row = analysis.summary_.loc["hospital"]
    print(
        f"confounders {confounders}: {row['utilization']:.2f} "
        f"({row['utilization_low']:.2f} to {row['utilization_high']:.2f}), "
        f"{row['verdict']}"
    )

# %%
# A part, but not all. What is left may be other measurements in which patients of equal
# status, age and sex differ between hospitals; to hold them fixed they must be in the
# table. A confounder that is missing in the data cannot be adjusted for.
