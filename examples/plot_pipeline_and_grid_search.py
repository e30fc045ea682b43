"""
Pipeline, cross-validation and grid search
==========================================

How does the analysis go together with scikit-learn's own tools? It is a transformer
whose ``y`` is the metadata table, so all of them cut the table along with the
embeddings. This page puts it behind a scaler, cross-validates it, searches for a
penalty and a number of components, and ends with one fit that has permutations and one
audit that gives the verdicts.
"""

# %%
# Embeddings whose features have very different scales, four images per patient, and the
# trained head. A third of the patients is put aside: what is chosen below must not be
# judged on the rows that it was chosen on.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_wsca import Head, UtilizationDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

study = make_shortcut(
    1200,
    48,
    encoding=1.5,
    use=0.4,
    association=0.4,
    rows_per_group=4,
    group_effect=0.3,
    random_state=1,
)
units = np.exp(np.random.default_rng(0).normal(0.0, 1.5, 48))
embeddings, metadata = study.data * units, study.metadata
head = Head(study.head[0] / units, study.head[1], ("class 0", "class 1"), "logistic")
held_out = metadata["patient"] > "patient 200"
X, y = embeddings[~held_out], metadata[~held_out]
X_new, y_new = embeddings[held_out], metadata[held_out]
print(f"{len(X)} images to fit, {len(X_new)} of other patients to judge")

# %%
# A trained head behind a scaler
# ------------------------------
# The analysis centres the embeddings, divides them by one number and projects them on
# their principal directions. It runs without a scaler. Put one before it if every
# feature shall count alike: that changes principal directions and cosines.
#
# The head was trained on the embeddings as they were. It must be moved behind the
# scaler, and the scaler must then stay as it is: ``FrozenEstimator`` keeps scikit-learn
# from fitting it anew in every fold.
scaler = StandardScaler().fit(X)
behind = head.behind(scaler)
same = np.allclose(head.outputs(X), behind.outputs(scaler.transform(X)))
print("the outputs are the same:", same)

# %%
# The same holds for a PCA that keeps all components. One with fewer loses what the head
# reads outside of them, and ``behind`` refuses it. There is no need for a PCA: the
# analysis has a subspace of its own (``n_components``), and utilization is computed
# from the outputs for the whole embedding.
#
# ``n_permutations=0`` leaves out all permutations, and with them p-values and verdicts:
# neither cross-validation nor grid needs them.
pipeline = Pipeline(
    [
        ("scale", FrozenEstimator(scaler)),
        (
            "analyse",
            WeightSpaceCorrelation(
                "target",
                target_head=behind,
                columns=["scanner"],
                groups="patient",
                n_permutations=0,
                random_state=0,
            ),
        ),
    ]
)

# %%
# Cross-validation
# ----------------
# ``score`` is the mean skill of the metadata heads on rows that they have not seen: 0
# is chance, 1 is perfect. Images of one patient must not be on both sides of a split.
folds = GroupKFold(3)
found = cross_validate(pipeline, X, y, groups=y["patient"], cv=folds)
print(found["test_score"].round(2))

# %%
# Grid search
# -----------
# With which penalty and how many components is the scanner read best from images of
# other patients?
search = GridSearchCV(
    pipeline,
    {"analyse__C": [0.001, 0.1, 10.0], "analyse__n_components": [5, 15, 48]},
    cv=folds,
).fit(X, y, groups=y["patient"])
scores = pd.DataFrame(search.cv_results_).pivot(
    index="param_analyse__n_components",
    columns="param_analyse__C",
    values="mean_test_score",
)
print(search.best_params_)

_, ax = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
for C, line in scores.items():
    ax.plot(line.index, line, marker="o", label=f"C = {C:g}")
ax.set(xlabel="number of components k", ylabel="skill on other patients", ylim=(0, 0.4))
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))

# %%
# Too strong a penalty (C = 0.001) hides the scanner, and a weak one with all 48
# components overfits. Beyond that the grid decides little: the three folds above differ
# from each other by more than most combinations do. And the best score of a grid
# flatters, because it is the best of several: do not report it as the encoding.

# %%
# One fit with permutations, and the verdicts
# -------------------------------------------
# The best combination gets the permutations and all columns. The p-values of this fit
# come from rows that took part in the choice; the verdicts should come from the
# patients who were put aside. A Pipeline has no ``audit``: ask its last step, and give
# it what the steps before it make of the new embeddings.
final = search.best_estimator_
final.set_params(analyse__columns=None, analyse__n_permutations=499).fit(X, y)
analysis = final[-1]
audited = analysis.audit(final[:-1].transform(X_new), y_new)
shown = ["encoding_score", "encoding_pvalue", "utilization", "utilization_qvalue"]
print(audited[[*shown, "verdict"]].round(3).to_string())
display = UtilizationDisplay.from_estimator(analysis, table=audited)

# %%
# The choice moves encoding and alignment. It cannot move the utilization, which asks
# the trained head alone:
other = sklearn.clone(final).set_params(analyse__C=10.0, analyse__n_components=5)
other.set_params(analyse__n_permutations=0).fit(X, y)
for name, pipe in {"chosen": final, "C = 10, k = 5": other}.items():
    fitted = pipe[-1]
    print(
        f"{name}: encoding {fitted.encoding_scores_['scanner']:.2f}, "
        f"alignment {fitted.alignment_scores_['scanner']:.2f}, "
        f"utilization with noise {fitted.utilization_raw_['scanner']:.3f}"
    )

# %%
# Outputs of the heads as a table
# -------------------------------
# ``transform`` returns the outputs of all heads, and ``set_output`` gives them names.
analysis.set_output(transform="pandas")
print(final.transform(X_new).iloc[:3].round(1).to_string())

# %%
# Weights
# -------
# Where some rows stand for more patients than others, weights can be handed through
# with scikit-learn's metadata routing. The step says that it wants them, in ``fit`` and
# in ``score``; here scanner C was sampled half as often as it is used.
weights = np.where(y["scanner"] == "scanner C", 2.0, 1.0)
with sklearn.config_context(enable_metadata_routing=True):
    step = sklearn.clone(pipeline[-1])
    step.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    found = cross_validate(
        Pipeline([("scale", FrozenEstimator(scaler)), ("analyse", step)]),
        X,
        y,
        cv=folds,
        params={"sample_weight": weights, "groups": y["patient"]},
    )
print(found["test_score"].round(2))
