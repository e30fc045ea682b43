"""The list of known vulnerabilities, and that no lowest version is on it."""

import re
import sys

import pandas as pd
import pytest

packaging = pytest.importorskip("packaging.specifiers")
pytest.importorskip("packaging.requirements")

from scripts.audit_dependencies import (  # noqa: E402
    ROOT,
    findings,
    lowest,
    main,
    pinned,
    read_list,
)

KNOWN = read_list()


def test_list_is_readable():
    assert not KNOWN.isna().any(axis=None)
    assert not KNOWN["identifier"].duplicated().any()
    assert set(KNOWN["reached"]) == {"yes", "no", "contained"}
    for row in KNOWN.itertuples():
        packaging.SpecifierSet(row.affected)
        assert re.fullmatch(r"(CVE-\d{4}|GHSA|PYSEC-\d{4})-[\w-]+", row.identifier)


@pytest.mark.parametrize(
    ("package", "version", "found"),
    [
        ("torch", "2.9.1", {"CVE-2026-24747"}),
        ("torch", "2.10.0", set()),
        ("pyarrow", "14.0.0", {"CVE-2023-47248"}),
        ("h5py", "3.11.0", {"CVE-2026-26200", "CVE-2024-29157"}),
        ("openpyxl", "2.4.1", {"CVE-2017-5992"}),
    ],
)
def test_versions_below_a_fix_are_found(package, version, found):
    versions = {package: packaging.Version(version)}
    reached = [text for reached, text in findings(versions, KNOWN) if reached]
    assert {name for name in KNOWN["identifier"] if name in " ".join(reached)} == found


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param(lowest(ROOT / "pyproject.toml"), id="pyproject.toml"),
        pytest.param(pinned(ROOT / "floors.txt"), id="floors.txt"),
        pytest.param(pinned(ROOT / "constraints.txt"), id="constraints.txt"),
    ],
)
def test_no_version_of_ours_is_on_it(versions):
    reached = {*KNOWN.loc[KNOWN["reached"] == "yes", "package"]}
    assert len(reached & {*versions}) >= 2
    assert [text for reached, text in findings(versions, KNOWN) if reached] == []


def test_floors_are_what_pyproject_allows():
    allowed, floors = lowest(ROOT / "pyproject.toml"), pinned(ROOT / "floors.txt")
    extra = {"pyparsing"}
    assert len(floors) > 10
    assert {name: floors[name] for name in {*floors} - extra} == {
        name: allowed[name] for name in {*floors} - extra
    }


def test_the_command_fails_where_something_is_reached(monkeypatch, capsys):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pd.Series({"returncode": 0}))
    assert main() == 0
    assert "known vulnerabilities compared: ok" in capsys.readouterr().out
    everything = KNOWN.assign(affected=">=0", reached="yes")
    module = sys.modules["scripts.audit_dependencies"]
    monkeypatch.setattr(module, "read_list", lambda: everything)
    assert main() == 1
    assert "floors.txt: torch" not in capsys.readouterr().out
