"""
The same images under every scanner
===================================

Labels compare different images under different scanners. What does the network make of
*one* image when another scanner takes it? Here every image can be rendered as each
scanner would have taken it, so the question has an experiment.
"""

# %%
# A network, and images that it has not seen
# ------------------------------------------
# 597 digits are kept apart. ``rendered`` holds each of them under every scanner; 200
# are rendered here, as if that were dear, in the long form: one row per image and
# scanner.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPClassifier

from sklearn_wsca import intervention_test, utilization_test
from sklearn_wsca.datasets import make_scanner_digits

digits = make_scanner_digits(n_classes=4, artefact=0.5, association=0.7, random_state=0)
kept = np.arange(1200, len(digits.data))
network = MLPClassifier((24,), alpha=0.01, max_iter=1000, random_state=0)
network.fit(digits.data[:1200], digits.target[:1200])

some = kept[:200]
scanners = np.unique(digits.metadata["scanner"])
unit, level = np.repeat(some, len(scanners)), np.tile(scanners, len(some))
images = digits.rendered[:, some].swapaxes(0, 1).reshape(len(unit), -1)
outputs = network.predict_log_proba(images)

# %%
# How far does it move?
# ---------------------
# Re-rendered images have no noise of repeats, so the sensitivity is that to the
# scanner. Scans of patients have: pass the number of the scan as ``repeats``.
result = intervention_test(
    outputs, level, unit, target=digits.target[unit], random_state=0
)
print(result.to_text())

# %%
# Which scanner reads higher, by class: signed moves in standard deviations of the
# outputs.
moves = result.effects["effect"].unstack("level").round(2)
print(moves.loc[[(output, "all") for output in range(4)]].to_string())

# %%
# Which images move most?
print(result.units.head(3).round(2).to_string())

# %%
# What labels show of it
# ----------------------
# From the images as they were taken, each under one scanner, only the move of class
# means can be estimated: utilization. It is what the experiment calls ``shift``; single
# images move further, because some move against the mean of their class.
use = utilization_test(
    network.predict_log_proba(digits.data[kept]),
    digits.metadata["scanner"][kept],
    target=digits.target[kept],
    random_state=0,
)
answers = {
    "labels: utilization": (use.low, use.utilization, use.high),
    "experiment: shift": (result.shift_low, result.shift, result.shift_high),
    "experiment: single images": (
        result.sensitivity_low,
        result.sensitivity,
        result.sensitivity_high,
    ),
}
_, ax = plt.subplots(figsize=(6.5, 2.2), layout="constrained")
for height, (low, value, high) in enumerate(answers.values()):
    ax.plot([low, high], [height] * 2, "C0")
    ax.plot(value, height, "C0o")
ax.set_yticks(range(len(answers)), list(answers))
ax.invert_yaxis()
_ = ax.set(xlabel="standard deviations of the outputs", xlim=(0.0, None))
