"""What every tier of the tests shares: threads of workers, tests of missing extras."""

import os
from importlib.util import find_spec

import pytest

pytest_plugins = ["tests.fast_tier"]

# Where an extra is missing, tests/test_bare_install.py checks what users are told.
NEEDED = {
    "torch": [
        "sklearn_wsca/torch/*",
        "sklearn_wsca/_backend/module_state.py",
        "sklearn_wsca/_heads/module_head.py",
        "tests/torch/*",
        "tests/torch_layers.py",
        "tests/torch_networks.py",
    ],
    "matplotlib": [
        "sklearn_wsca/_displays/*",
        "tests/displays/*",
        "tests/pictures.py",
    ],
    "pyarrow": ["tests/io/*"],
    "nibabel": ["sklearn_wsca/io/_nifti.py"],
    "jinja2": ["sklearn_wsca/_report/*", "tests/report/*"],
    "click": [
        "sklearn_wsca/__main__.py",
        "sklearn_wsca/_cli/*",
        "tests/cli/*",
        "tests/test_documentation.py",
        "tests/test_readme.py",
        "tests/pages.py",
    ],
}
collect_ignore_glob = [
    pattern
    for extra, patterns in NEEDED.items()
    if find_spec(extra) is None
    for pattern in patterns
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Give each worker one thread: two with two each would wait for each other."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
