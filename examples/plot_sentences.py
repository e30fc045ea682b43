"""
Sentence embeddings: encoded, not aligned, and yet a little used
================================================================

Texts of four sources - reviews of products and films, newspaper editorials, tweets -
are embedded by a sentence encoder, and a linear head tells positive from negative ones.
Every source has exactly as many positive as negative texts. The embeddings encode the
source well. Does the head use it?
"""

# %%
# One would guess: no, there is nothing to gain. There is no trained head in these data,
# so one is fitted, on half of the texts; the audit is about the other half.
import numpy as np

from sklearn_wsca import (
    NullDistributionDisplay,
    UtilizationDisplay,
    WeightSpaceCorrelation,
)
from sklearn_wsca.datasets import load_sentiment_sources

sentences = load_sentiment_sources()
X, metadata = sentences.data, sentences.metadata
is_train = np.random.default_rng(0).permutation(len(X)) < len(X) // 2
analysis = WeightSpaceCorrelation(
    "sentiment",
    columns=["source", "n_words"],
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(X[is_train], metadata[is_train])
audited = analysis.audit(X[~is_train], metadata[~is_train])
shown = ["target_association", "encoding_score", "alignment_pvalue", "utilization"]
print(audited[[*shown, "utilization_qvalue", "verdict"]].round(3).T.to_string())

# %%
# Encoded: yes, by far. A linear probe recognises the source of most texts.
metrics = analysis.encoding_metrics_.loc["source"]
print(
    f"balanced accuracy of the source {metrics['balanced_accuracy']:.0%}, "
    f"by chance {metrics['balanced_accuracy_chance']:.0%}"
)

# %%
# Aligned: no. The published number, the cosine of both heads, is no larger than what
# permuted columns give. Source and sentiment are independent in these data, so there is
# no false alarm either.
_ = NullDistributionDisplay.from_estimator(analysis)

# %%
# Used: a little. Among texts of the same sentiment the head's output moves with the
# source, by more than chance and by more than the margin of 0.1. It moves with the
# length of the text too, about as far as the margin.
_ = UtilizationDisplay.from_estimator(analysis, table=audited)

# %%
# How can a head use what it is not aligned with? The mean output by sentiment and
# source shows it.
held_out = metadata[~is_train].reset_index(drop=True)
scores = analysis.target_head_.outputs(X[~is_train]).ravel()
held_out["score"] = scores / scores.std()
means = held_out.pivot_table("score", "source", "sentiment")
means["mean of both"] = means.mean(axis=1)
means["distance"] = means["positive"] - means["negative"]
held_out["correct"] = (scores > 0) == (held_out["sentiment"] == "positive")
means["accuracy"] = held_out.groupby("source")["correct"].mean()
print(means.round(2).to_string())

# %%
# The mean of both sentiments differs little between the sources: none is read as more
# positive than another by much. What differs is the *distance*: tweets get the most
# decided scores, and film reviews, which are often told in the words of the plot, the
# least. Such an effect has opposite signs in the two classes. It cancels in a cosine
# with the head, and it counts in utilization.
#
# Is that a shortcut? No: nothing is gained from the source. It is a difference in how
# well the head works, and the accuracies show it. Utilization cannot tell the two
# apart, but it tells where to look. It is an association at fixed sentiment, and texts
# of equal sentiment can differ in how strong it is. The human ratings say how strong;
# held fixed, they do not explain it away:
strength = WeightSpaceCorrelation(
    "sentiment",
    columns=["source"],
    confounders=["rating"],
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(X[is_train], metadata[is_train])
row = strength.audit(X[~is_train], metadata[~is_train]).loc["source"]
print(
    f"at fixed sentiment {audited.loc['source', 'utilization']:.2f}, "
    f"at fixed sentiment and rating {row['utilization']:.2f} "
    f"({row['utilization_low']:.2f} to {row['utilization_high']:.2f}): {row['verdict']}"
)
