"""Pages of the documentation: their code blocks, and what a reader of them has."""

from __future__ import annotations

import doctest
import re
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._cli.commands import wsca
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.report import to_json

ROOT = Path(__file__).parent.parent
README, DOCS = ROOT / "README.md", ROOT / "docs"
GENERATED = ("_build", "auto_examples", "generated")
PAGES = [README, ROOT / "CONTRIBUTING.md"] + sorted(
    page
    for page in DOCS.rglob("*.md")
    if page.relative_to(DOCS).parts[0] not in GENERATED
)
N_ROWS, N_INPUTS, N_FEATURES = 240, 20, 12
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>.*)$")
EXIT_CODE = re.compile(r"<!-- exit code (\d+) -->")
NEEDS = re.compile(r"<!-- needs ([\w ]+) -->")
BEGINS = re.compile(r"<!-- begins ([\w.]+) -->")
RUN_BY = re.compile(r"<!-- run by (\S+) -->")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Parameters
    ----------
    language : str
        What stands behind the opening fence; a directive is in braces.
    text : str
        What is in it.
    line : int
        Number of its first line on the page, from 1.
    exit_code : int
        What its commands must end with, stated in a comment just before it.
    needs : tuple of str
        Packages that no extra brings, stated in a comment just before it.
    begins : str
        File of a reader that begins with it, stated in a comment just before it.
    run_by : str
        Test or file that runs it in place of the test of all pages, stated likewise.
    """

    language: str
    text: str
    line: int
    exit_code: int = 0
    needs: tuple[str, ...] = ()
    begins: str = ""
    run_by: str = ""

    @property
    def missing(self):
        """What it needs and is not installed."""
        return [name for name in self.needs if find_spec(name) is None]


def read_blocks(text):
    """All fenced blocks of a page in order."""
    blocks, opened, lines, before = [], None, [], ""
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None:
            if fence:
                opened, lines = (fence, number), []
                marks = read_marks(before.strip())
            before = line or before
        elif fence and not fence["language"] and fence["ticks"] == opened[0]["ticks"]:
            language = opened[0]["language"].strip()
            inside = "".join(f"{line}\n" for line in lines)
            blocks.append(Block(language, inside, opened[1] + 1, **marks))
            opened, before = None, ""
        else:
            lines.append(line.removeprefix(opened[0]["indent"]))
    assert opened is None, f"the block of line {opened[1]} is not closed"
    return blocks


def read_marks(comment):
    """What the comment before a block states, by the names of `Block`."""
    marks = {}
    if stated := EXIT_CODE.fullmatch(comment):
        marks["exit_code"] = int(stated[1])
    if stated := NEEDS.fullmatch(comment):
        marks["needs"] = tuple(stated[1].split())
    if stated := BEGINS.fullmatch(comment):
        marks["begins"] = stated[1]
    if stated := RUN_BY.fullmatch(comment):
        marks["run_by"] = stated[1]
    return marks


def blocks(language, page=README):
    """Texts of the blocks of one language."""
    found = read_blocks(page.read_text("utf-8"))
    return [block.text for block in found if block.language == language]


def prose_of(page):
    """Lines of a page outside of its code; what is inside directives counts."""
    lines = page.read_text("utf-8").splitlines()
    for block in read_blocks(page.read_text("utf-8")):
        if not block.language.startswith("{"):
            end = block.line - 1 + len(block.text.splitlines())
            lines[block.line - 1 : end] = [""] * (end - block.line + 1)
    return "\n".join(lines)


def links_of(page):
    """Targets of links, pictures and included files, without those to other sites."""
    text = prose_of(page)
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]+`", "", text))
    found += re.findall(r"\{(?:include|image|figure)\} (\S+)", text)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def headings_of(page):
    """Anchors of a page as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain}


def example_of(path):
    """The example that a page or picture of the gallery is made from."""
    name = path.name.removeprefix("sphx_glr_").removesuffix(".png")
    name = re.sub(r"_(\d{3}|thumb)$", "", name).removesuffix(".md").removesuffix(".rst")
    return ROOT / "examples" / f"{name}.py"


def exists(path):
    path = path.resolve()
    gallery = DOCS / "auto_examples"
    if gallery in path.parents:
        return path.stem == "index" or example_of(path).exists()
    return path.exists()


def contents_of(page):
    """Pages that the tables of contents of a page name."""
    for block in read_blocks(page.read_text("utf-8")):
        if block.language == "{toctree}":
            for line in block.text.splitlines():
                target = re.sub(r".*<(.+)>", r"\1", line.strip())
                if target and not target.startswith(":"):
                    yield (page.parent / f"{target.removesuffix('.md')}.md").resolve()


