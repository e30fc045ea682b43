"""What is printed for the report of a fault."""

import platform
from importlib.metadata import version

import pytest

from scripts.require_extra import packages_of
from sklearn_wsca import WeightSpaceCorrelation, __version__
from sklearn_wsca._cli import _versions
from sklearn_wsca._cli._versions import NEEDED, OF_EXTRAS, describe_installation
from tests.command_runs import run


def sections():
    return {title: dict(rows) for title, rows in describe_installation()}


@pytest.mark.parametrize(
    "order", [("--version", "--verbose"), ("--verbose", "--version")]
)
def test_everything_that_is_described_is_printed(order):
    printed = run(*order).stdout
    assert printed.startswith(f"sklearn_wsca, version {__version__}\n")
    for title, rows in sections().items():
        assert f"\n{title}\n" in printed
        for name in rows:
            assert f"\n  {name} " in printed


def test_the_version_alone_is_one_line():
    assert run("--version").stdout == f"sklearn_wsca, version {__version__}\n"


def test_verbose_goes_with_version_only():
    assert "--verbose goes with --version" in run("--verbose", "demo", code=2).stderr


def test_versions_are_those_that_are_installed():
    found = sections()
    assert found["needed"] == {name: version(name) for name in NEEDED}
    assert found["of extras"]["click"] == version("click")
    assert found["system"]["python"] == platform.python_version()


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(_versions, "OF_EXTRAS", ("no-such-package",))
    assert sections()["of extras"] == {"no-such-package": "not installed"}


def test_threads_and_variables_are_those_of_the_process(monkeypatch):
    monkeypatch.setenv("COLUMNS", "77")
    monkeypatch.delenv("NO_COLOR", raising=False)
    found = sections()
    assert found["environment"]["COLUMNS"] == "77"
    assert found["environment"]["NO_COLOR"] == "-"
    assert any("threads" in value for value in found["threads"].values())


def test_settings_are_the_defaults_of_an_analysis():
    parameters = WeightSpaceCorrelation().get_params()
    found = sections()["defaults"]
    assert found == {name: str(parameters[name]) for name in found}
    assert {"n_permutations", "min_effect", "significance"} <= set(found)


def test_every_package_of_an_extra_is_listed():
    extras = ("torch", "dask", "plot", "io", "cli")
    asked = {name for extra in extras for name in packages_of(extra)}
    assert asked - {"joblib"} == set(OF_EXTRAS)
