"""Stop where packages of an extra are missing: ``require_extra.py docs``.

Says which are missing and the command that installs them, before another program fails
on the first of them.
"""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ITSELF = re.compile(r"sklearn_wsca\[([\w, ]+)\]")


def packages_of(extra: str) -> list[str]:
    """Names of the packages that an extra of pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = []
    for requirement in project["optional-dependencies"][extra]:
        if inside := ITSELF.fullmatch(requirement):
            for other in inside[1].split(","):
                found += packages_of(other.strip())
        else:
            found.append(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])
    return sorted(set(found))


def is_missing(package: str) -> bool:
    """Whether no version of a package is installed in this environment."""
    try:
        version(package)
    except PackageNotFoundError:
        return True
    return False


def main(extra: str) -> None:
    """Say what is missing and end with 1; be silent where nothing is."""
    missing = [package for package in packages_of(extra) if is_missing(package)]
    if missing:
        sys.exit(
            f"The extra {extra} is needed, without which {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Install it with: "
            f'{sys.executable} -m pip install -c constraints.txt -e ".[{extra}]"'
        )


if __name__ == "__main__":
    main(sys.argv[1])
