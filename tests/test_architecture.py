"""Imports point down the plan of CONTRIBUTING.md, and the plan is complete."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sklearn_wsca"
# Used by every room.
EVERYWHERE = {"__init__", "_compat", "_version"}
# What users import from, so their `__init__` exports it.
PUBLIC = {"datasets", "io", "torch"}
FILES = sorted(PACKAGE.rglob("*.py"))


def floors():
    """Floor of every room, as drawn in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = re.findall(r"^ *(\d+)  +((?:\w+/? )+)", text, re.MULTILINE)
    return {room.strip("/"): int(n) for n, rooms in drawn for room in rooms.split()}


FLOOR = floors()


def parts_of(path):
    """Names of a module below the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts


def own_imports(path):
    """Modules of this package that a file imports: (parts, imported names)."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, *parts = node.module.split(".")
            if package == PACKAGE.name and parts:
                yield parts, [alias.name for alias in node.names]


def test_every_room_is_in_the_plan():
    rooms = {parts_of(path)[0] for path in FILES}
    assert rooms - EVERYWHERE == set(FLOOR)


@pytest.mark.parametrize("room", sorted(FLOOR))
def test_imports_point_down(room):
    for path in (path for path in FILES if parts_of(path)[0] == room):
        for (imported, *_), _ in own_imports(path):
            if imported not in {room, *EVERYWHERE}:
                assert FLOOR[imported] < FLOOR[room], f"{path} imports {imported}"


@pytest.mark.parametrize("room", sorted(FLOOR))
def test_no_circle_within_a_room(room):
    below = {
        path.stem: {parts[1] for parts, _ in own_imports(path) if parts[0] == room}
        for path in FILES
        if parts_of(path)[0] == room and len(parts_of(path)) == 2
        if path.stem != "__init__"
    }
    while below:
        free = {name for name, imported in below.items() if not imported & set(below)}
        assert free, f"a circle among {sorted(below)} of {room}"
        below = {name: below[name] for name in below.keys() - free}


def test_nobody_imports_what_is_private_in_another_room():
    for path in FILES:
        for parts, names in own_imports(path):
            if parts[0] not in {parts_of(path)[0], *EVERYWHERE}:
                private = [n for n in (*parts[1:], *names) if n.startswith("_")]
                assert not private, f"{path} imports {private} of {parts[0]}"


@pytest.mark.parametrize("room", sorted(r for r in FLOOR if (PACKAGE / r).is_dir()))
def test_a_room_says_what_it_is_for(room):
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))
    assert ast.get_docstring(tree)
    assert room in PUBLIC or len(tree.body) == 1, "it imports nothing"


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(parts_of(path)))
def test_no_module_has_the_name_of_what_is_in_it(path):
    body = ast.parse(path.read_text("utf-8")).body
    defined = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assert path.stem not in defined


def test_only_compat_imports_private_names_of_others():
    for path in FILES:
        if path.stem == "_compat":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                package, *parts = node.module.split(".")
                names = [*parts, *(alias.name for alias in node.names)]
                private = [name for name in names if name.startswith("_")]
                foreign = package not in {PACKAGE.name, "__future__"}
                assert not (foreign and private), f"{path} imports {private}"


def test_the_wheel_ships_nothing_that_only_tests_or_pages_need():
    """Each module is imported or run by another one, and each file is read."""
    sources = {path: path.read_text("utf-8") for path in FILES}
    imported = {
        (*parts, *name)
        for path in FILES
        for parts, names in own_imports(path)
        for name in ([], *([name] for name in names))
    }
    templates = (PACKAGE / "_report" / "templates").iterdir()
    read = " ".join([*sources.values(), *(t.read_text("utf-8") for t in templates)])
    for path in FILES:
        module = ".".join((PACKAGE.name, *parts_of(path)))
        if path.stem not in ("__init__", "__main__", "report"):  # those users name
            assert parts_of(path) in imported or f'"{module}:' in read, module
    files = [p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix not in OF_PYTHON]
    assert len(files) > 15
    for path in files:
        assert path.name in SHIPPED_FOR_READERS or path.stem.split(".")[0] in read, path


OF_PYTHON = {".py", ".pyc", ".pyo"}
# Licences of the data, the mark of PEP 561, and schemas that programs of users read.
SHIPPED_FOR_READERS = {
    *("README.md", "py.typed", "comparison.schema.json", "intervention.schema.json"),
    "networks.schema.json",
}
