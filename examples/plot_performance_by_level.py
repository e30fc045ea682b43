"""
Used and unequal
================

Does a network use the hospital, and is it right less often in one of them? It may use
it and be right equally often in all, or be worse in one without using it. Both
questions, side by side.
"""

# %%
# The shipped data: 920 patients of four hospitals, and the trained head of a small
# network that tells whether they have heart disease.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_wsca import performance_test, utilization_test
from sklearn_wsca.datasets import load_heart_hospitals

heart = load_heart_hospitals()
coef, intercept = heart.head
logits = (heart.data @ coef.T + intercept).ravel()
columns = heart.metadata[["hospital", "sex", "age"]]
disease = heart.metadata["disease"]

# %%
# Do the outputs move with a column at fixed disease, and are they wrong more often
# under one of its levels? ``unseen`` is the largest difference that these data do not
# exclude: not significant is not equal.
used = utilization_test(logits, columns, target=disease, random_state=0)
performance = performance_test(logits, columns, disease, random_state=0)
for name, found in performance.items():
    print(
        f"{name}: utilization {used[name].utilization:.2f}, q {used[name].qvalue:.3f}"
    )
    print(f"   {found.to_text(name)}")

# %%
# Where does it happen? Sensitivity and specificity by hospital, with 95 % intervals.
table = performance["hospital"].by_level
print(table[["n_rows", "sensitivity", "specificity", "auroc"]].round(2).to_string())
_, ax = plt.subplots(figsize=(7.0, 3.2), layout="constrained")
for shift, name in ((-0.12, "sensitivity"), (0.12, "specificity")):
    value = table[name].to_numpy()
    reach = [value - table[f"{name}_low"], table[f"{name}_high"] - value]
    heights = np.arange(len(table)) + shift
    ax.errorbar(value, heights, xerr=reach, fmt="o", label=name)
ax.set_yticks(range(len(table)), table.index)
ax.invert_yaxis()
ax.set(xlabel="share of right decisions", xlim=(0.0, 1.0))
ax.legend(frameon=False)

# %%
# In Switzerland and Long Beach nearly everybody is ill, and the network says so of
# healthy patients too. Accuracy hides that: it is nearly the same everywhere, because
# there are few healthy patients to be wrong about.
print(table[["accuracy", "balanced_accuracy"]].round(2).to_string())
