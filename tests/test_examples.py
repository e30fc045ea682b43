"""The examples have the form of the gallery; the documentation build runs them."""

import ast
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
HEADER = (EXAMPLES / "GALLERY_HEADER.rst").read_text("utf-8")
PATHS = sorted(EXAMPLES.glob("*.py"))
# What a build must not do: open a window, or read what is not there.
FORBIDDEN_CALLS = {"show", "fetch_openml", "urlopen", "urlretrieve", "simplefilter"}
TEMPORARY = {"folder", "path", "paths", "temporary"}

each_example = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def find_faults(source):
    """What is wrong with the form of an example, in words."""
    tree = ast.parse(source)
    faults = list(title_faults(ast.get_docstring(tree) or ""))
    if "\n# %%\n" not in source:
        faults.append("no block of text (# %%)")
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = called_name(call)
        if name in FORBIDDEN_CALLS:
            faults.append(f"calls {name}")
        if name == "print" and TEMPORARY & set(printed_names(call)):
            faults.append("prints the name of a temporary folder")
        if name == "mkdtemp":
            faults.append("leaves a temporary folder behind")
    return faults


def title_faults(docstring):
    """Whether the docstring is a title, its underline, and the question."""
    lines = docstring.splitlines()
    if len(lines) < 4:
        yield "no title with a text below"
        return
    title, underline = lines[:2]
    if set(underline) != {"="} or len(underline) != len(title):
        yield "the title is not underlined"
    if "?" not in docstring:
        yield "no question"


def called_name(call):
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def printed_names(call):
    """Variables that are printed as they are, not attributes of them."""
    inside_attributes = {
        id(node.value) for node in ast.walk(call) if isinstance(node, ast.Attribute)
    }
    for node in ast.walk(call):
        is_read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        if is_read and id(node) not in inside_attributes:
            yield node.id


@each_example
def test_an_example_has_the_form_of_the_gallery(path):
    assert find_faults(path.read_text("utf-8")) == []


def test_the_header_lists_every_example_once():
    listed = re.findall(r":doc:`(\w+)`", HEADER)
    assert sorted(listed) == [path.stem for path in PATHS]
    assert len(listed) >= 13


def test_every_example_is_run_by_the_gallery():
    # Other names are shown by sphinx-gallery without being run.
    assert [path.stem for path in PATHS if not path.stem.startswith("plot_")] == []


def test_titles_differ():
    titles = {path.read_text("utf-8").splitlines()[1] for path in PATHS}
    assert len(titles) == len(PATHS)


GOOD = '"""\nTitle\n=====\n\nIs it?\n"""\n\n# %%\n# Text.\nx = 1\n'


@pytest.mark.parametrize(
    "source, fault",
    [
        (GOOD.replace("=====", "==="), "the title is not underlined"),
        (GOOD.replace("?", "."), "no question"),
        (GOOD.replace("# %%\n", ""), "no block of text (# %%)"),
        ("x = 1\n\n# %%\n", "no title with a text below"),
        (GOOD + "plt.show()\n", "calls show"),
        (GOOD + "print(folder)\n", "prints the name of a temporary folder"),
        (GOOD + 'print(f"in {folder}")\n', "prints the name of a temporary folder"),
        (GOOD + "tempfile.mkdtemp()\n", "leaves a temporary folder behind"),
    ],
)
def test_a_fault_is_noticed(source, fault):
    assert find_faults(source) == [fault]


def test_what_is_allowed_is_no_fault():
    assert find_faults(GOOD + "print([path.name for path in folder.iterdir()])\n") == []
