"""What importing the package loads, and that it leaves nothing behind."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_wsca

# pyarrow and rich are not here: pandas and scikit-learn import them where they are.
EXTRAS = [
    "polars",
    "safetensors",
    "torch",
    "matplotlib",
    "jinja2",
    "click",
    "dask",
    "distributed",
]
# Of scikit-learn, these take longer to import than this package.
SLOW = ["sklearn.metrics", "sklearn.model_selection", "sklearn.linear_model"]


def modules_after(statement, folder):
    """Names of all modules after a statement in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    # The environment of this process may point imports at this folder.
    root = Path(sklearn_wsca.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import sklearn_wsca", [*EXTRAS, *SLOW]),
        ("from sklearn_wsca import WeightSpaceCorrelation", [*EXTRAS, *SLOW]),
        ("from sklearn_wsca import utilization_test", [*EXTRAS, *SLOW]),
        ("from sklearn_wsca import *", EXTRAS),
    ],
)
def test_an_import_loads_no_extra_and_leaves_no_file(statement, unwanted, tmp_path):
    loaded = modules_after(statement, tmp_path)
    assert "sklearn_wsca" in loaded
    assert loaded.isdisjoint(unwanted)
    assert list(tmp_path.iterdir()) == []


def test_utilization_alone_loads_what_it_uses(tmp_path):
    loaded = modules_after("from sklearn_wsca import utilization_test", tmp_path)
    own = {name.split(".", 1)[1] for name in loaded if name.startswith("sklearn_wsca.")}
    used = {"_backend", "_input", "_permutation", "_text", "_utilization"}
    others = {name for name in own if name.split(".")[0] not in used}
    heads = {"_heads", "_heads.affine", "_heads.head"}
    assert others == {"_compat", "_version", "_linear", "_linear.class_basis"} | heads
    assert own.isdisjoint({"_input.checked_input", "_input.roles"})


def test_the_check_finds_what_is_loaded(tmp_path):
    assert "sklearn.metrics" in modules_after("import sklearn.metrics", tmp_path)


@pytest.mark.parametrize("name", sklearn_wsca.__all__)
def test_every_public_name_is_there(name):
    assert getattr(sklearn_wsca, name) is not None
    assert name in dir(sklearn_wsca)


def test_public_names_are_the_same_for_type_checkers():
    tree = ast.parse(Path(sklearn_wsca.__file__).read_text("utf-8"))
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    named = {alias.name for line in block.body for alias in line.names}
    assert named | {"__version__"} == set(sklearn_wsca.__all__)
    assert named == set(sklearn_wsca._MODULES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'WeightSpaceCorelation'"):
        sklearn_wsca.WeightSpaceCorelation  # noqa: B018
