"""
What two columns do together
============================

Does a network use scanner or site, or something that only both together tell? An
interaction is the part of the joint effect that is beyond what each column does alone.
"""

# %%
# Embeddings of 600 images from two scanners, and a site that has nothing to do with
# them. The network is given an exclusive-or: images of scanner A in the north and of
# scanner B in the south read higher than the others.
import numpy as np

from sklearn_wsca import UtilizationDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

study = make_shortcut(600, 32, n_levels=2, encoding=2.0, random_state=0)
table = study.metadata.assign(site=np.tile(["north", "south"], 300))
coef, intercept = study.head
together = (table["scanner"] == "scanner A") == (table["site"] == "north")
X = study.data + np.outer(np.where(together, 0.4, -0.4), coef[0]) / np.sum(coef**2)

# %%
# Each pair of ``interactions`` is a row of the table. Here the combined levels are
# asked for as well: they hold what each column does alone, too.
analysis = WeightSpaceCorrelation(
    "target",
    target_head=study.head,
    held_out=True,
    columns=["scanner", "site", "age", ("scanner", "site")],
    interactions=[("scanner", "site"), ("age", "scanner")],
    n_permutations=499,
    random_state=0,
).fit(X, table)
shown = ["kind", "utilization", "utilization_low", "utilization_high", "verdict"]
print(analysis.summary_[shown].round(2).to_string())

# %%
# Neither scanner nor site moves the output alone.
UtilizationDisplay.from_estimator(analysis)

# %%
# Which combinations read higher, beyond what scanner and site do alone:
effects = analysis.effects_.loc["scanner x site"].xs("all", level="target_class")
print(effects[["n_rows", "effect", "low", "high"]].round(2).to_string())

# %%
# The note says what was held fixed and permuted, and why there is no encoding.
print(analysis.summary_.loc["scanner x site", "note"])
