"""Docstrings, signatures and fitted attributes agree."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import (
    IntegratedFeatureAnalysis,
    MetadataEraser,
    WeightSpaceCorrelation,
)
from sklearn_wsca.datasets import make_shortcut

docscrape = pytest.importorskip("numpydoc.docscrape")
validation = pytest.importorskip("numpydoc.validate")

MODULES = ["", ".datasets", ".io", ".report", ".torch"]
# Left out are matters of taste, and sections that not every docstring needs.
CODES = {
    *("GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),
    *("SS01", "SS02", "SS04", "SS06"),
    *("PR01", "PR02", "PR03", "PR05", "PR06", "PR07", "PR10"),
    *("RT01", "RT03", "YD01"),
}


def public_objects():
    """Every public class and function by its full name."""
    found = {}
    for suffix in MODULES:
        if suffix == ".torch":
            try:
                importlib.import_module("torch")
            except ImportError:
                continue
        module = importlib.import_module(f"sklearn_wsca{suffix}")
        for name in module.__all__:
            if callable(getattr(module, name)):
                found[f"{module.__name__}.{name}"] = getattr(module, name)
    return found


def own_methods(name, of):
    """Public methods that are written in this package."""
    for method, function in inspect.getmembers(of, inspect.isroutine):
        module = getattr(function, "__module__", None) or ""
        if not method.startswith("_") and module.startswith("sklearn_wsca"):
            yield f"{name}.{method}", function


OBJECTS = public_objects()
CLASSES = {name: of for name, of in OBJECTS.items() if inspect.isclass(of)}
METHODS = dict(pair for item in CLASSES.items() for pair in own_methods(*item))
SIGNATURES = OBJECTS | METHODS
del SIGNATURES["sklearn_wsca.io.FileError"]  # Exceptions have none.
# What functions return has its example there.
RETURNED = ("Result", "Comparison", "Spread")
WITH_EXAMPLE = [n for n in OBJECTS if not n.endswith((".FileError", *RETURNED))]


def errors(name):
    return [(c, m) for c, m in validation.validate(name)["errors"] if c in CODES]


@pytest.mark.parametrize("name", SIGNATURES)
def test_docstring_follows_numpydoc_and_the_signature(name):
    assert errors(name) == []


def without_section(X):
    """Do without a section."""
    return X


def test_the_validation_finds_what_is_missing():
    found = errors(f"{__name__}.without_section")
    assert {code for code, _ in found} == {"PR01", "RT01"}


def stated_default(kind):
    match = re.search(r"default=(.+)$", kind)
    return match[1] if match else None


def as_stated(default):
    return repr(default).replace("'", '"')


@pytest.mark.parametrize("name", SIGNATURES)
def test_stated_defaults_are_those_of_the_signature(name):
    of = SIGNATURES[name]
    documented = {p.name: p.type for p in docscrape.get_doc_object(of)["Parameters"]}
    for parameter in inspect.signature(of).parameters.values():
        if parameter.name not in documented:
            continue
        stated = stated_default(documented[parameter.name])
        if parameter.default is inspect.Parameter.empty:
            assert stated is None, parameter
        else:
            assert stated == as_stated(parameter.default), parameter


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_public_objects_have_an_example(name):
    assert ">>> " in "\n".join(docscrape.get_doc_object(OBJECTS[name])["Examples"])


def fit_everything():
    """Estimators fitted so that every attribute is set."""
    study = make_shortcut(n_samples=120, n_features=8, random_state=0)
    table = study.metadata
    analysis = WeightSpaceCorrelation(
        ["target"],
        target_head=study.head,
        adjust_for_target=True,
        n_permutations=19,
        random_state=0,
        significance=0.5,
    )
    labels = np.where(table["target"] == table["target"].iloc[0], "a", "b")
    X = pd.DataFrame(study.data).add_prefix("unit ")
    return [
        analysis.fit(X, table),
        MetadataEraser(target="target").fit(X, table),
        IntegratedFeatureAnalysis(n_permutations=19).fit(X.abs(), labels),
    ]


FITTED = {type(estimator).__name__: estimator for estimator in fit_everything()}


@pytest.mark.parametrize("name", FITTED)
def test_fitted_attributes_are_those_of_the_docstring(name):
    estimator = FITTED[name]
    section = docscrape.get_doc_object(type(estimator))["Attributes"]
    documented = {name for entry in section for name in entry.name.split(", ")}
    fitted = {a for a in vars(estimator) if a.endswith("_") and not a.startswith("_")}
    assert len(fitted) > 5
    assert fitted == documented


def test_all_public_objects_are_in_the_reference():
    page = Path(__file__).parent.parent / "docs" / "reference.md"
    listed = {line.strip() for line in page.read_text("utf-8").splitlines()}
    assert {name.rsplit(".", 1)[1] for name in OBJECTS} - listed == set()
