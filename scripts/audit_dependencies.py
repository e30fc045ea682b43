"""Compare what is installed, pinned and allowed with known vulnerabilities.

``python scripts/audit_dependencies.py`` runs ``pip check``, and compares versions of
installed packages, of constraints.txt and of floors.txt, and the lowest versions of
pyproject.toml, with known_vulnerabilities.csv. It ends with 1 where a vulnerable
version could be installed whose flaw this package reaches, and needs no network. In the
column `reached`, "contained" is a flaw that a file can trigger in a process of its own.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LIST = ROOT / "known_vulnerabilities.csv"
REACHED = "yes"


def installed() -> dict[str, Version]:
    """Versions of what is installed."""
    return {
        canonicalize_name(found.metadata["Name"]): Version(found.version)
        for found in distributions()
        if found.metadata["Name"]
    }


def pinned(path: Path) -> dict[str, Version]:
    """Versions of a file of pins."""
    lines = re.findall(r"^([\w.-]+)==([^\s#]+)", path.read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in lines}


def lowest(path: Path) -> dict[str, Version]:
    """Lowest versions that a pyproject.toml allows, of all extras."""
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    lines = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        lines += extra
    found: dict[str, Version] = {}
    for requirement in map(Requirement, lines):
        for part in requirement.specifier:
            name, version = canonicalize_name(requirement.name), Version(part.version)
            if part.operator in (">=", "=="):
                found[name] = min(version, found.get(name, version))
    return found


def findings(
    versions: dict[str, Version], known: pd.DataFrame
) -> Iterator[tuple[bool, str]]:
    """Vulnerable versions: whether their flaw is reached, and what it is."""
    for row in known.itertuples():
        version = versions.get(canonicalize_name(row.package))
        affected = SpecifierSet(row.affected, prereleases=True)
        if version is not None and version in affected:
            text = f"{row.package} {version} ({row.affected}): {row.identifier}"
            yield row.reached == REACHED, f"{text}, {row.what}; reached: {row.reached}"


def read_list(path: Path = LIST) -> pd.DataFrame:
    """Known vulnerabilities."""
    return pd.read_csv(path, dtype=str)


def main() -> int:
    """Print what was found; 1 if something must be done."""
    check = subprocess.run(
        [sys.executable, "-m", "pip", "check"], text=True, check=False
    )
    known, failed = read_list(), check.returncode != 0
    sources = {
        "installed": installed(),
        "constraints.txt": pinned(ROOT / "constraints.txt"),
        "floors.txt": pinned(ROOT / "floors.txt"),
        "pyproject.toml allows": lowest(ROOT / "pyproject.toml"),
    }
    for source, versions in sources.items():
        for reached, text in findings(versions, known):
            failed |= reached
            print(f"{source}: {text}")
    print(
        f"{len(known)} known vulnerabilities compared: {'FAILED' if failed else 'ok'}"
    )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
