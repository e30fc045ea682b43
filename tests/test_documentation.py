"""Every promise of the pages is run: code, commands, outputs, links and contents."""

import copy
import inspect
import os
import re
import sys
from functools import cache

import matplotlib
import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import IntegratedFeatureAnalysis, WeightSpaceCorrelation
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS
from tests.pages import (
    DOCS,
    PAGES,
    README,
    ROOT,
    blocks,
    compare_text,
    contents_of,
    declare_operators,
    exists,
    fitted,
    headings_of,
    links_of,
    network,
    prose_of,
    read_blocks,
    read_commands,
    run_commands,
    run_python,
    write_files,
)

CONTRIBUTING, CHANGELOG = ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"
SECURITY = ROOT / "SECURITY.md"
# What the test of all pages runs, or compares with what is printed or written.
RUN = {"python", "console", "yaml", "text"}
# Commands of a shell: .ci/run runs those of README and contributing guide as they
# stand, and those of the evidence are benchmarks (test_benchmarks.py).
LONG = [README, CONTRIBUTING, *(DOCS / "evidence").glob("*.md")]

# Set in the tier `frameworks`, which has what no extra brings.
REQUIRE_FRAMEWORKS = bool(os.environ.get("SKLEARN_WSCA_REQUIRE_FRAMEWORKS"))


def name_of(page):
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def code_of(page):
    return [
        block
        for block in read_blocks(page.read_text("utf-8"))
        if block.language in RUN and not block.run_by
    ]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """What a reader has: the files in the working folder, and by the text of a page the
    names that it uses without making them (pages.py says what they are).
    """
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    study, new = write_files(tmp_path)

    def names_for(text):
        names = {}
        if re.search(r"\b(model|loader)\b", text):
            names |= network(study)
        if re.search(r"\b(analysis|X|y)\b", text):
            names |= fitted(study, new, tmp_path)
        return names

    before = copy.deepcopy(_dask_settings())
    yield names_for
    if before is not None:
        _dask_settings().clear()
        _dask_settings().update(before)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def _dask_settings():
    """Settings that a page may change for the whole process; None without dask."""
    try:
        import dask
    except ImportError:
        return None
    return dask.config.config


# The README is run by test_readme.py, which looks at what comes out of it too.
@pytest.mark.parametrize(
    "page", [p for p in PAGES if p != README and code_of(p)], ids=name_of
)
def test_code_runs_and_gives_the_output_that_is_shown(page, reader):
    code = code_of(page)
    text = "".join(block.text for block in code)
    if "import dask" in text:
        pytest.importorskip("dask")
    names = reader(text)
    kept, printed = [], ""
    for block in code:
        assert not (block.missing and REQUIRE_FRAMEWORKS), block.missing
        if block.missing:
            continue
        if {"timm", "transformers", "monai"} & {*block.needs}:
            kept.append(declare_operators())
        if block.language == "python":
            run_python(block, names, name_of(page))
        elif block.language == "text":
            compare_text(block, printed)
        else:
            printed = run_commands(block)


@each_page
def test_no_block_is_left_unrun(page):
    allowed = RUN | ({"sh"} if page in LONG else set())
    for block in read_blocks(page.read_text("utf-8")):
        if not re.fullmatch(r"\{(?!code|doctest).+", block.language):
            assert block.language in allowed, f"line {block.line}: {block.language!r}"
        if block.run_by:
            assert runs(block.run_by), f"line {block.line}: there is no {block.run_by}"


def runs(name):
    """Whether there is such a test, ``tests/FILE.py::FUNCTION``."""
    path, _, function = name.partition("::")
    return f"\ndef {function}(" in (ROOT / path).read_text("utf-8")


def test_the_shell_commands_of_a_clone_are_run_at_every_submission():
    """Those of the README and the set-up of the contributing guide, read from there."""
    submission = (ROOT / ".ci" / "run").read_text("utf-8")
    for page in (README, CONTRIBUTING):
        assert blocks("sh", page)
        assert f"commands_of {page.name}" in submission, page.name


