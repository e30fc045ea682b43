"""Check what was built: ``python scripts/check_package.py FOLDER``.

The folder holds the wheel and the sdist; the wheel is installed in this interpreter.
Everything runs in a temporary directory, so that not the repository is imported.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

MOST_BYTES = 3_300_000
SHIPPED = [
    "py.typed",
    "_report/result.schema.json",
    "_report/comparison.schema.json",
    "_report/intervention.schema.json",
    "_report/networks.schema.json",
    "datasets/data/README.md",
]
# What builds, tests, documents and cites a release from its source archive.
IN_SOURCE = [
    *("pyproject.toml", "setup.cfg", "MANIFEST.in", "LICENSE", "README.md"),
    *("CHANGELOG.md", "CITATION.cff", ".zenodo.json", "CONTRIBUTING.md", "Makefile"),
    *("noxfile.py", "constraints.txt", "floors.txt", "conftest.py", "docs/conf.py"),
    *("docs/index.md", "tests/test_release.py", "examples/plot_five_minutes.py"),
]
# Those of torch run in the tests; its wheels are large.
OF_TORCH = ["torch", "_backend/module_state.py", "_heads/module_head.py"]
DOCTESTS = [
    *("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
    *("--doctest-modules", "--pyargs", "sklearn_wsca"),
    *("-o", "doctest_optionflags=NORMALIZE_WHITESPACE ELLIPSIS"),
]
TYPED = """
import numpy as np
from sklearn_wsca import weight_space_correlation
reveal_type(weight_space_correlation(np.eye(2), np.eye(2)))
"""


def check_contents(folder: Path) -> None:
    """The wheel is small and complete, and the sdist holds what builds it."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
    assert sum(sizes.values()) < MOST_BYTES, sizes
    for name in SHIPPED:
        assert f"sklearn_wsca/{name}" in sizes, name
    assert not [
        name for name in sizes if name.startswith(("tests", "docs", "examples"))
    ]
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in IN_SOURCE:
        assert name in names, name
    built = ("docs/_build", "docs/auto_examples", "docs/generated")
    assert not [n for n in names if n.startswith(built) or "__pycache__" in n]
    metadata = [name for name in sizes if name.endswith(".dist-info/METADATA")]
    assert metadata == [f"sklearn_wsca-{version()}.dist-info/METADATA"], metadata
    print(f"{wheel.name}: {sum(sizes.values()) / 1e6:.2f} MB unpacked")


def version() -> str:
    """The version that the citation names, which the tests hold against the package."""
    citation = (Path(__file__).parent.parent / "CITATION.cff").read_text("utf-8")
    return re.search(r"^version: (.+)$", citation, re.MULTILINE)[1]


def run(*command: str) -> str:
    """Run a command of this interpreter's environment and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def check_installed(folder: Path) -> None:
    """Demo, doctests and types, outside the repository."""
    os.chdir(folder)
    installed = Path(str(files("sklearn_wsca"))).resolve()
    assert "site-packages" in installed.parts, installed
    run(str(Path(sys.executable).with_name("wsca")), "demo")
    assert (folder / "wsca-demo" / "report.html").exists()
    said = run(str(Path(sys.executable).with_name("wsca")), "--version", "--verbose")
    assert f"version {version()}\n" in said and "not installed" in said, said
    doctests = (*DOCTESTS, *(f"--ignore={installed / path}" for path in OF_TORCH))
    print(run(sys.executable, *doctests).splitlines()[-1])
    (folder / "typed.py").write_text(TYPED, encoding="utf-8")
    assert "ndarray" in run(sys.executable, "-m", "mypy", "typed.py")


if __name__ == "__main__":
    check_contents(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as directory:
        check_installed(Path(directory).resolve())
