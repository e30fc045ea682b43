"""
Three questions, three figures
==============================

Is the scanner in the embedding? Does the decision read the same directions as the
scanner? Do the outputs move with the scanner at a fixed class? Two heads stand on the
same simulated embeddings: one ignores the scanner, the other one uses it.
"""

# %%
# Seven tenths of the images of each class are assigned to "its" scanner: class and
# scanner are associated in the data. The heads are known, and so is what they use.
import matplotlib.pyplot as plt
import pandas as pd

from sklearn_wsca import NullDistributionDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

BLUE, ORANGE = "#0072b2", "#e69f00"
settings = {"n_levels": 2, "encoding": 1.5, "association": 0.7, "signal": 2.0}
studies = {
    "the head ignores the scanner": make_shortcut(use=0.0, random_state=0, **settings),
    "the head uses the scanner": make_shortcut(use=0.6, random_state=0, **settings),
}
data = studies["the head uses the scanner"].data
metadata = studies["the head uses the scanner"].metadata
train = metadata.index < 500

analyses = {}
for name, study in studies.items():
    analyses[name] = WeightSpaceCorrelation(
        "target",
        target_head=study.head,
        columns=["scanner"],
        n_permutations=499,
        random_state=0,
        n_jobs=-1,
    ).fit(data[train], metadata[train])
audits = {
    name: analysis.audit(data[~train], metadata[~train])
    for name, analysis in analyses.items()
}

# %%
# *Encoded?* The outputs of the scanner's probe on images that it was not fitted on. It
# tells the scanners apart: the scanner is in the embedding. This says nothing about any
# head, and it is the same for both.
probe = analyses["the head uses the scanner"]
columns = probe.get_feature_names_out().tolist()
outputs = probe.transform(data[~train])[:, columns.index("scanner=scanner B")]
scanner = metadata["scanner"][~train].to_numpy()
skill, pvalue = audits["the head uses the scanner"].loc[
    "scanner", ["encoding_score", "encoding_pvalue"]
]

figure, ax = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
for level, colour in (("scanner A", BLUE), ("scanner B", ORANGE)):
    ax.hist(outputs[scanner == level], bins=30, alpha=0.6, color=colour, label=level)
ax.set(
    xlabel="output of the probe on held-out images",
    ylabel="images",
    title=f"Encoded: held-out skill {skill:.2f}, p = {pvalue:.3f}",
)
ax.legend(frameon=False)

# %%
# *Aligned?* The cosine of the probe and each head, beside the cosines of probes of
# permuted scanners. The head that ignores the scanner is aligned too: class and scanner
# go together in the data, so the probe reads the class as well. Alignment is not use.
permutations = {name: a.null_distribution_["scanner"] for name, a in analyses.items()}
scores = {name: a.alignment_scores_["scanner"] for name, a in analyses.items()}
display = NullDistributionDisplay(
    pd.DataFrame(permutations),
    pd.Series(scores),
    x_label="alignment of the head with the scanner's probe",
    title="Aligned: both heads, more than probes of permuted scanners",
    subtitle="Grey: 499 permutations. Diamond: the data.",
).plot()

# %%
# *Used?* The outputs of each head by scanner, within each class. Under the head that
# ignores the scanner the boxes of a class stand at the same height; under the other one
# they are displaced. That displacement, in standard deviations of the outputs, is the
# utilization.
figure, axes = plt.subplots(1, 2, sharey=True, figsize=(8.0, 3.6), layout="constrained")
target = metadata["target"][~train].to_numpy()
cells = [(c, s) for c in ("class 0", "class 1") for s in ("scanner A", "scanner B")]
for ax, (name, study) in zip(axes, studies.items(), strict=True):
    coef, intercept = study.head
    logits = (data[~train] @ coef.T + intercept).ravel()
    parts = [logits[(target == c) & (scanner == s)] for c, s in cells]
    boxes = ax.boxplot(parts, widths=0.6, patch_artist=True, showfliers=False)
    for box, (_, level) in zip(boxes["boxes"], cells, strict=True):
        box.set(facecolor=BLUE if level == "scanner A" else ORANGE, alpha=0.6)
    ax.set_xticks(range(1, 5), [f"{c}\n{s}" for c, s in cells])
    found = audits[name].loc["scanner"]
    ax.set_title(f"{name}:\nutilization {found['utilization']:.2f}, {found['verdict']}")
axes[0].set_ylabel("output of the head")

# %%
# The verdicts with their reasons, from the held-out images.
for name, audit in audits.items():
    print(f"{name}: {audit.loc['scanner', 'verdict']}. {audit.loc['scanner', 'note']}")