def test_targets_and_tiers_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    tiers = (ROOT / "noxfile.py").read_text("utf-8")
    sessions = set(
        re.findall(r"^@nox.session.+\n(?:@nox.+\n)?def (\w+)\(", tiers, re.MULTILINE)
    )
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)", page.read_text("utf-8")):
            assert target in targets, name_of(page)
    rows = CONTRIBUTING.read_text("utf-8").split("| tier |")[1].split("\n\n")[0]
    listed = set(re.findall(r"^\| `(\w+)", rows, re.MULTILINE))
    assert listed == sessions


def test_what_no_extra_brings_is_installed_by_a_tier():
    """Blocks that are left out here are run by the tier `frameworks`."""
    tiers = (ROOT / "noxfile.py").read_text("utf-8")
    listed = tiers.split("FRAMEWORKS = (")[1].split(")")[0]
    installed = {*re.findall(r'"([\w-]+)==', listed), "anndata"}
    needs = {name for page in PAGES for block in code_of(page) for name in block.needs}
    assert {"timm", "transformers", "monai", "keras", "onnx", "scanpy"} <= needs
    assert needs <= installed


FOLDERS = ("sklearn_wsca", "tests", "docs", "examples", "scripts", "benchmarks")
# Names of other packages, and what readers have themselves.
OF_OTHERS = {
    *("permutation_test_score", "sensitivity_analysis", "cond_dist_method"),
    *("pre_logits", "input_ids", "attention_mask", "use_bias", "X_pca"),
    *("new_embeddings", "new_metadata", "image_files", "mu_bias", "mu_weight"),
    *("weightspacecorrelation__metadata", "SKLEARN_WSCA_REQUIRE_BROWSER"),
}


def code_in_prose(page):
    return re.findall(r"`([^`\n]+)`", prose_of(page))


@cache
def words_of_sources():
    """Names and options of everything but the tests, which repeat what pages say."""
    folders = set(FOLDERS) - {"tests", "docs"}
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    paths += [*(ROOT / "sklearn_wsca").rglob("*.json"), ROOT / "noxfile.py"]
    return {w for path in paths for w in re.findall(r"[\w-]+", path.read_text("utf-8"))}


def unknown_names(code):
    """Options, and names with an underscore, that no source has."""
    code = re.sub(r"\S*/\S*", "", code)  # paths
    pattern = r"(?<![\w.-])(--[a-z][\w-]+|[A-Za-z]\w*_\w*)"
    return set(re.findall(pattern, code)) - words_of_sources() - OF_OTHERS


@pytest.mark.parametrize("page", [*PAGES, CHANGELOG, SECURITY], ids=name_of)
def test_files_options_and_names_in_the_text_exist(page):
    for code in code_in_prose(page):
        assert unknown_names(code) == set(), code
        path = re.match(rf"(?:{'|'.join(FOLDERS)})/[\w/.*-]+$", code)
        made = code.startswith("docs/_build")
        assert not path or made or list(ROOT.glob(code.rstrip("/"))), code


def test_modules_that_the_house_names_exist():
    """By their path in package or repository, with what is said to be in them."""
    text = CONTRIBUTING.read_text("utf-8")
    named = re.findall(r"`([\w/]+\.py)(?:: ([\w.]+))?`", text)
    assert len(named) > 15 and sum(bool(name) for _, name in named) > 10
    for path, name in named:
        found = [p for p in (ROOT / "sklearn_wsca" / path, ROOT / path) if p.exists()]
        assert found, path
        for part in filter(None, name.split(".")):
            assert re.search(rf"(def|class) {part}\b", found[0].read_text("utf-8")), (
                name
            )


def test_a_name_that_nobody_has_is_found():
    assert unknown_names("fit(no_such_name=1) --no-such") == {
        "no_such_name",
        "--no-such",
    }
    assert unknown_names("utilization_test(kinds=...) --min-effect") == set()


@pytest.mark.parametrize("page", sorted((DOCS / "evidence").glob("*.md")), ids=name_of)
def test_the_evidence_is_made_by_benchmarks(page):
    for command in "".join(blocks("sh", page)).splitlines():
        assert command.startswith("python -m benchmarks."), command


