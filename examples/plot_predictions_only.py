"""
Only predictions, no embeddings
===============================

Do a network's predictions move with the scanner when the diagnosis is held fixed?
Nothing but its logits or probabilities, and a table, is needed to ask. What goes
missing without embeddings is whether a column is encoded, and with it the verdict *not
encoded*.
"""

# %%
# Logits of a network for 1600 images of 200 patients whom it was not trained on. Half
# of the scanners are determined by the diagnosis, and the network uses the scanner.
# Room and nurse have nothing to do with the images.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import softmax
from scipy.stats import false_discovery_control

from sklearn_wsca import utilization_test
from sklearn_wsca.datasets import make_shortcut

study = make_shortcut(
    1600,
    n_classes=3,
    encoding=3.0,
    use=0.4,
    association=0.5,
    rows_per_group=8,
    group_effect=1.0,
    random_state=0,
)
coef, intercept = study.head
logits = study.data @ coef.T + intercept
table = study.metadata.rename(columns={"target": "diagnosis"})
patient_number = pd.factorize(table["patient"])[0]
generator = np.random.default_rng(0)
for name in ("room", "nurse"):
    table[name] = generator.integers(1, 5, size=200)[patient_number].astype(str)
print(table.head(3).to_string())

# %%
# One column
# ----------
# ``utilization_test`` holds the target fixed and permutes the column. ``scheme`` says
# what was permuted: here whole patients, among patients with the same diagnosis.
held_fixed = {"target": table["diagnosis"], "groups": table["patient"]}
result = utilization_test(logits, table["scanner"], **held_fixed, random_state=0)
print(
    f"utilization {result.utilization:.2f} ({result.low:.2f} to {result.high:.2f}), "
    f"true value {study.true_utilization['scanner']:.2f}\n"
    f"p = {result.pvalue}, {result.n_units} units, permuted: {result.scheme}\n"
    f"found in 80 % of samples of this size: {result.minimum_detectable_effect:.2f}"
)

# %%
# Without the target
# ------------------
# With ``target=None`` nothing is held fixed. A network that sees nothing of the scanner
# then seems to use it, only because the diagnoses differ between scanners.
blind = make_shortcut(1200, n_classes=3, use=0.0, association=0.5, random_state=0)
scores = blind.data @ blind.head[0].T
for words, target in {"held fixed": blind.target, "not held fixed": None}.items():
    found = utilization_test(
        scores, blind.metadata["scanner"], target=target, random_state=0
    )
    print(f"target {words}: utilization {found.utilization:.2f}, p = {found.pvalue}")

# %%
# Probabilities
# -------------
# Probabilities do as well, and give the shift in percentage points: the largest
# difference of a predicted probability between two scanners at equal diagnosis.
# Utilization differs a little, because a softmax bends the scale. A single score per
# image, such as a risk, is passed as a 1-D array.
probabilities = softmax(logits, axis=1)
found = utilization_test(probabilities, table["scanner"], **held_fixed, random_state=0)
print(
    f"utilization {found.utilization:.2f}, "
    f"shift {found.probability_shift:.0f} percentage points"
)

# %%
# Many columns
# ------------
# In a loop every column has its own p-value, and several of them need a correction, for
# instance that of Benjamini and Hochberg:
columns = ["scanner", "age", "batch", "room", "nurse"]
pvalues = [
    utilization_test(logits, table[name], **held_fixed, random_state=0).pvalue
    for name in columns
]
qvalues = false_discovery_control(pvalues)

# %%
# A DataFrame does the loop and the correction in one call. All columns are permuted
# together, which also gives ``pvalue_fwer`` (max-T): the chance of *any* false alarm
# among the columns.
results = utilization_test(logits, table[columns], **held_fixed, random_state=0)
fields = ["utilization", "low", "high", "pvalue", "qvalue", "pvalue_fwer"]
compared = pd.DataFrame(
    {
        name: [getattr(result, field) for field in fields]
        for name, result in results.items()
    },
    index=fields,
).T
print(compared.round(3).to_string())
print("q-values of the loop are the same:", np.allclose(qvalues, compared["qvalue"]))

# %%
# Only the scanner is found. For the others a use of more than the upper end of the
# interval is excluded; whether that is small enough is yours to say.
#
# Several images of one patient
# -----------------------------
# Images of one patient resemble each other. Without ``groups`` each of them counts as
# evidence of its own, and columns that are constant in a patient seem to matter:
naive = utilization_test(
    logits, table[columns], target=table["diagnosis"], random_state=0
)
_, ax = plt.subplots(figsize=(7.0, 3.2), layout="constrained")
for shift, words, found in (
    (-0.15, "patients are permuted", results),
    (0.15, "images are permuted (wrong)", naive),
):
    low, middle, high = (
        np.array([getattr(result, field) for result in found.values()])
        for field in ("low", "utilization", "high")
    )
    heights = np.arange(len(columns)) + shift
    reach = [middle - low, high - middle]
    drawn = ax.errorbar(middle, heights, xerr=reach, fmt="o", label=words)
    for height, result in zip(heights, found.values(), strict=True):
        ax.annotate(
            f"p = {result.pvalue:.3f}",
            (1.02, height),
            xycoords=("axes fraction", "data"),
            color=drawn.lines[0].get_color(),
            va="center",
        )
ax.set_yticks(range(len(columns)), columns)
ax.invert_yaxis()
ax.set(xlabel="utilization (standard deviations of the outputs)", xlim=(0.0, None))
ax.legend(frameon=False)

# %%
# Age, room and nurse get the smallest possible p-value when images are permuted, and
# none of them has anything to do with the images. ``batch`` differs between the images
# of a patient; it is permuted within patients, and needs no correction of that kind.
