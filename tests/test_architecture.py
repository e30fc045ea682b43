"""Imports point down the table of CONTRIBUTING.md, and the table is complete."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sklearn_wsca"
# Used by every room.
EVERYWHERE = {"__init__", "_compat", "_version"}


def rooms():
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| (`.*) \|$", table, re.MULTILINE)
    return [re.findall(r"`(\w+)`", modules) for _, modules in rows]


def level_of():
    return {name: i for i, modules in enumerate(rooms()) for name in modules}


def files_of(name):
    """Files of a module, or of a package of modules."""
    folder = PACKAGE / name
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{name}.py"]


def imported_modules(path):
    tree = ast.parse(path.read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [node.module for node in found if node.module]
    return {n.split(".")[1] for n in names if n.startswith("sklearn_wsca.")}


def test_every_module_has_a_room():
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert (modules | packages) - EVERYWHERE == set(level_of())


@pytest.mark.parametrize("name", sorted(level_of()))
def test_imports_point_down(name):
    level = level_of()
    for path in files_of(name):
        for imported in imported_modules(path) - EVERYWHERE:
            assert level[imported] >= level[name], f"{path} imports {imported}"


def test_only_compat_imports_private_names():
    for path in PACKAGE.rglob("*.py"):
        if path.stem == "_compat":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                own = node.module.split(".")[0] == "sklearn_wsca"
                private = [a.name for a in node.names if a.name.startswith("_")]
                parts = [p for p in node.module.split(".") if p.startswith("_")]
                foreign = not own and node.module != "__future__"
                assert not (foreign and (private or parts)), (path.name, node.module)
