"""
Erase a scanner, then audit again
=================================

The audit says that the decision uses the scanner. Can the scanner be erased from the
embeddings, and does that repair the decision? It depends on what is erased: all that
tells the scanners apart, or only what the scanner changes in images of the same class.
"""

# %%
# Embeddings in which scanner and class are associated, and two trained heads: one uses
# the scanner, the other is blind to it. Erasers are fitted on one half of the rows;
# everything below is measured on the other half.
import numpy as np
import pandas as pd

from sklearn_wsca import (
    MetadataEraser,
    UtilizationDisplay,
    WeightSpaceCorrelation,
    repair_test,
)
from sklearn_wsca.datasets import make_shortcut

settings = {"encoding": 2.0, "association": 0.5, "signal": 2.0, "random_state": 0}
study = make_shortcut(2000, 32, use=0.5, **settings)
heads = {
    "using head": study.head,
    "blind head": make_shortcut(2000, 32, use=0.0, **settings).head,
}
embeddings, metadata = study.data, study.metadata
fitted = np.arange(len(embeddings)) < 1000
print(pd.crosstab(metadata["target"], metadata["scanner"]))

# %%
# Two erasers. Without a target everything that goes with the scanner is removed, also
# what only goes with it because the classes differ between scanners. With the target
# the class is held fixed, and only what the scanner itself moves is removed. The first
# one is given the scanner alone: where it sees the class too, it warns of what follows.
erasers = {
    "erased": MetadataEraser(["scanner"]),
    "erased at fixed target": MetadataEraser(["scanner"], target="target"),
}
versions = {"nothing erased": embeddings}
for name, eraser in erasers.items():
    seen = ["scanner"] if eraser.target is None else ["scanner", "target"]
    eraser.fit(embeddings[fitted], metadata.loc[fitted, seen])
    versions[name] = eraser.transform(embeddings)


# %%
# Every head is audited on every version.
def audit(embeddings, head):
    """Audit of the other half, with the accuracy there."""
    analysis = WeightSpaceCorrelation(
        "target",
        target_head=head,
        columns=["scanner"],
        n_permutations=199,
        random_state=0,
        n_jobs=-1,
    ).fit(embeddings[fitted], metadata[fitted])
    row = analysis.audit(embeddings[~fitted], metadata[~fitted]).loc["scanner"]
    weight, bias = head
    scores = embeddings[~fitted] @ weight[0] + bias[0]
    predicted = np.where(scores > 0.0, "class 1", "class 0")
    return {**row, "accuracy": np.mean(predicted == metadata["target"][~fitted])}


found = pd.DataFrame(
    {
        (head_name, version): audit(erased, head)
        for head_name, head in heads.items()
        for version, erased in versions.items()
    }
).T
shown = ["encoding_score", "utilization", "accuracy", "verdict"]
print(found[shown].to_string(float_format=lambda v: f"{round(v, 2) + 0.0:.2f}"))

# %%
table = found.set_axis([f"{head}: {version}" for head, version in found.index])
display = UtilizationDisplay(table, sort=False).plot()
display.ax_.set_title("How far the outputs move with the scanner", loc="left")

# %%
# *Without the target* nothing linear is left of the scanner: the encoding is 0. But
# both heads now use it, the blind one too, and the accuracy falls from 0.91 to 0.76.
# The classes differ between the scanners, so part of the direction that tells the
# classes apart was removed as well; what is left of it is shifted from scanner to
# scanner. This eraser is for embeddings from which the scanner must not be read, for
# instance before a new head is trained on them. It does not repair a head.
#
# *With the target* neither head uses the scanner any more, and no accuracy is lost. The
# scanner can still be read a little, by way of the class: that cannot be otherwise as
# long as the classes differ between the scanners.
#
# Both erase what linear functions can read. A nonlinear one may still find the scanner.
# In production every embedding has to go through ``transform`` before the head, and the
# audit should be repeated on rows that the eraser has not seen, as here.
#
# The head itself can be repaired instead: equal outputs, from embeddings as they are.
# ``repair_test`` proves it on the other half, with the price in performance.
eraser = erasers["erased at fixed target"]
repaired = eraser.repair_head(study.head)
print("weights and intercepts:", repaired.coef.shape, repaired.intercept.shape)
result = repair_test(
    study.head, eraser, embeddings[~fitted], metadata[~fitted], random_state=0
)
print(result.to_text())

# %%
# Embeddings whose *covariance* differs between the scanners: scanner A is noisier in
# half of the features. Linear erasure leaves that, and a quadratic probe reads it;
# quadratic erasure takes it too. It needs the scanner of every image.
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

noisy = embeddings - embeddings.mean(axis=0)
noisy[:, 16:] *= np.where(metadata["scanner"] == "scanner A", 3.0, 1.0)[:, None]
told = {}
for method in ("linear", "quadratic"):
    eraser = MetadataEraser(["scanner"], target="target", method=method)
    eraser.fit(noisy[fitted], metadata[fitted])
    erased = eraser.transform(noisy, metadata=metadata)
    probe = QuadraticDiscriminantAnalysis(reg_param=0.01)
    probe.fit(erased[fitted], metadata["scanner"][fitted])
    told[method] = probe.score(erased[~fitted], metadata["scanner"][~fitted])
print("a quadratic probe tells the scanner:", {k: round(v, 2) for k, v in told.items()})

# %%
# What is left comes by way of the class, which alone tells the scanner of two thirds of
# the images.
