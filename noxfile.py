"""Tiers of the tests: ``nox -s NAME``; ``nox -l`` lists them.

Those of a plain ``nox`` run at every submission; the others are for releases of this
package or of what it depends on.
"""

from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = [
    "lint",
    "main-3.11",
    "audit",
    "floors",
    "bare",
    "package",
    "docs",
]
nox.options.stop_on_first_error = False

PINNED = ("-c", "constraints.txt")
TORCH = "torch==2.13.0"
# What the tests need beside the package itself; extras are installed by the tiers.
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "jsonschema", "polars")
# What docs/guide/frameworks.md shows an export of.
FRAMEWORKS = (
    "timm==1.0.31",
    "transformers==5.24.0",
    "monai==1.6.1",
    "keras==3.15.1",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "onnxscript==0.7.2",
    "scanpy==1.11.5",
)
PARALLEL = ("-n", "2", "--dist", "worksteal")
# What users of the core call; what lies below it does not know of any extra.
CORE = (
    "sklearn_wsca",
    "tests/test_bare_install.py",
    "tests/test_import.py",
    "tests/test_common_checks.py",
    "tests/test_scikit_learn.py",
    "tests/test_input_matrix.py",
    "tests/input/test_binning.py",
    "tests/input/test_column.py",
    "tests/input/test_numeric_values.py",
    "tests/input/test_typed_columns.py",
    "tests/heads/test_head.py",
    "tests/analysis/test_audit.py",
    "tests/analysis/test_fit_record.py",
    "tests/datasets/test_bunch.py",
    "tests/datasets/test_shipped.py",
    "tests/datasets/test_synthetic.py",
    "tests/features/test_integrated_feature_analysis.py",
    "tests/erasure/test_columns.py",
    "tests/erasure/test_metadata_eraser.py",
    "tests/erasure/test_pipelines.py",
    "tests/utilization/test_from_outputs.py",
)
# What says the same with every release: claims over many studies, changes that no study
# must notice, sources and pages, what the tier `bare` tries, disks and memory that are
# full, and damaged files and the report in a browser, which rooms test on their own.
PINNED_ONLY = (
    "tests/report/test_browser.py",
    "tests/test_architecture.py",
    "tests/test_audit_dependencies.py",
    "tests/test_bare_install.py",
    "tests/test_benchmarks.py",
    "tests/test_calibration.py",
    "tests/test_changes.py",
    "tests/test_claims.py",
    "tests/test_class_pages.py",
    "tests/test_cluster_page.py",
    "tests/test_command_line_page.py",
    "tests/test_docstrings.py",
    "tests/test_documentation.py",
    "tests/test_examples.py",
    "tests/test_families.py",
    "tests/test_fault_disk.py",
    "tests/test_fault_memory.py",
    "tests/test_fuzz.py",
    "tests/test_invariances.py",
    "tests/test_pages_offline.py",
    "tests/test_no_network.py",
    "tests/test_properties.py",
    "tests/test_registries.py",
    "tests/test_release.py",
    "tests/test_require_extra.py",
    "tests/test_terms.py",
    "tests/test_tests.py",
    "tests/test_troubleshooting.py",
)
# Releases that were current together with each release of scikit-learn.
COMPANIONS = {
    "1.6": ("numpy<2.3", "scipy<1.16", "pandas<3", "anndata<0.12", "zarr<3"),
    "1.7": ("numpy<2.4", "scipy<1.17", "pandas<3", "anndata<0.13"),
    "1.8": ("numpy<2.5", "pandas<3"),
    "1.9": (),
}


def run_tests(session, *options):
    """Run the tests of this tier in parallel."""
    session.run("python", "-m", "pytest", *PARALLEL, *options, *session.posargs)


@nox.session(python="3.11")
def lint(session):
    """Lint, format and types."""
    session.install(*PINNED, "-e", ".[lint]")
    session.run("make", "lint", "PYTHON=python", external=True)


@nox.session(python=["3.11", "3.12", "3.13"])
def main(session):
    """All tests with the pinned versions."""
    session.install(*PINNED, "-e", ".[test]")
    run_tests(session)


@nox.session(python="3.11")
def audit(session):
    """Dependencies beside the list of known vulnerabilities, and pip check."""
    session.install(*PINNED, "-e", ".[torch,dask,plot,io,cli]", "packaging")
    session.run("python", "scripts/audit_dependencies.py", *session.posargs)


@nox.session(python="3.11")
def floors(session):
    """The lowest versions that pyproject.toml allows, see floors.txt."""
    session.install(
        *("-c", "floors.txt", "-e", ".[plot,io,cli]", *TOOLS),
        *("anndata", "playwright", "axe-playwright-python"),
    )
    for path in PINNED_ONLY:
        if not Path(path).exists():
            session.error(f"PINNED_ONLY: there is no {path}")
    ignored = (f"--ignore={path}" for path in PINNED_ONLY)
    run_tests(session, "-m", "not slow", *ignored)


@nox.session(python="3.11")
@nox.parametrize("release", [nox.param(name, id=name) for name in COMPANIONS])
def scikit_learn(session, release):
    """One minor release of scikit-learn with what was current beside it."""
    versions = (f"scikit-learn=={release}.*", TORCH, *COMPANIONS[release])
    session.install("-e", ".[test]", *versions)
    run_tests(session, "-m", "not slow")


@nox.session(python="3.11")
def latest(session):
    """The latest release of everything but torch."""
    session.install("--upgrade", "-e", ".[test]", TORCH)
    run_tests(session, "-m", "not slow")


@nox.session(python="3.11")
def bare(session):
    """No extra: the core works, and what needs an extra says which."""
    session.install(*PINNED, "-e", ".", "pytest", "pytest-xdist")
    run_tests(session, "-m", "not slow", *CORE)


@nox.session(python="3.11")
def package(session):
    """Wheel and sdist; the demo and the doctests from the wheel, elsewhere."""
    session.install(*PINNED, "build", "setuptools")
    folder = Path(session.create_tmp())
    session.run("python", "-m", "build", "--outdir", str(folder))
    (wheel,) = folder.glob("*.whl")
    session.install(*PINNED, f"{wheel}[dask,plot,io,cli]", "pytest", "mypy")
    session.run("python", "scripts/check_package.py", str(folder))


@nox.session(python="3.11")
def frameworks(session):
    """Exports from other frameworks, as the page on them shows."""
    session.install(*PINNED, "-e", ".[test]", *FRAMEWORKS)
    session.env.update(
        SKLEARN_WSCA_REQUIRE_FRAMEWORKS="1",
        KERAS_BACKEND="torch",
        HF_HUB_OFFLINE="1",
    )
    # What other packages warn of is no concern of this one.
    page = "tests/test_documentation.py"
    session.run("python", "-m", "pytest", page, "-k", "frameworks", "-W", "ignore")


@nox.session(python="3.11")
def docs(session):
    """The documentation with its gallery; warnings are errors."""
    session.install(*PINNED, "-e", ".[docs]")
    session.run("make", "docs", "PYTHON=python", external=True)


@nox.session(python="3.11")
def coverage(session):
    """Share of lines and branches that the tests reach."""
    session.install(*PINNED, "-e", ".[test]", "pytest-cov")
    run_tests(session, "--cov", "--cov-report", "term-missing:skip-covered")
