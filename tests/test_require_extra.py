"""What is missing for the documentation is named, with what installs it."""

import subprocess
import sys
import venv

import pytest

from scripts import require_extra
from scripts.require_extra import ROOT, main, packages_of


def test_extras_within_an_extra_are_looked_into():
    found = packages_of("docs")
    assert {"sphinx", "latex2mathml", "torch", "click"} <= set(found)
    assert not [name for name in found if "sklearn_wsca" in name or "[" in name]


def test_nothing_is_said_where_everything_is_there(capsys, monkeypatch):
    monkeypatch.setattr(require_extra, "is_missing", lambda package: False)
    main("docs")
    assert capsys.readouterr() == ("", "")


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(require_extra, "is_missing", {"sphinx", "dask"}.__contains__)
    with pytest.raises(SystemExit, match=r'dask, sphinx are missing.*-e "\.\[docs\]"'):
        main("docs")


def test_the_build_of_the_pages_asks_first(tmp_path):
    """In an environment that has nothing but Python, `make docs` names the extra."""
    venv.create(tmp_path, with_pip=False)
    python = tmp_path / "bin" / "python"
    command = ["make", "docs", f"PYTHON={python}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "sphinx" in done.stderr
    assert f'{python} -m pip install -c constraints.txt -e ".[docs]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_that_nobody_has_is_missing():
    assert require_extra.is_missing("no-such-package-at-all")
    assert not require_extra.is_missing("pytest"), sys.path