def run_python(block, names, page):
    """Run a block as it stands, or as a doctest where it shows its output."""
    if ">>>" not in block.text:
        # Empty lines before it, so that a traceback names the line of the page.
        code = "\n" * (block.line - 1) + block.text
        exec(compile(code, page, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(
        block.text, names, page, page, block.line - 1
    )
    reports = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, out=reports.append, clear_globs=False)
    assert not reports, "".join(reports)
    names.update(test.globs)


def declare_operators():
    """Declare two operators of torchvision where its wheel lacks them.

    The wheel of PyPI is for CUDA and has no operators beside a torch for processors, so
    that importing it fails; no network of the pages looks for boxes in pictures.
    """
    import torch

    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            arguments = "Tensor dets, Tensor scores, float iou_threshold"
            library.define(f"{name}({arguments}) -> Tensor")
        return library  # what is declared lasts as long as this
    return None


def read_commands(block):
    """Command lines of a console block, or of the script of a pipeline, as words."""
    text = block.text.replace("\\\n", " ")
    if block.language == "yaml":
        (script,) = re.findall(r"script:\n((?: {4,}.+\n)+)", text)
        text = re.sub(r"\n {8,}", " ", script).replace("    - ", "")
    return [shlex.split(line, comments=True) for line in text.splitlines() if line]


def run_commands(block):
    """Run the commands of a block; installations are looked at elsewhere.

    Returns what was printed.
    """
    printed = []
    for program, *arguments in read_commands(block):
        if program == "pip":
            continue
        assert program == "wsca", f"line {block.line}: {program} is not run by a test"
        done = CliRunner().invoke(wsca, arguments)
        assert done.exit_code == block.exit_code, done.output
        printed.append(done.output)
    return "".join(printed)


def compare_text(block, printed):
    """Whether a block is part of what was printed, or of a file that it begins."""
    shown = block.text
    if block.begins:
        printed = Path(block.begins).read_text("utf-8")
        assert printed.startswith(shown), f"{block.begins} begins otherwise"
        return
    assert " ".join(shown.split()) in " ".join(printed.split()), (
        f"line {block.line} is not printed:\n{shown}"
    )


@dataclass(frozen=True)
class Study:
    """A small network and its images, as users of the pages have them.

    Parameters
    ----------
    images : ndarray of shape (n, N_INPUTS)
        What the network is given.
    first, bias : ndarray of shape (N_INPUTS, N_FEATURES), (N_FEATURES,)
        Its first layer, before rectification.
    weight, intercept : ndarray of shape (2, N_FEATURES), (2,)
        Its last layer.
    metadata : DataFrame
        image, patient, diagnosis, scanner, sex, age and split; two images per patient.
    """

    images: np.ndarray
    first: np.ndarray
    bias: np.ndarray
    weight: np.ndarray
    intercept: np.ndarray
    metadata: pd.DataFrame

    @property
    def embeddings(self):
        """What enters the last layer."""
        return np.maximum(self.images @ self.first + self.bias, 0.0)

    @property
    def logits(self):
        """What the network gives."""
        return self.embeddings @ self.weight.T + self.intercept

    @property
    def maps(self):
        """Feature maps whose means over the positions are the embeddings."""
        rng = np.random.default_rng(2)
        pattern = rng.gamma(2.0, 1.0, (*self.embeddings.shape, 4, 4))
        pattern /= pattern.mean(axis=(2, 3), keepdims=True)
        return self.embeddings[:, :, None, None] * pattern


def make_studies():
    """Draw a study and one of other patients; the network was trained on third ones."""
    data = make_shortcut(
        6 * N_ROWS,
        N_INPUTS,
        encoding=2.0,
        use=0.5,
        association=0.3,
        signal=3.0,
        rows_per_group=2,
        group_effect=0.5,
        random_state=0,
    )
    rng = np.random.default_rng(1)
    # Features of unequal scale whose means are not zero.
    first = rng.normal(size=(N_INPUTS, N_FEATURES)) * rng.uniform(0.5, 3.0, N_FEATURES)
    bias = rng.uniform(2.0, 6.0, N_FEATURES)
    table = _describe(data.metadata, rng)
    trained = slice(2 * N_ROWS, None)
    last = _train(data.data[trained], table["diagnosis"][trained], first, bias)
    halves = slice(0, N_ROWS), slice(N_ROWS, 2 * N_ROWS)
    return [
        Study(data.data[half], first, bias, *last, table[half].reset_index(drop=True))
        for half in halves
    ]


def _describe(metadata, rng):
    """Metadata of the pages: names that patients have, and a column for the split."""
    patient = np.arange(len(metadata)) // 2
    sex = rng.choice(["female", "male"], len(metadata) // 2)
    names = {"class 0": "benign", "class 1": "malignant"}
    return pd.DataFrame(
        {
            "image": [f"image {i:04d}" for i in range(len(metadata))],
            "patient": [f"patient {i:04d}" for i in patient],
            "diagnosis": metadata["target"].map(names),
            "scanner": metadata["scanner"],
            "sex": sex[patient],
            "age": metadata["age"].round().astype(int),
            "split": np.where(patient % 2, "test", "train"),
        }
    )


def _train(images, diagnosis, first, bias):
    """Weights and intercepts of the last layer, one row per class."""
    embeddings = np.maximum(images @ first + bias, 0.0)
    scale = embeddings.std()
    model = LogisticRegression(max_iter=1000).fit(embeddings / scale, diagnosis)
    weight = np.vstack([-model.coef_, model.coef_]) / scale / 2.0
    return weight, np.array([-0.5, 0.5]) * model.intercept_


def write_files(folder):
    """Write the files that the pages take for granted; returns both studies.

    head.npz; embeddings.npy, maps.npy, logits.npy and metadata.csv of a study, and the
    same with the prefix new_ of other patients; embeddings.csv has ids (image).
    seed1_, seed2_: embeddings and heads of other seeds, retrained_: logits of a network
    that uses the scanner less.
    """
    study, new = studies = make_studies()
    np.savez(folder / "head.npz", weight=study.weight, bias=study.intercept)
    for prefix, part in (("", study), ("new_", new)):
        np.save(folder / f"{prefix}embeddings.npy", part.embeddings)
        np.save(folder / f"{prefix}maps.npy", part.maps)
        np.save(folder / f"{prefix}logits.npy", part.logits)
        part.metadata.to_csv(folder / f"{prefix}metadata.csv", index=False)
    for seed in (1, 2):
        # The same features in another order and unit, and a head that differs a little.
        order = np.random.default_rng(seed).permutation(N_FEATURES)
        weight = study.weight * np.linspace(1.0, 1.0 + 0.1 * seed, N_FEATURES)
        weight, X = weight[:, order] / seed, seed * study.embeddings[:, order]
        np.save(folder / f"seed{seed}_embeddings.npy", X)
        np.savez(folder / f"seed{seed}_head.npz", weight=weight, bias=study.intercept)
    np.save(folder / "retrained_logits.npy", _use_less(study))
    table = pd.DataFrame(study.embeddings).add_prefix("feature ")
    table.insert(0, "image", study.metadata["image"])
    table.to_csv(folder / "embeddings.csv", index=False)
    return studies


def _use_less(study):
    """Logits without most of what the scanners differ in at equal diagnosis."""
    logits = pd.DataFrame(study.logits)
    of_class = logits.groupby(study.metadata["diagnosis"]).transform("mean")
    cells = [study.metadata[name] for name in ("diagnosis", "scanner")]
    return (
        logits - 0.9 * (logits.groupby(cells).transform("mean") - of_class)
    ).to_numpy()


def network(study):
    """`model` and `loader`: the network in torch, and its images in order."""
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(
        torch.nn.Linear(N_INPUTS, N_FEATURES),
        torch.nn.ReLU(),
        torch.nn.Linear(N_FEATURES, 2),
    )
    arrays = (study.first.T, study.bias, study.weight, study.intercept)
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    images = torch.from_numpy(study.images).float()
    loader = torch.utils.data.DataLoader(images, batch_size=32)
    return {"model": model, "loader": loader}


def fitted(study, new, folder):
    """`analysis` of the study, `X` and `y` of the other one, and a report of the first.

    The report is the one that `wsca audit` writes if it is told nothing else.
    """
    analysis = WeightSpaceCorrelation(
        "diagnosis",
        target_head=(study.weight, study.intercept),
        columns=["scanner", "sex", "age"],
        groups="patient",
        n_permutations=99,
        random_state=0,
    ).fit(study.embeddings, study.metadata)
    report = folder / "wsca-report"
    report.mkdir(exist_ok=True)
    (report / "result.json").write_text(to_json(analysis), "utf-8")
    return {"analysis": analysis, "X": new.embeddings, "y": new.metadata}
