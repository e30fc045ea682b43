"""
Dask: rows and permutations on a cluster
========================================

Can the embeddings be a dask array, and can the permutations run on a dask cluster?
Both, one without the other or together, and the results are those of a single process.
"""

# %%
# Embeddings in several files
# ---------------------------
# Four hospitals have sent one file each. As one dask array they are read piece by piece
# and never joined in memory.
import tempfile
from pathlib import Path

import dask.array
import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

study = make_shortcut(2000, 64, encoding=1.5, use=0.3, association=0.4, random_state=0)
folder = tempfile.TemporaryDirectory()
paths = [Path(folder.name) / f"hospital_{i}.npy" for i in range(4)]
for path, part in zip(paths, np.split(study.data, 4), strict=True):
    np.save(path, part)

parts = [dask.array.from_array(np.load(path, mmap_mode="r")) for path in paths]
embeddings = dask.array.concatenate(parts)
print(embeddings)

# %%
# What is computed of the rows (means, covariance, coordinates, outputs of heads) is
# computed chunk by chunk, where dask has the chunk. The table stays an ordinary
# DataFrame, with the rows of all files in the same order.
analysis = WeightSpaceCorrelation(
    "target",
    target_head=study.head,
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
)
numbers = ["encoding_score", "alignment_score", "utilization"]


def compare(found, expected):
    values = found.filter(like="value"), expected.filter(like="value")
    print("p-values are the same:", values[0].equals(values[1]))
    close = np.allclose(found[numbers], expected[numbers], atol=1e-6)
    print("statistics are the same:", close)


plain = analysis.fit(study.data, study.metadata).summary_
compare(analysis.fit(embeddings, study.metadata).summary_, plain)

# %%
# Where the pieces are costly to compute, have them kept first:
# ``embeddings.persist()``.
#
# On a cluster
# ------------
# Once there is a ``Client``, dask works on its cluster: rows that live there never come
# here, only their sums and their coordinates in the principal subspace do. Inside
# joblib's ``parallel_config(backend="dask")`` the permutations go to the workers too,
# which are sent the coordinates once. Here two workers run as threads of this
# process; for a cluster give ``Client`` the address of its scheduler
# (:doc:`/guide/large`).
with (
    LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster,
    Client(cluster),
    parallel_config(backend="dask"),
):
    on_cluster = analysis.fit(embeddings, study.metadata).summary_

compare(on_cluster, plain)
print(on_cluster[[*numbers, "verdict"]].round(3).to_string())

# %%
# Workers that are processes of their own need two settings of memory and threads to be
# any faster than one process: :doc:`/evidence/performance` names and measures them.
del parts, embeddings
folder.cleanup()
