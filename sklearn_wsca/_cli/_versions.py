"""What ``wsca --version --verbose`` prints: what a report of a fault needs."""

from __future__ import annotations

import inspect
import locale
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

import click
from joblib import cpu_count
from threadpoolctl import threadpool_info

from sklearn_wsca._version import __version__
from sklearn_wsca._weight_space_correlation import WeightSpaceCorrelation

NEEDED = ("numpy", "scipy", "scikit-learn", "pandas", "joblib", "threadpoolctl")
OF_EXTRAS = (
    *("torch", "array-api-compat", "dask", "distributed", "matplotlib", "pyarrow"),
    *("safetensors", "h5py", "openpyxl", "nibabel", "click", "rich", "jinja2"),
)
# What decides how many threads there are, and how the terminal is written to.
VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("JOBLIB_TEMP_FOLDER", "MPLBACKEND", "PYTHONUTF8", "NO_COLOR", "COLUMNS"),
)
SETTINGS = ("n_permutations", "min_effect", "significance", "null", "metric")


def _installed(package: str) -> str:
    """Version of a package, which is not imported for it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _libraries() -> Iterable[tuple[str, str]]:
    """Libraries with threads of their own that this process has loaded."""
    for found in threadpool_info():
        release = found.get("version") or "unknown version"
        yield found["internal_api"], f"{release}, {found['num_threads']} threads"


def describe_installation() -> list[tuple[str, list[tuple[str, str]]]]:
    """Sections of names and values: platform, packages, threads and settings."""
    signature = inspect.signature(WeightSpaceCorrelation).parameters
    system = [
        ("python", platform.python_version()),
        ("platform", platform.platform()),
        ("processors", f"{os.cpu_count()}, of which {cpu_count()} may be used"),
        ("encoding", f"{locale.getencoding()}, terminal {sys.stdout.encoding}"),
    ]
    return [
        ("system", system),
        ("needed", [(name, _installed(name)) for name in NEEDED]),
        ("of extras", [(name, _installed(name)) for name in OF_EXTRAS]),
        ("threads", list(_libraries())),
        ("environment", [(name, os.environ.get(name, "-")) for name in VARIABLES]),
        ("defaults", [(name, str(signature[name].default)) for name in SETTINGS]),
    ]


def print_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    """Print the version, with ``--verbose`` all that it depends on, and end."""
    verbose = bool(ctx.params.get("verbose"))
    if not asked:
        if verbose:
            raise click.UsageError("--verbose goes with --version.")
        return
    click.echo(f"sklearn_wsca, version {__version__}")
    for title, rows in describe_installation() if verbose else ():
        click.echo(f"\n{title}")
        for name, value in rows:
            click.echo(f"  {name:<20} {value}")
    ctx.exit()
