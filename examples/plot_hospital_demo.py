"""
Heart disease in four hospitals
===============================

A small network predicts heart disease from eight measurements; the hospital is not
among them. Its embeddings encode the hospital all the same. Does its decision use it?

This is the two-minute example: what goes in, the table that comes out, and how to read
it. The command ``wsca demo`` writes a report on the same data.
"""

# %%
# What goes in
# ------------
# Three things: the embeddings, which are what enters the network's last linear layer
# (one row per patient); a table of metadata with the same rows; and that last layer.
# All three can be exported from any framework.
from sklearn_wsca import AlignmentDisplay, UtilizationDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

heart = load_heart_hospitals()
coef, intercept = heart.head
print(f"embeddings {heart.data.shape}, weights {coef.shape}, bias {intercept.shape}")
print(heart.metadata.head(3).to_string())

# %%
# The diagnosis is not spread evenly over the hospitals. Without that the question would
# be easy; with it, a network that cannot see the hospital gives higher risks in
# Switzerland than in Cleveland.
share = heart.metadata.groupby("hospital")["disease"].value_counts(normalize=True)
print(share.unstack().round(2).to_string())

# %%
# Before there is a network
# -------------------------
# Could an audit of the patients who are held out find a use at all? The table alone
# tells: which columns go with the diagnosis, so that a network gains by using them;
# which combinations are hardly there; and how small a use so many patients show.
from sklearn_wsca import screen_metadata

screened = screen_metadata(
    heart.metadata[heart.split == "held-out"], "disease", random_state=0
)
print(screened.to_text())

# %%
# The analysis
# ------------
# Linear probes for the metadata are fitted on the patients that the network was trained
# on. The audit is about the others: neither network nor probes have seen them.
is_train = heart.split == "train"
analysis = WeightSpaceCorrelation(
    "disease",
    target_head=heart.head,
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
)
analysis.fit(heart.data[is_train], heart.metadata[is_train])
audited = analysis.audit(heart.data[~is_train], heart.metadata[~is_train])
questions = {
    "encoding_score": "encoded: skill of the probe",
    "encoding_pvalue": "    p-value",
    "alignment_score": "aligned: cosine of probe and decision",
    "alignment_pvalue_fwer": "    p-value, corrected over columns",
    "utilization": "used: move of the output at fixed disease status",
    "utilization_low": "    lower end of its interval",
    "utilization_high": "    upper end of its interval",
    "utilization_qvalue": "    q-value",
    "probability_shift": "    in percentage points of probability",
    "verdict": "verdict",
}
print(audited[list(questions)].round(3).rename(columns=questions).T.to_string())

# %%
# The answer
# ----------
# The verdict rests on utilization: how far the network's output moves with a column
# among patients of the *same* disease status, in standard deviations of the output. The
# margin of 0.1 is where a use begins to matter.
_ = UtilizationDisplay.from_estimator(analysis, table=audited)

# %%
# All three are used, age most. That sex is used is certain (q-value); that its use
# reaches the margin is not, as its interval begins below it. Age and sex are inputs of
# this network, so no one is surprised. The hospital is not: what the network sees of it
# are the measurements in which patients of equal status differ between hospitals.
for name, note in audited["note"].items():
    print(f"{name}: {audited.loc[name, 'verdict']}. {note}\n")

# %%
# Why alignment is not the answer
# -------------------------------
# All heads against all heads; the first row is the network's own. Age moves the output
# most and is aligned least: the probe that predicts age best reads other directions
# than the network does when age moves its output. The hospital is aligned more than
# chance allows, but that alone would say little: as the disease is unevenly spread over
# the hospitals, a network that could not see them would be aligned too.
_ = AlignmentDisplay.from_estimator(analysis)

# %%
# What it does not say
# --------------------
# Utilization is an association at fixed disease status. Patients who are ill may be
# more ill in one hospital than in another, and the network may be right to see it.
# :ref:`sphx_glr_auto_examples_plot_confounders.py` shows how to hold more than the
# diagnosis fixed.
