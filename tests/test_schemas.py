"""Schemas of the files that the commands write: valid, and every key is described."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from sklearn_wsca._comparison.result import COMPARISON_VERDICTS
from sklearn_wsca._verdicts.registry import VERDICTS
from tests.schemas import SCHEMAS, read_schema

each_schema = pytest.mark.parametrize("name", SCHEMAS)


def undescribed(node, path=""):
    for key, entry in node.get("properties", {}).items():
        if "$ref" not in entry and "description" not in entry:
            yield f"{path}.{key}"
        yield from undescribed(entry, f"{path}.{key}")
    for key, entry in node.get("$defs", {}).items():
        yield from undescribed(entry, key)
    if isinstance(node.get("items"), dict):
        yield from undescribed(node["items"], f"{path}[]")


def test_there_is_one_for_every_file():
    assert SCHEMAS == [
        "comparison.schema.json",
        "intervention.schema.json",
        "networks.schema.json",
        "result.schema.json",
    ]


@each_schema
def test_it_is_itself_valid(name):
    jsonschema.Draft202012Validator.check_schema(read_schema(name))


@each_schema
def test_every_key_is_described(name):
    assert list(undescribed(read_schema(name))) == []


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("result.schema.json", VERDICTS),
        ("networks.schema.json", VERDICTS),
        ("comparison.schema.json", COMPARISON_VERDICTS),
    ],
)
def test_verdicts_are_those_of_the_package(name, verdicts):
    assert read_schema(name)["$defs"]["verdict"]["enum"] == list(verdicts)


def test_a_key_without_a_description_is_noticed():
    schema = {"properties": {"a": {"items": {"properties": {"b": {}}}}}}
    assert list(undescribed(schema)) == [".a", ".a[].b"]


PAGE = (Path(__file__).parent.parent / "docs" / "result.md").read_text("utf-8")


def section_on(name):
    """What the page says of a schema: under its heading, or before all of these."""
    first, *others = re.split(r"^## (.+)\n", PAGE, flags=re.MULTILINE)
    sections = dict(zip(others[::2], others[1::2], strict=True))
    return sections.get(name.partition(".")[0].capitalize(), first)


@each_schema
def test_the_page_lists_the_keys_of_a_file_and_no_others(name):
    section, schema = section_on(name), read_schema(name)
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    listed = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    assert listed == set(schema["properties"]) - {"schema_version"}
    version = schema["properties"]["schema_version"]["const"]
    assert (
        f"It is {version} now" in section or f"begins at version {version}" in section
    )
    assert name in section


@each_schema
def test_keys_that_the_page_explains_are_in_the_schema(name):
    rows = re.findall(r"^\| `.+?\|(.+)\|$", section_on(name), re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}
    known = set(re.findall(r'"(\w+)"', json.dumps(read_schema(name))))
    assert named and named - known == set()
