"""Without an extra: one error that names the command which installs it.

Extras are hidden in interpreters of their own, so that these tests say the same with
nothing installed (the tier `bare`) and with everything.
"""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

PREPARE = """
import sys, warnings
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}.split():
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hidden())
warnings.simplefilter("error")
import numpy as np
from sklearn_wsca import *
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import *
from sklearn_wsca.report import to_html
study = make_shortcut(n_samples=60, n_features=6, random_state=0)
def fit():
    return WeightSpaceCorrelation(
        "target", target_head=study.head, n_permutations=19, significance=0.5
    ).fit(study.data, study.metadata)
"""
CASES = {
    "torch": (
        "import sklearn_wsca.torch",
        "ImportError: sklearn_wsca.torch needs torch: {}[torch]",
    ),
    "matplotlib": (
        "UtilizationDisplay.from_estimator(fit())",
        "ImportError: plots need matplotlib, which is not installed. Install it with: "
        "{}[plot]",
    ),
    "jinja2": (
        "fit().to_html()",
        "ImportError: the HTML report needs jinja2, which is not installed. Install it "
        "with: {}[cli]",
    ),
    "click": (
        "sys.modules['click'] = None; import sklearn_wsca.__main__ as m; m.main()",
        "wsca: the command line needs click, which is not installed. Install it with: "
        "{}[cli]",
    ),
}
FILES = {
    "table.parquet": ("pyarrow", "load_metadata"),
    "table.feather": ("pyarrow", "load_metadata"),
    "table.xlsx": ("openpyxl", "load_metadata"),
    "head.safetensors": ("safetensors", "load_head"),
    "cells.h5ad": ("h5py", "load_embeddings"),
}


def errors(hidden, statement, folder):
    """Lines on standard error of an interpreter without some modules."""
    code = PREPARE.format(hidden=hidden) + statement
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr.splitlines()


def with_command(message):
    return re.sub(r"{}\[(\w+)\]", r'pip install ".[\1]"', message)


@pytest.mark.parametrize("hidden", CASES)
def test_what_needs_an_extra_names_it(hidden, tmp_path):
    statement, message = CASES[hidden]
    assert errors(hidden, statement, tmp_path)[-1] == with_command(message)


def test_a_file_that_needs_an_extra_names_it(tmp_path):
    """All in one interpreter, because most of the time is its start."""
    for name in FILES:
        (tmp_path / name).write_bytes(b"ARROW1" * 40)
    statement = """
for name, (_, reader) in {files!r}.items():
    try:
        globals()[reader](name)
    except ImportError as error:
        print(error, file=sys.stderr)
sys.exit(1)
"""
    hidden = " ".join(hidden for hidden, _ in FILES.values())
    found = errors(hidden, statement.format(files=FILES), tmp_path)
    assert found == [
        f'This file is read with {hidden}, which is not installed: pip install ".[io]"'
        for hidden, _ in FILES.values()
    ]


def test_the_core_needs_none_of_them(tmp_path):
    hidden = "torch matplotlib jinja2 click polars dask distributed rich"
    statement = "print(fit().n_features_in_, file=sys.stderr); sys.exit(1)"
    assert errors(hidden, statement, tmp_path) == ["6"]


def test_plain_files_need_none_of_them(tmp_path):
    embeddings = np.random.default_rng(0).normal(3.0, 2.0, size=(6, 4))
    np.save(tmp_path / "X.npy", embeddings)
    np.savez(tmp_path / "head.npz", weight=np.eye(2, 4), bias=np.ones(2))
    pd.DataFrame({"site": list("ababab")}).to_csv(tmp_path / "y.csv", index=False)
    hidden = "pyarrow safetensors h5py anndata openpyxl"
    statement = (
        "found = load_embeddings('X.npy'), load_metadata('y.csv'), "
        "load_head('head.npz').coef\n"
        "print([len(part) for part in found], file=sys.stderr); sys.exit(1)"
    )
    assert errors(hidden, statement, tmp_path) == ["[6, 6, 2]"]
