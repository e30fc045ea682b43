"""
Which features use the scanner, and where do they look?
=======================================================

A network that tells small digits from large ones was trained on biased data: images of
scanner B carry a mark in a corner, and B recorded most of the large digits. Integrated
Feature Analysis asks which features carry the decision, which of them shift between
scanners, and where in the image they act.
"""

# %%
# Digits by two scanners; those of scanner B have a bright mark in their top left
# corner. The reader of an image changes nothing in it.
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_wsca import (
    ActivationMapDisplay,
    ConsistencyDisplay,
    FeatureImportanceDisplay,
    IntegratedFeatureAnalysis,
    WeightSpaceCorrelation,
)
from sklearn_wsca.torch import extract_feature_maps, head_from_module

generator = np.random.default_rng(0)
source = load_digits()
order = generator.permutation(len(source.target))


def record(numbers, share_of_b):
    """Images (n, 1, height, width) and their table."""
    pixels = np.pad(source.images[numbers] / 16.0, ((0, 0), (3, 3), (3, 3)))
    pixels += generator.normal(0.0, 0.1, pixels.shape)
    is_large = source.target[numbers] >= 5
    by_b = generator.random(len(numbers)) < np.where(
        is_large, share_of_b, 1.0 - share_of_b
    )
    pixels[by_b, :2, :2] += 1.0
    table = pd.DataFrame(
        {
            "digit": np.where(is_large, "5 to 9", "0 to 4"),
            "scanner": np.where(by_b, "B", "A"),
            "reader": generator.choice(["R", "S"], len(numbers)),
        }
    )
    return torch.from_numpy(pixels[:, None].astype(np.float32)), table


train_images, train_table = record(order[:900], share_of_b=0.9)
images, table = record(order[900:], share_of_b=0.5)

# %%
# A small network: three convolutions, average pooling and a linear head.
torch.manual_seed(0)
torch.set_num_threads(1)  # sums of several threads differ in the last digit
layers = []
for n_inputs in (1, 16, 16):
    convolution = nn.Conv2d(n_inputs, 16, 3, padding=1, bias=False)
    layers += [convolution, nn.BatchNorm2d(16), nn.ReLU()]
network = nn.Sequential(
    *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)
)
labels = torch.tensor((train_table["digit"] == "5 to 9").tolist()).long()
optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
for _ in range(16):
    for batch in torch.randperm(len(labels)).split(64):
        optimizer.zero_grad()
        outputs = network(train_images[batch])
        nn.functional.cross_entropy(outputs, labels[batch]).backward()
        optimizer.step()

# %%
# All that is needed from it are the maps in front of the pooling and the head. The
# images are others than those of the training, and each scanner recorded half of them.
maps = extract_feature_maps(network, images.split(64))
head = head_from_module(network, classes=["0 to 4", "5 to 9"])
pooled = maps.mean(axis=(2, 3))
predicted = np.array(head.classes)[head.outputs(pooled).argmax(axis=1)]
correct = pd.Series(predicted == table["digit"])
print("maps:", maps.shape)
print(correct.groupby([table["digit"], table["scanner"]]).mean().unstack().round(2))

# %%
# The mark makes the network say "5 to 9": most small digits of scanner B are wrong.
#
# What features contribute
# ------------------------
# The contribution of a feature to a class is its weight times the mean of its map;
# contributions add up to the score. Shown is their mean over correctly classified
# images of each class. The analysis is fitted on half of the images.
fitted = np.arange(len(maps)) < 450
analysis = IntegratedFeatureAnalysis(head, target="digit", random_state=0)
analysis.fit(maps[fitted], table[fitted])
display = FeatureImportanceDisplay.from_estimator(analysis, kind="importance")

# %%
# Do the maps explain the decision at all? The mean of an activation map and the score
# of its class must agree. Behind average pooling and a linear head they do by
# construction; for other networks pass the outputs of the network itself.
display = ConsistencyDisplay.from_estimator(analysis, maps[fitted])

# %%
# How many features of each class are enough? Those that are left out of its score count
# with their mean.
display = FeatureImportanceDisplay.from_estimator(analysis, kind="curve")

# %%
# The accuracy needs nearly all of them, because every one that is left out shifts the
# balance of the two classes. The order of the images (AUROC) is nearly as good with one
# feature, but look at the dashed lines: random features do as well. The features say
# much the same, and the ranking gains nothing here.
#
# Which features shift between scanners?
# --------------------------------------
# ``compare`` looks at images of the same class: between the images of the fit and new
# ones ("split"), and between the levels of every column.
shifts = analysis.compare(maps[~fitted], table[~fitted])
is_shifted = shifts["pvalue_fwer"] <= 0.05
print(is_shifted.groupby(level=0, sort=False).agg(["sum", "size"]))
print(shifts.loc["scanner"][["smd", "ks", "pvalue_fwer"]].round(3))

# %%
# Every feature differs between the scanners, none between the readers or between the
# halves. Eight of them are larger by about two standard deviations on scanner B.
#
# Which features does the use of the scanner consist of?
# ------------------------------------------------------
# A shift matters as far as the head reads it. ``utilization_by_feature`` shares out the
# utilization of a column over the features.
use = WeightSpaceCorrelation(
    "digit",
    target_head=head,
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(pooled, table)
print(use.summary_[["utilization", "probability_shift", "verdict"]].round(2))
shares = use.utilization_by_feature(pooled, table, "scanner")["share"]
label = "share of the utilization of the scanner"
table_of_shares = shares.to_frame("scanner").T.rename_axis("column")
display = FeatureImportanceDisplay(table_of_shares, label=label).plot()
display.ax_.set_title("What the use of the scanner consists of", loc="left")

# %%
# Where do they look?
# -------------------
# The eight features that grow most with scanner B, all of which speak for "5 to 9",
# carry three quarters of it. The features that make up half of the utilization, drawn
# over the images. All maps have one scale, taken from all images of the fit, so colours
# can be compared.
shares = shares.sort_values(ascending=False)
users = shares.index[: (shares.cumsum() < 0.5).sum() + 1]
of_a, of_b = (np.flatnonzero(table["scanner"] == scanner)[:4] for scanner in "AB")
chosen = np.r_[of_a, of_b]
shown = {
    "images": images[chosen, 0].numpy(),
    "target": "5 to 9",
    "titles": [f"scanner {scanner}" for scanner in table["scanner"].iloc[chosen]],
    "columns": 4,
}
display = ActivationMapDisplay.from_estimator(
    analysis, maps[chosen], features=users, **shown
)

# %%
# On scanner B they are active in the corner with the mark, on scanner A in no corner.
# The maps of all features show the same among all else:
display = ActivationMapDisplay.from_estimator(analysis, maps[chosen], **shown)
