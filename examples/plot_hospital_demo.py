"""
Heart disease in four hospitals
===============================

A small network predicts heart disease from eight measurements; the hospital is not
among them. Its embeddings encode the hospital all the same. Does its decision use it?
"""

# %%
# The shipped data hold the network's last hidden layer for 920 patients, its trained
# head, and a metadata table.
import numpy as np

from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

heart = load_heart_hospitals()
analysis = WeightSpaceCorrelation(
    "disease", target_head=heart.head, n_permutations=199, random_state=0
).fit(heart.data, heart.metadata)
numbers = analysis.summary_.drop(columns=["verdict", "note"])
print(numbers.round(3).T.to_string())

# %%
# All heads against all heads. Rows of one task are bounded by black lines; the first
# row is the network's own head.
display = AlignmentDisplay.from_estimator(analysis)
display.ax_.set_title("Alignment of the disease head and three metadata heads")

# %%
# Alignment is not use. What the verdicts rest on is utilization: how far the network's
# output moves with a column among patients of equal disease status.
for name, note in analysis.summary_["note"].items():
    print(f"{name}: {analysis.verdicts_[name]}. {note}")

# %%
# The recommended use: fit on some patients, audit others.
half = np.random.default_rng(0).permutation(len(heart.data)) < len(heart.data) // 2
analysis.fit(heart.data[half], heart.metadata[half])
audited = analysis.audit(heart.data[~half], heart.metadata[~half])
print(audited[["utilization", "utilization_low", "utilization_high", "verdict"]])
