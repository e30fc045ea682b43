"""
Heart disease in four hospitals
===============================

A small network predicts heart disease from eight measurements; the hospital is not
among them. Its embeddings encode the hospital all the same. Does its decision align
with it?
"""

# %%
# The shipped data hold the network's last hidden layer for 920 patients, its trained
# head, and a metadata table.
from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

heart = load_heart_hospitals()
analysis = WeightSpaceCorrelation(
    "disease", target_head=heart.head, n_permutations=199, random_state=0
).fit(heart.data, heart.metadata)
print(analysis.summary_.drop(columns="note").round(3).to_string())

# %%
# All heads against all heads. Rows of one task are bounded by black lines; the first
# row is the network's own head.
display = AlignmentDisplay.from_estimator(analysis)
display.ax_.set_title("Alignment of the disease head and three metadata heads")

# %%
# Hospital and disease are associated in these patients. With heads that are fitted
# after weighting the patients so that disease is equally frequent in every hospital,
# the alignment can no longer come from that association.
adjusted = WeightSpaceCorrelation(
    "disease",
    target_head=heart.head,
    adjust_for_target=True,
    n_permutations=199,
    random_state=0,
).fit(heart.data, heart.metadata)
columns = ["target_association", "alignment_score", "alignment_pvalue"]
print(adjusted.summary_[columns].round(3).to_string())