def test_scripts_that_are_named_exist():
    named = {
        path.replace(".", "/").removesuffix("/py") + ".py"
        for page in PAGES
        for path in re.findall(
            r"(?:-m |python )(scripts[./][\w.]+)", page.read_text("utf-8")
        )
    }
    assert len(named) >= 2
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_extras_that_are_to_be_installed_exist():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    section = project.split("[project.optional-dependencies]")[1].split("\n[")[0]
    known = set(re.findall(r"^(\w+) = \[", section, re.MULTILINE))
    assert {"torch", "cli", "io", "plot", "dask"} <= known
    for page in PAGES:
        text = page.read_text("utf-8")
        for extras in re.findall(r"(?:sklearn_wsca|\.)\[([\w, ]+)\]", text):
            assert set(extras.replace(" ", "").split(",")) <= known, name_of(page)


@each_page
def test_pip_installs_this_package_only(page):
    for block in read_blocks(page.read_text("utf-8")):
        if block.language == "console":
            for program, *arguments in read_commands(block):
                if program == "pip":
                    action, *packages = arguments
                    assert action == "install"
                    assert all(
                        name.startswith(("sklearn_wsca", ".[")) for name in packages
                    )


class TestTheRunner:
    """The checks of this file fail where they should."""

    def run(self, text):
        names = {}
        for block in read_blocks(text):
            if block.language == "python":
                run_python(block, names, "page")
            else:
                run_commands(block)
        return names

    def test_blocks_share_their_names(self):
        page = "```python\nx = 2\n```\ntext\n```python\n>>> x + 1\n3\n>>> y = x\n```\n"
        assert self.run(page)["y"] == 2

    def test_another_output_fails(self):
        with pytest.raises(AssertionError, match="Expected:\n    4"):
            self.run("```python\n>>> 1 + 2\n4\n```\n")

    def test_an_error_names_the_line_of_the_page(self):
        with pytest.raises(ZeroDivisionError) as caught:
            self.run("title\n\n```python\nx = 1\nx / 0\n```\n")
        assert caught.traceback[-1].lineno + 1 == 5

    def test_a_command_that_fails_is_noticed_unless_stated(self):
        page = "```console\nwsca no-such-command\n```\n"
        with pytest.raises(AssertionError, match="No such command"):
            self.run(page)
        self.run(f"<!-- exit code 2 -->\n\n{page}")

    def test_only_the_commands_of_this_package_are_taken(self):
        with pytest.raises(AssertionError, match="line 2: rm"):
            self.run("```console\nrm -r report\n```\n")

    def test_a_command_goes_on_in_the_next_line(self):
        (block,) = read_blocks(
            "```console\nwsca audit a.npy \\\n  b.csv\nwsca demo\n```"
        )
        assert read_commands(block) == [
            ["wsca", "audit", "a.npy", "b.csv"],
            ["wsca", "demo"],
        ]

    def test_text_is_what_was_printed(self):
        (block,) = read_blocks("```text\none  two\nthree\n```\n")
        compare_text(block, "zero one two\n three four")
        with pytest.raises(AssertionError, match="line 2 is not printed"):
            compare_text(block, "one two four")

    def test_text_is_what_a_file_begins_with(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a.csv").write_text("x,y\n1,2\n", "utf-8")
        page = "<!-- begins a.csv -->\n```text\nx,y\n```\n"
        compare_text(*read_blocks(page), "")
        with pytest.raises(AssertionError, match=r"a\.csv begins otherwise"):
            compare_text(*read_blocks(page.replace("x,y", "y,x")), "")

    def test_the_script_of_a_pipeline_is_run(self):
        page = (
            '```yaml\na:\n  script:\n    - pip install ".[cli]"\n    - wsca audit a\n'
            "        --b c\n  artifacts:\n    paths:\n      - d\n```\n"
        )
        assert read_commands(*read_blocks(page)) == [
            ["pip", "install", ".[cli]"],
            ["wsca", "audit", "a", "--b", "c"],
        ]

    def test_a_test_that_runs_a_block_must_be_there(self):
        assert runs("tests/test_documentation.py::runs")
        assert not runs("tests/test_documentation.py::test_of_nobody")

    def test_what_a_block_needs_stands_before_it(self):
        page = "<!-- needs timm no_such -->\n\n```python\nx\n```\n```python\n```\n"
        first, second = read_blocks(page)
        assert first.needs == ("timm", "no_such") and "no_such" in first.missing
        assert second.needs == ()

    def test_a_block_must_be_closed(self):
        with pytest.raises(AssertionError, match="line 1 is not closed"):
            read_blocks("```python\nx = 1\n")


@pytest.mark.parametrize("page", [*PAGES, CHANGELOG, SECURITY], ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert exists(target), link
        if anchor and target.suffix == ".md":
            assert anchor in headings_of(target), link


@each_page
def test_every_page_of_the_gallery_that_is_named_has_an_example(page):
    text = page.read_text("utf-8")
    for inside in re.findall(r"\{doc\}`([^`]+)`", text):
        target = re.sub(r".*<(.+)>", r"\1", inside)
        folder = DOCS if target.startswith("/") else page.parent
        path = folder / target.lstrip("/")
        named = path if DOCS / "auto_examples" in path.parents else f"{path}.md"
        assert exists(type(path)(named)), target


def test_links_are_found_at_all():
    assert sum(len(links_of(page)) for page in PAGES) > 60
    assert "../CHANGELOG.md" in links_of(DOCS / "changelog.md")
    assert not exists(DOCS / "no_such_page.md")
    assert not exists(DOCS / "auto_examples" / "images" / "sphx_glr_plot_no_001.png")


def test_every_page_is_in_the_contents():
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.exists():
            reached.add(page)
            waiting += contents_of(page)
    assert reached == {page for page in PAGES if DOCS in page.parents}


# Pages that only include a file of the repository.
INCLUDING = [DOCS / f"{name}.md" for name in ("changelog", "contributing", "security")]
FIRST_SCREEN = 1800  # letters of a page that are seen without scrolling, roughly


def begins_with_something_to_do(text):
    """Whether code, a table, a picture or cards stand on the first screen."""
    shown = r"^(`{3}(python|console|sh)|!\[|:{4}\{grid\}|\|---)"
    return bool(re.search(shown, text[:FIRST_SCREEN], re.MULTILINE))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if DOCS in page.parents and page not in INCLUDING],
    ids=name_of,
)
def test_every_page_begins_with_something_to_do(page):
    assert begins_with_something_to_do(page.read_text("utf-8"))


