"""The page on changes names what is new since 0.1.0, of which nothing has gone."""

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS

pytest.importorskip("torch")
pytest.importorskip("click")

from sklearn_wsca._cli.commands import wsca

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "changes.md").read_text("utf-8")
# Public names with their parameters, fitted attributes, columns, options of commands.
RELEASED = json.loads((HERE / "surface_0_1_0.json").read_text("utf-8"))


def parameters_of(of):
    """Names of parameters without the object itself."""
    try:
        names = list(inspect.signature(of).parameters)
    except ValueError:  # exceptions have none
        return []
    return [name for name in names if name not in ("self", "source")]


def names_with_parameters():
    """Public classes, functions and methods by their full names."""
    for suffix in ("", ".datasets", ".io", ".report", ".torch"):
        module = importlib.import_module(f"sklearn_wsca{suffix}")
        for name in module.__all__:
            of = getattr(module, name)
            if callable(of):
                yield f"{module.__name__}.{name}", parameters_of(of)
            if inspect.isclass(of):
                for method, function in inspect.getmembers(of, inspect.isroutine):
                    written = getattr(function, "__module__", None) or ""
                    if method[0] != "_" and written.startswith("sklearn_wsca"):
                        full = f"{module.__name__}.{name}.{method}"
                        yield full, parameters_of(function)


def attributes():
    section = inspect.getdoc(WeightSpaceCorrelation).split("Attributes\n")[1]
    lines = re.findall(r"^(\w+_(?:, \w+_)*) : ", section, re.MULTILINE)
    return [name for line in lines for name in line.split(", ")]


NAMES = dict(names_with_parameters())
OPTIONS = {
    command: {option for p in of.params for option in p.opts if option[:2] == "--"}
    for command, of in wsca.commands.items()
}


def is_named(name):
    """Whether the page has it as code, alone or within something longer."""
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", c) for c in CODE)


CODE = re.findall(r"`([^`\n]+)`", PAGE)


def test_nothing_has_gone():
    assert len(RELEASED["names"]) > 50 and len(RELEASED["attributes"]) > 30
    for name, parameters in RELEASED["names"].items():
        assert set(parameters) - {"self", "source"} <= set(NAMES[name]), name
    assert set(RELEASED["attributes"]) <= set(attributes())
    assert set(RELEASED["columns"]) <= set(SUMMARY_COLUMNS)
    for command, options in RELEASED["options"].items():
        assert set(options) <= OPTIONS[command], command


def test_new_names_are_on_the_page():
    """Of a class alone, whose methods have pages of the reference."""
    new = NAMES.keys() - RELEASED["names"].keys()
    assert len(new) > 20
    classes = {name.rpartition(".")[0] for name in new} & new
    short = {
        name.rpartition(".")[2]
        for name in new
        if name.rpartition(".")[0] not in classes
    }
    assert {name for name in short - {"fit_transform"} if not is_named(name)} == set()


def test_new_parameters_are_on_the_page():
    new = {
        parameter
        for name in NAMES.keys() & RELEASED["names"].keys()
        for parameter in {*NAMES[name]} - {*RELEASED["names"][name]}
    }
    assert len(new) > 20
    assert {name for name in new if not is_named(name)} == set()


def test_new_attributes_columns_and_options_are_on_the_page():
    new = {*attributes()} - {*RELEASED["attributes"]}
    new |= {*SUMMARY_COLUMNS} - {*RELEASED["columns"]}
    for command, options in OPTIONS.items():
        known = RELEASED["options"].get(command)
        new |= {f"wsca {command}"} if known is None else options - {*known}
    assert len(new) > 40
    assert {name for name in new if not is_named(name)} == set()


def test_what_nobody_wrote_is_missed():
    assert not is_named("--no-such-option") and not is_named("perform")
