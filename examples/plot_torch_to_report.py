"""
From a trained torch model to a report
======================================

What has to be exported from a trained network, and how? What enters its last layer,
that layer, and a table of metadata are all an audit needs. The network here is a small
convolutional one that tells digits apart, from images of three simulated scanners.
"""

# %%
# Images with their metadata. Most images of a digit come from the same scanner, which a
# network can use as a shortcut.
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sklearn_wsca import UtilizationDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import make_scanner_digits
from sklearn_wsca.torch import extract_embeddings, head_from_module

digits = make_scanner_digits(association=0.75, random_state=0)
metadata = digits.metadata.rename(columns={"target": "digit"})
images = torch.from_numpy(digits.images.astype(np.float32))[:, None]
names, labels = np.unique(metadata["digit"], return_inverse=True)
is_train = np.random.default_rng(0).permutation(len(labels)) < len(labels) // 2

# %%
# The network, trained on half of the images.
torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 4 * 4, 48),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(48, len(names)),
)
train = TensorDataset(images[is_train], torch.from_numpy(labels[is_train]))
optimizer = torch.optim.Adam(model.parameters(), 2e-3)
for _ in range(8):
    for inputs, classes in DataLoader(train, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), classes).backward()
        optimizer.step()

# %%
# The other half is what the audit is about: the network has not seen it. The loader
# must not shuffle, so that row i of the embeddings belongs to row i of the metadata.
temporary = tempfile.TemporaryDirectory()
folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
folder.mkdir(exist_ok=True)
held_out = DataLoader(images[~is_train], batch_size=256)
embeddings = extract_embeddings(model, held_out, out=folder / "embeddings.npy")
head = head_from_module(model, classes=names)
metadata = metadata[~is_train].reset_index(drop=True)
accuracy = (names[head.outputs(embeddings).argmax(axis=1)] == metadata["digit"]).mean()
print(f"{len(embeddings)} images, {accuracy:.0%} of the digits recognised")

# %%
# The other files for the command line. The names of the classes are not in ``head.pt``:
# the command takes them from the column, in sorted order.
metadata.to_csv(folder / "metadata.csv", index=False)
torch.save(model[-1].state_dict(), folder / "head.pt")
print(sorted(path.name for path in folder.iterdir()))

# %%
# They are all that the command line needs. To try it, run this example with the name of
# a directory, which then holds them, and there::
#
#     wsca audit embeddings.npy metadata.csv --target digit --head head.pt
#
# The same in Python, with a report to open in any browser.
analysis = WeightSpaceCorrelation(
    "digit",
    target_head=head,
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
).fit(embeddings, metadata)
for name, note in analysis.summary_["note"].items():
    print(f"{name}: {analysis.verdicts_[name]}. {note}")
(folder / "report.html").write_text(analysis.to_html(), encoding="utf-8")
display = UtilizationDisplay.from_estimator(analysis)
temporary.cleanup()