def test_a_page_that_is_a_wall_is_found():
    assert not begins_with_something_to_do("# Title\n\n" + "Many words. " * 400)
    assert begins_with_something_to_do("# Title\n\n```console\nwsca demo\n```\n")


# What users of neighbouring tools ask for, and what the answer cannot do without.
DEMANDS = {
    "several rows per patient": "groups=",
    "patient in training and test": "audit",
    "the same answer twice": "random_state",
    "how many permutations": "n_permutations",
    "uncertainty": "utilization_low",
    "effect size": "probability_shift",
    "faster, stopped": "stop_after",
    "neither images nor the model": "utilization_test",
    "any metadata column": "left out",
    "continuous without bins": "ridge",
    "missing values": "NaN",
    "several classes and concepts": "correlation_",
    "null distribution": "null_distribution_",
    "few rows": "minimum_detectable_effect",
    "rare class": "aggregate",
    "direction and range": "numbers.md",
    "activation maps": "intensity_range_",
    "simplest example": "load_heart_hospitals",
}


def answers():
    """Questions with their answers."""
    text = (DOCS / "questions_and_answers.md").read_text("utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_there_is_an_answer_to_each_demand():
    assert len(DEMANDS) == 18
    assert len(answers()) == len(DEMANDS)
    assert all(question.endswith("?") for question in answers())


@pytest.mark.parametrize("number", range(len(DEMANDS)), ids=list(DEMANDS))
def test_an_answer_names_what_helps_and_where_to_read_on(number):
    question, answer = list(answers().items())[number]
    assert list(DEMANDS.values())[number] in answer, question
    assert re.search(r"\]\(.+\)|\{doc\}`", answer), question


# Attributes that are no numbers about a column: heads, the subspace, words.
NO_NUMBERS = {
    *("target_head_", "heads_", "head_", "classes_", "n_correct_", "ranking_"),
    *("mean_", "components_", "explained_variance_", "n_components_"),
    *("verdicts_", "summary_", "description_", "notes_", "dropped_columns_"),
    *("n_features_in_", "feature_names_in_", "targets_"),
}


def attributes_of(estimator):
    """Fitted attributes that the docstring lists, without those that are no numbers."""
    section = inspect.getdoc(estimator).split("Attributes\n")[1]
    section = section.split("\n\nSee Also")[0]
    lines = re.findall(r"^(\w+_(?:, \w+_)*) : ", section, re.MULTILINE)
    names = {name for line in lines for name in line.split(", ")} - NO_NUMBERS
    assert len(names) > 6
    return names


def names_by_page():
    """Names that the page on numbers lists, by the page that it sends to for them."""
    text = (DOCS / "guide" / "numbers.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (`.+`) \| \[.+\]\((numbers/\w+\.md)\) \|$", text, re.MULTILINE
    )
    found = {}
    for cell, page in rows:
        for name in re.findall(r"`(\w+)`", cell):
            assert name not in found, f"{name} is listed twice"
            found[name] = DOCS / "guide" / page
    return found


def explained_on(page):
    """Names that have a row in a table of a page, with a text of some length."""
    rows = re.findall(r"^\| (`.+?) \|(.+)\|$", page.read_text("utf-8"), re.MULTILINE)
    long = [cell for cell, text in rows if len(text.split()) >= 4]
    return {name for cell in long for name in re.findall(r"`(\w+)`", cell)}


def test_every_number_of_an_audit_is_listed_once():
    asked = attributes_of(WeightSpaceCorrelation) | set(SUMMARY_COLUMNS)
    assert asked - set(names_by_page()) == set()
    assert set(names_by_page()) - asked == set()


@pytest.mark.parametrize("page", sorted({*names_by_page().values()}), ids=name_of)
def test_every_number_is_explained_where_the_list_sends_to(page):
    listed = {name for name, of in names_by_page().items() if of == page}
    assert len(listed) >= 5
    assert listed - explained_on(page) == set()


def test_every_number_of_the_feature_analysis_is_explained():
    text = (DOCS / "guide" / "features.md").read_text("utf-8")
    names = attributes_of(IntegratedFeatureAnalysis)
    assert sorted(name for name in names if f"`{name}`" not in text) == []


@pytest.mark.parametrize("page", sorted({*names_by_page().values()}), ids=name_of)
def test_a_page_on_numbers_begins_with_one_picture_and_what_to_read(page):
    start = page.read_text("utf-8").split("\n## ")[0]
    assert re.match(r"# .+\?\n", start)
    assert len(re.findall(r"^!\[.+\]\(.+\.png\)$", start, re.MULTILINE)) == 1
    assert "| read | where it says | it does not say |" in start


def test_the_page_on_features_finds_the_shortcut(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for prefix, first_patient in (("", 0), ("new_", 80)):
        label, scanner = rng.integers(0, 2, (2, 80))
        maps = rng.gamma(2.0, 1.0, (80, 6, 5, 5))
        maps[:, 0] += label[:, None, None]
        maps[:, 1, :2, :2] += 3.0 * scanner[:, None, None]
        np.save(tmp_path / f"{prefix}maps.npy", maps)
        table = {
            "patient": np.arange(first_patient, first_patient + 80),
            "diagnosis": label.astype(str),
            "scanner": np.array(["A", "B"])[scanner],
        }
        pd.DataFrame(table).to_csv(tmp_path / f"{prefix}metadata.csv", index=False)
    weights = np.array([[0.0] * 6, [2.0, 1.0, 0.1, 0.1, 0.0, 0.0]])
    np.savez(tmp_path / "head.npz", weight=weights, bias=np.array([0.0, -7.0]))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in blocks("python", DOCS / "guide" / "features.md"):
        exec(compile(example, "features.md", "exec"), names)
    assert names["shares"]["share"].idxmax() == 1
    assert names["drawn"].shape == (80, 5, 5)
    assert names["shifts"].loc["scanner"]["pvalue_fwer"].idxmin() == 1
