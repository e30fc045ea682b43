"""
Embeddings that do not fit into memory
======================================

How large may the file with the embeddings be? Memory maps, zarr and h5py arrays are
read in blocks of rows and never held as a whole. This page measures what a fit needs
instead, and shows how to save permutations, which are most of the work.
"""

# %%
# Files of growing length, 1024 features wide. They are written in pieces too: there is
# never an array of all embeddings.
import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_wsca import WeightSpaceCorrelation

N_FEATURES, N_DIRECTIONS = 1024, 30
folder = tempfile.TemporaryDirectory()
random_directions = np.random.default_rng(0).normal(size=(N_FEATURES, N_DIRECTIONS))
directions = np.linalg.qr(random_directions)[0].T
# Logit of "malignant": it reads the diagnosis, and scanner B.
head = 2.0 * directions[0] + 1.5 * directions[1], -1.5


def write(n):
    """Write n embeddings to disk in pieces; return the file and the table."""
    generator = np.random.default_rng(n)
    levels = {
        "diagnosis": ["benign", "malignant"],
        "scanner": ["A", "B", "C"],
        "operator": ["R", "S", "T", "U"],
    }
    codes = {name: generator.integers(0, len(v), n) for name, v in levels.items()}
    table = pd.DataFrame({name: np.array(v)[codes[name]] for name, v in levels.items()})
    path = Path(folder.name) / f"embeddings_{n}.npy"
    embeddings = np.lib.format.open_memmap(path, "w+", np.float32, (n, N_FEATURES))
    for start in range(0, n, 5000):
        rows = slice(start, start + 5000)
        hidden = generator.normal(size=(len(table[rows]), N_DIRECTIONS))
        hidden[:, 0] += codes["diagnosis"][rows]
        hidden[:, 1] += codes["scanner"][rows] == 1
        hidden[:, 2] += codes["scanner"][rows] == 2
        embeddings[rows] = 0.1 + hidden @ directions
    embeddings.flush()
    return path, table


def make_analysis(**settings):
    return WeightSpaceCorrelation(
        "diagnosis",
        target_head=head,
        n_components=30,
        random_state=0,
        n_jobs=-1,
        **settings,
    )


# %%
# Memory
# ------
# ``np.load(path, mmap_mode="r")`` is all it takes. ``tracemalloc`` adds up what is
# allocated during the fit; the pages of the file are not among it, and are let go once
# they have been read.
sizes = [4_000, 12_000, 32_000]
megabytes = {"file": [], "peak of the fit": []}
for n in sizes:
    path, table = write(n)
    embeddings = np.load(path, mmap_mode="r")
    tracemalloc.start()
    analysis = make_analysis(n_permutations=39).fit(embeddings, table)
    megabytes["peak of the fit"].append(tracemalloc.get_traced_memory()[1] / 1e6)
    tracemalloc.stop()
    megabytes["file"].append(path.stat().st_size / 1e6)

_, ax = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
for label, values in megabytes.items():
    ax.plot(sizes, values, marker="o", label=label)
ax.set(xlabel="number of embeddings", ylabel="MB", xlim=(0, None), ylim=(0, None))
ax.legend(frameon=False)
grown = megabytes["peak of the fit"][2] / megabytes["peak of the fit"][1]
print(f"from 12,000 to 32,000 embeddings the peak grows by {grown - 1:.0%}")

# %%
# The peak is made of the blocks, which have at most 4096 rows whatever the length of
# the file. What does grow with the number of rows are their coordinates in the
# principal subspace: n times k numbers, rather than n times the number of features. For
# very many rows set a small k with ``n_components``. Figures for a million embeddings
# of 2048 features: :doc:`/evidence/performance`.
#
# zarr, h5py and dask arrays are passed as they are, such as
# ``h5py.File("embeddings.h5")["embeddings"]``, and are read the same way.
#
# Of many rows even a small use is significant. The verdict does not follow from the
# p-value alone: compare the utilization and its interval with ``min_effect``.
print(
    analysis.summary_[["utilization", "utilization_low", "utilization_high"]].round(3)
)
print(analysis.verdicts_.to_string())

# %%
# Fewer permutations
# ------------------
# Most columns of a wide table are not worth five hundred permutations. With
# ``stop_after=10`` a column is done as soon as ten permutations have reached its
# statistic; its p-value is then ten over the number drawn, which is valid.
# ``n_jobs=-1`` shares out the work to all cores and never changes a result. With
# ``extrapolate=True`` a p-value that rests on fewer than ten permutations is also given
# from a fitted tail.
path, table = write(5_000)
generator = np.random.default_rng(0)
for name in ("room", "weekday"):
    table[name] = generator.integers(1, 6, len(table)).astype(str)
embeddings = np.load(path, mmap_mode="r")
full = make_analysis(n_permutations=499).fit(embeddings, table)
saving = make_analysis(n_permutations=499, stop_after=10, extrapolate=True).fit(
    embeddings, table
)
compared = saving.n_permutations_used_.add_suffix(" permutations").assign(
    **{
        "alignment p": saving.pvalues_,
        "of all permutations": full.pvalues_,
        "extrapolated": saving.pvalues_extrapolated_,
    }
)
print(compared.round(4).to_string())
print("the verdicts are the same:", full.verdicts_.equals(saving.verdicts_))

# %%
# The scanner gets all permutations, the others a small part of them. Max-T, the
# correction over columns that needs all permutations of all columns, is not computed;
# q-values are.
del embeddings
folder.cleanup()
