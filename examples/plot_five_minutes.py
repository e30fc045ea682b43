"""
Five minutes: from three files to an answer
===========================================

Which patients does this network treat differently, by how much, and can we believe it?
A tutorial to run and to change; this page can be downloaded as a notebook.

A network that predicts heart disease was trained in four hospitals. You get three
files from the people who trained it, and see neither images nor the network.
"""

# %%
# 1. Three files
# --------------
# ``embeddings.npy``: what enters the network's last layer, one row per patient.
# ``head.npz``: that layer. ``metadata.csv``: who the patients are. Here they are made
# of data that come with the package; use your own in their place.
#
# One column is made up, the toss of a coin: no network can know it.
import tempfile
from pathlib import Path

import numpy as np

from sklearn_wsca.datasets import load_heart_hospitals

heart = load_heart_hospitals()
coin = np.random.default_rng(0).choice(["heads", "tails"], len(heart.data))
kept = tempfile.TemporaryDirectory()
files = Path(kept.name)
np.save(files / "embeddings.npy", heart.data)
np.savez(files / "head.npz", weight=heart.head[0], bias=heart.head[1])
patients = heart.metadata.assign(coin=coin, split=heart.split)
patients.to_csv(files / "metadata.csv", index=False)

# %%
# From here on, there are the files only.
from sklearn_wsca.io import load_embeddings, load_head, load_metadata

embeddings = load_embeddings(files / "embeddings.npy")
head = load_head(files / "head.npz")
metadata = load_metadata(files / "metadata.csv")
print(f"{len(embeddings)} patients, {embeddings.shape[1]} features")
print(metadata.head(3).to_string())

# %%
# 2. Fit on some patients, judge others
# -------------------------------------
# Linear models for the columns are fitted on the patients that the network was trained
# on. The audit judges patients that neither has seen.
from sklearn_wsca import WeightSpaceCorrelation

is_new = metadata["split"] == "held-out"
analysis = WeightSpaceCorrelation(
    "disease",
    target_head=head,
    columns=["hospital", "sex", "age", "coin"],
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(embeddings[~is_new], metadata[~is_new])
audited = analysis.audit(embeddings[is_new], metadata[is_new])

# %%
# First of all: does this layer belong to these rows? It must predict the disease.
reached = audited.attrs["head_performance"]
print(f"{reached['finding']}: AUROC {reached['auroc']:.2f}")

# %%
# 3. The answer
# -------------
# *used*: among patients with the same diagnosis the outputs move with the column.
# *not used*: they do not, by more than the margin. *not encoded*: nothing of the column
# was found in the embeddings. *inconclusive*: these patients cannot tell.
print(audited[["verdict", "utilization", "probability_shift"]].round(2).to_string())

# %%
# 4. In a picture
# ---------------
# How far do the outputs move, in their standard deviations? Intervals that lie above
# the margin are uses that matter, by the margin of 0.1 that was chosen beforehand.
from sklearn_wsca import UtilizationDisplay

_ = UtilizationDisplay.from_estimator(analysis, table=audited)

# %%
# 5. Who is affected, and in which direction?
# -------------------------------------------
# The same per hospital, in percentage points of the predicted probability of disease,
# with its interval, at the same true diagnosis.
import pandas as pd

effects = pd.DataFrame(audited.attrs["effects"])
of_hospital = effects.query("column == 'hospital' and target_class == 'all'")
numbers = ["n_rows", "points", "points_low", "points_high"]
print(of_hospital.set_index("level")[numbers].round(1).to_string())

# %%
# 6. Is it wrong more often there?
# --------------------------------
# That is another question than use, and has another answer.
import textwrap

for column in ("hospital", "sex"):
    print(textwrap.fill(f"{column}: {audited.loc[column, 'consequence']}", 80))

# %%
# 7. What it does not say
# -----------------------
# An association at the same diagnosis is no cause: patients with the same diagnosis can
# be more ill in one hospital than in another, and the network may be right to see it.
# The note of a row has what was permuted, and how strong an unmeasured variable would
# have to be to overturn it.
print(textwrap.fill(audited.loc["hospital", "note"], 80))

# %%
# 8. A report to send
# -------------------
# One page for any browser, without any of the patients' rows.
report = files / "report.html"
report.write_text(analysis.to_html(audit=audited), encoding="utf-8")
print(f"{report.name}: {report.stat().st_size // 1000} kB")
kept.cleanup()

# %%
# Try it
# ------
# - Hold the age fixed besides the diagnosis: ``confounders=["age"]``. Does the network
#   still use the hospital?
# - Ask for less: ``min_effect=0.3``. Which verdicts change, and which numbers?
# - Judge 60 patients only: ``.sample(60, random_state=0)``. What becomes of *used*?
# - Put your own three files in the place of these
#   (:doc:`how to export them </guide/frameworks>`).
