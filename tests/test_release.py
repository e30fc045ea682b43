"""What a release says of itself agrees: version, changelog, citation, metadata."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from sklearn_wsca import __version__

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))
# What Zenodo reads of the file in a repository, see "deposit metadata" of its
# documentation; licences by their SPDX names.
ZENODO = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "description", "upload_type", "creators", "license"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "description": {"type": "string", "pattern": "^<p>.+</p>$"},
        "upload_type": {"const": "software"},
        "version": {"type": "string"},
        "access_right": {"enum": ["open", "embargoed", "restricted", "closed"]},
        "license": {"type": "string"},
        "language": {"type": "string", "pattern": "^[a-z]{3}$"},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "creators": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    name: {"type": "string"}
                    for name in ("name", "affiliation", "orcid")
                },
            },
        },
        "related_identifiers": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["identifier", "relation"],
                "properties": {
                    "identifier": {"type": "string"},
                    "relation": {"enum": ["references", "cites", "isSupplementTo"]},
                    "scheme": {"enum": ["arxiv", "doi", "url"]},
                },
            },
        },
    },
}


def read(name):
    return (ROOT / name).read_text("utf-8")


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def zenodo():
    return json.loads(read(".zenodo.json"))


def test_every_file_names_the_same_version():
    assert re.search(r"^version: (.+)$", read("CITATION.cff"), re.MULTILINE)[1] == (
        __version__
    )
    assert zenodo()["version"] == __version__


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"^## (\S+) \((.+)\)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0][0] == __version__
    for _, day in headings[1:]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    versions = [tuple(map(int, name.split("."))) for name, _ in headings]
    assert versions == sorted(versions, reverse=True) and len(versions) >= 2


def test_the_metadata_for_zenodo_are_valid():
    jsonschema.validate(zenodo(), ZENODO)


@pytest.mark.parametrize(
    "change",
    [{"upload_type": "programme"}, {"creators": []}, {"licence": "MIT"}],
    ids=str,
)
def test_what_zenodo_would_refuse_is_found(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(zenodo() | change, ZENODO)


def test_licence_keywords_and_papers_are_those_of_the_project():
    assert zenodo()["license"] == project()["license"]
    assert zenodo()["keywords"] == project()["keywords"]
    for item in zenodo()["related_identifiers"]:
        assert item["identifier"] in read("CITATION.cff")


def requirements(listed):
    """Names of what is required, without versions and without this package."""
    names = [re.match(r"[\w-]+", item)[0] for item in listed]
    return [name for name in names if name != "sklearn_wsca"]


def test_what_is_needed_is_what_the_first_page_says():
    page = read("docs/start.md")
    core = re.search(r"The core needs (.+) only\.", page)[1]
    for name in requirements(project()["dependencies"]):
        assert re.search(rf"\b{name}\b", core), name
    rows = re.findall(r"^\| `(\w+)` \|.+\| (.+) \|$", page, re.MULTILINE)
    extras = project()["optional-dependencies"]
    assert [name for name, _ in rows] and len(rows) == len(
        extras
    ) - 3  # docs, lint, test
    for name, brought in rows:
        known = requirements(extras[name])
        assert sorted(brought.split(", ")) == sorted(set(known) - {"joblib"}), name


@pytest.mark.parametrize("name", ["README.md", "docs/start.md"])
def test_the_lowest_python_is_the_one_that_is_said(name):
    (said,) = re.findall(r"Python ([\d.]+) or newer", read(name))
    assert project()["requires-python"] == f">={said}"


def test_an_issue_asks_for_the_versions():
    """The command that it asks for is tested in tests/cli/test_versions.py."""
    texts = [path.read_text("utf-8") for path in TEMPLATES]
    assert len(texts) == 2
    assert any("\nwsca --version --verbose\n" in text for text in texts)
    for text in texts:
        assert re.match(r"---\nname: .+\nabout: .+\nlabels: \w+\n---\n", text)
        for page in re.findall(r"docs/[\w/]+\.md", text):
            assert (ROOT / page).exists(), page
