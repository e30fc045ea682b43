"""Schemas that ship with the package, and what must be true of each."""

import json
from importlib.resources import files

import jsonschema

FOLDER = files("sklearn_wsca._report")
SCHEMAS = sorted(p.name for p in FOLDER.iterdir() if p.name.endswith(".schema.json"))


def read_schema(name="result.schema.json"):
    return json.loads((FOLDER / name).read_text("utf-8"))


def check_schema(result, name="result.schema.json"):
    jsonschema.Draft202012Validator(read_schema(name)).validate(result)
