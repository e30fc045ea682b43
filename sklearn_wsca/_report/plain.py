"""Values of Python, numpy and pandas -> what JSON can hold, and names as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def as_plain(value: Any) -> Any:
    """Turn a value into dicts, lists, text, numbers, booleans and None.

    What is missing or not finite becomes None, because JSON has no word for it.
    """
    if isinstance(value, dict):
        return {str(key): as_plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return as_plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or isinstance(value, (bool, int, str)):
        return None if value is pd.NA else value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return str(value)


def column_text(name: Any) -> str:
    """Name of a column as text; combined columns are joined like their levels."""
    return " & ".join(map(str, name)) if isinstance(name, tuple) else str(name)
