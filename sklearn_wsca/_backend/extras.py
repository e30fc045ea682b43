"""Import of optional dependencies."""

from __future__ import annotations

import importlib
from typing import Any


def import_extra(module: str, extra: str, opening: str = "") -> Any:
    """Import a module of an optional dependency.

    Parameters
    ----------
    module : str
        Such as "pyarrow.parquet".
    extra : str
        Extra of this package that installs it.
    opening : str
        What the error says before the command; by default, that a file is read with it.

    Raises
    ------
    ImportError
        If it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        opening = opening or f"This file is read with {package}, which is not installed"
        raise ImportError(f'{opening}: pip install ".[{extra}]"') from error
