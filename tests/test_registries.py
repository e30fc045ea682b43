"""What is in a registry stands where users read of it."""

from pathlib import Path

import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment.metrics import METRICS
from sklearn_wsca._alignment.null import NULLS
from sklearn_wsca._verdicts.registry import VERDICTS
from sklearn_wsca.io import load_embeddings, load_head
from sklearn_wsca.io._array_formats import ARRAY_FORMATS

DOCS = Path(__file__).parent.parent / "docs"
DOCSTRING = WeightSpaceCorrelation.__doc__


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_described(name):
    assert f'"{name}": ' in DOCSTRING
    assert f'| `"{name}"` |' in (DOCS / "guide" / "choosing.md").read_text("utf-8")


@pytest.mark.parametrize("name", NULLS)
def test_every_null_is_described(name):
    assert f'"{name}" ({NULLS[name].name})' in " ".join(DOCSTRING.split())
    page = (DOCS / "guide" / "permutations.md").read_text("utf-8")
    assert f'| alignment, `null="{name}"` |' in page


@pytest.mark.parametrize("word", VERDICTS)
def test_every_verdict_is_described(word):
    assert f'"{word}"' in DOCSTRING and f"*{word}*" in " ".join(DOCSTRING.split())


@pytest.mark.parametrize("suffix", ARRAY_FORMATS)
def test_every_format_of_arrays_is_described(suffix):
    name = suffix.strip(".").removesuffix("h")  # .pth is another name of .pt
    for where in (
        load_embeddings.__doc__,
        load_head.__doc__,
        (DOCS / "command_line.md").read_text("utf-8"),
    ):
        assert name in where
