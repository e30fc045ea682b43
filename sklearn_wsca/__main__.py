"""Entry point of the command ``wsca`` and of ``python -m sklearn_wsca``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

NEEDED = ("click", "rich", "jinja2", "matplotlib")


def main() -> None:
    """Run the command line, or say which extra it needs."""
    for package in NEEDED:
        if find_spec(package) is None:
            sys.exit(
                f"wsca: the command line needs {package}, which is not installed. "
                'Install it with: pip install ".[cli]"'
            )
    try:
        from sklearn_wsca._cli.commands import wsca
    except KeyboardInterrupt:
        sys.exit("Aborted!")
    wsca(prog_name="wsca")


if __name__ == "__main__":
    main()
