"""
Dask: lazy embeddings, and permutations on a cluster
====================================================

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
# Rows are sliced from the array whenever they are needed, several times in one fit. The
# table stays an ordinary DataFrame, with the rows of all files in the same order.
analysis = WeightSpaceCorrelation(
    "target",
    target_head=study.head,
    n_permutations=199,
    random_state=0,
    n_jobs=-1,
)
lazy = analysis.fit(embeddings, study.metadata).summary_
plain = analysis.fit(study.data, study.metadata).summary_
print("the same table as from an array in memory:", lazy.equals(plain))

# %%
# Where the pieces are costly to compute, have them kept first:
# ``embeddings.persist()``.
#
# Permutations on a cluster
# -------------------------
# Inside joblib's ``parallel_config(backend="dask")`` the jobs go to the workers of the
# cluster. The rows are sent to each worker once, as coordinates in the principal
# subspace; the embeddings stay where they are. Here two workers run as threads of this
# process; for a cluster give ``Client`` the address of its scheduler.
with (
    LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster,
    Client(cluster),
    parallel_config(backend="dask"),
):
    on_cluster = analysis.fit(embeddings, study.metadata).summary_

print(
    "p-values are the same:",
    on_cluster.filter(like="value").equals(plain.filter(like="value")),
)
numbers = ["encoding_score", "alignment_score", "utilization"]
print(
    "statistics are the same:",
    np.allclose(on_cluster[numbers], plain[numbers], atol=1e-6),
)
print(on_cluster[[*numbers, "verdict"]].round(3).to_string())

# %%
# Workers that are processes of their own need two settings of memory and threads to be
# any faster than one process: :doc:`/evidence/performance` names and measures them.
del parts, embeddings
folder.cleanup()
