"""
A head without learnt weights
=============================

Some networks end in a map of scores that is averaged: there is no last layer whose
weights were learnt. In the paper it is SA-SonoNet, which predicts preterm birth from a
map of 14 x 18 positions. Its head is the same for every such network: a vector of 252
ones. What can be said about its use of the scanner?
"""

# %%
# Maps of three scanners
# ----------------------
# Simulated maps: smooth noise, and a spot that is brighter in the ill. Two columns
# change every pixel by the same amount. The gain of the scanner makes the whole map
# brighter; the side from which the probe was held makes one half brighter and the other
# darker.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from sklearn_wsca import UtilizationDisplay, WeightSpaceCorrelation

HEIGHT, WIDTH, N_PATIENTS = 14, 18, 600
rng = np.random.default_rng(0)
metadata = pd.DataFrame(
    {
        "birth": rng.choice(["preterm", "term"], N_PATIENTS),
        "gain": rng.choice(["high", "low"], N_PATIENTS),
        "side": rng.choice(["left", "right"], N_PATIENTS),
    }
)
noise = rng.standard_normal((N_PATIENTS, HEIGHT, WIDTH))
maps = 2.0 * gaussian_filter(noise, sigma=(0, 2, 2)) + 0.3
rows, columns = np.mgrid[:HEIGHT, :WIDTH]
spot = np.exp(-((rows - 8) ** 2 + (columns - 6) ** 2) / 8.0)
brighter = np.full((HEIGHT, WIDTH), 0.15)
halves = np.where(columns < WIDTH / 2, 0.15, -0.15)
for column, level, pattern in [
    ("birth", "preterm", spot),
    ("gain", "high", brighter),
    ("side", "left", halves),
]:
    maps += np.where(metadata[column] == level, 0.5, -0.5)[:, None, None] * pattern

figure, axes = plt.subplots(1, 4, figsize=(9, 2), layout="constrained")
for ax, (name, picture) in zip(
    axes,
    {"one map": maps[0], "birth": spot, "gain": brighter, "side": halves}.items(),
    strict=True,
):
    image = ax.imshow(picture, cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_title(name, fontsize=10)
    ax.set_axis_off()
_ = figure.colorbar(image, ax=axes)

# %%
# The analysis
# ------------
# The maps, with their positions as features, are the embeddings. Any array can be the
# trained head; here it is a vector of ones. (The average divides by 252. That changes
# no number below, as all are in units of the output.) An average has no threshold and
# no sign that would make it a prediction of the birth, so it is not checked.
X = maps.reshape(N_PATIENTS, -1)
analysis = WeightSpaceCorrelation(
    "birth",
    target_head=np.ones(X.shape[1]),
    check_head=False,
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(X, metadata)
shown = ["encoding_score", "encoding_pvalue", "alignment_score", "alignment_pvalue"]
shown += ["utilization", "utilization_qvalue", "verdict"]
print(analysis.summary_[shown].round(3).T.to_string())

# %%
_ = UtilizationDisplay.from_estimator(analysis)

# %%
# Both columns are encoded, the side better than the gain. Only the gain is used: an
# average takes in what makes the whole map brighter, while bright and dark halves
# cancel. Alignment says the same here, because nothing links the columns with the
# birth. The cosine with the side's probe is near 0, as the weights of that probe sum up
# to nearly nothing:
weights = analysis.heads_["side"].coef.ravel()
print(f"sum {weights.sum():.2f}, sum of absolute values {np.abs(weights).sum():.2f}")

# %%
# So a network that ends in an average is blind to every metadata column that only moves
# brightness from one place to another, however well its maps encode it.
