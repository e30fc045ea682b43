"""Entry point of the command ``wsca`` and of ``python -m sklearn_wsca``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say which extra it needs."""
    try:
        from sklearn_wsca._cli import wsca
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in {"click", "rich"}:
            raise
        sys.exit(
            f"wsca: the command line needs {package}, which is not installed. "
            'Install it with: pip install "sklearn_wsca[cli]"'
        )
    wsca(prog_name="wsca")


if __name__ == "__main__":
    main()
