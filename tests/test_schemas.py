"""Schemas of the files that the commands write: valid, and every key is described."""

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
