"""One fit by the version of the package that lies in a folder: prints JSON.

Run by `benchmarks.before_and_after`, with the folder, a study and options of the
estimator. It uses nothing of the repository, so that the version may be an early one.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import sklearn_wsca


def main(folder, path, options):
    """Fit once and print seconds and GB above the inputs."""
    assert Path(sklearn_wsca.__file__).is_relative_to(folder)
    with np.load(path, allow_pickle=False) as study:
        names = study["names"].tolist()
        table = pd.DataFrame(
            {name: study[f"column_{i}"] for i, name in enumerate(names)}
        )
        X = study["X"]
        # Its rows are in the order of the sorted classes.
        head = study["coef"], study["intercept"]
    analysis = sklearn_wsca.WeightSpaceCorrelation(target_head=head, **options)
    Path("/proc/self/clear_refs").write_text("5")
    before, start = memory("VmRSS"), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analysis.fit(X, table)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "above_gb": memory("VmHWM") - before}))


def memory(field):
    """Resident memory of this process, in GB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024 / 1e9
    raise LookupError(field)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
