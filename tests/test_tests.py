"""Every module has its test file, and every test file takes part in the fast tier."""

import ast
from pathlib import Path

import pytest

from tests.fast_tier import LONG_TESTS

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "sklearn_wsca"
# Module -> why it has no test file of its own.
WITHOUT = {
    "__main__": "tests/cli/test_commands.py runs it",
    "_version": "holds one number",
}
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.stem != "__init__"
}
FILES = sorted(TESTS.rglob("test_*.py"))


def file_of(module):
    """Test file of a module, in the folder of the same name."""
    *room, name = (part.strip("_") for part in module.split("/"))
    return TESTS.joinpath(*room, f"test_{name}.py")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_test_file(module):
    assert file_of(module).exists() != (module in WITHOUT), file_of(module)


def test_no_exception_is_left_of_modules_that_are_gone():
    assert set(WITHOUT) <= set(MODULES)


def names_of_tests(path):
    """Tests of a file as pytest names them, but for slow ones."""
    file = path.relative_to(TESTS.parent).as_posix()
    for node in ast.parse(path.read_text("utf-8")).body:
        is_class = isinstance(node, ast.ClassDef)
        within = f"{file}::{node.name}" if is_class else file
        for test in node.body if is_class else [node]:
            marks = map(ast.unparse, getattr(test, "decorator_list", ()))
            is_test = getattr(test, "name", "").startswith("test_")
            if is_test and "pytest.mark.slow" not in marks:
                yield f"{within}::{test.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_test_file_takes_part_in_the_fast_tier(path):
    assert set(names_of_tests(path)) - set(LONG_TESTS.read_text("utf-8").split())
