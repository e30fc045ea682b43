"""Full disks and folders that cannot be written to: one line, and no half files."""

import errno
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

N, D = 120, 6
PERMUTATIONS = ["--permutations", "99"]
OLD = '{\n  "schema_version": 1, "an older": "report"}'


def call(*arguments):
    """Run a command of wsca; exit code, standard output, standard error."""
    testing = pytest.importorskip("click.testing")
    for package in ("rich", "jinja2", "matplotlib"):
        pytest.importorskip(package)
    from sklearn_wsca._cli.commands import wsca

    result = testing.CliRunner().invoke(wsca, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Embeddings, feature maps, metadata and head."""
    folder = tmp_path_factory.mktemp("files")
    generator = np.random.default_rng(0)
    maps = (
        generator.gamma(2.0, 1.0, size=(N, D, 3, 3))
        * np.arange(1.0, D + 1.0)[:, None, None]
    )
    head = generator.normal(size=(2, D))
    pooled = maps.mean(axis=(2, 3))
    outputs = (pooled - pooled.mean(axis=0)) @ head.T
    table = pd.DataFrame(
        {
            "disease": np.array(["no", "yes"])[outputs.argmax(axis=1)],
            "site": generator.choice(list("ab"), N),
        }
    )
    np.save(folder / "maps.npy", maps)
    np.save(folder / "embeddings.npy", pooled)
    np.savez(folder / "head.npz", weight=head, bias=-pooled.mean(axis=0) @ head.T)
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.fixture(params=["demo", "audit", "features"])
def command(request, files):
    """Arguments of every command that writes a report, but for --out."""
    names = {"audit": "embeddings.npy", "features": "maps.npy"}
    if request.param == "demo":
        return ["demo", *PERMUTATIONS]
    head = ["--head", files / "head.npz", "--target", "disease"]
    data = [files / names[request.param], files / "metadata.csv"]
    return [request.param, *data, *head, *PERMUTATIONS]


def mount(*arguments):
    done = subprocess.run(
        ["mount", *map(str, arguments)], capture_output=True, text=True, timeout=10
    )
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root mounts a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "none", folder)
    yield folder
    # Lazily, because a memory map of a failed test may still be open.
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def fill(folder, free):
    """Leave so many bytes of a small disk."""
    room = os.statvfs(folder)
    (folder / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - free))


def one_line(error, folder):
    """Whether an error is a single line that names a folder and says what to do."""
    assert error.count("\n") == 1, error
    assert error.startswith(f"wsca: --out: {folder} cannot be written to")
    assert "another directory" in error
    return True


def test_full_disk_leaves_no_half_report(command, small_disk):
    fill(small_disk, free=8192)
    out = small_disk / "new" / "out"
    code, printed, error = call(*command, "--out", out)
    assert code == 2
    assert "┏" in printed  # The table of answers is not lost.
    assert one_line(error.splitlines(keepends=True)[-1], out)
    assert "No space left on device" in error
    assert "make room" in error
    assert names_in(small_disk) == {"filler"}


def test_standard_output_on_a_full_disk(tmp_path):
    pytest.importorskip("click")
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    command = [sys.executable, "-m", "sklearn_wsca", "demo", *PERMUTATIONS]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "wsca: the system refused to read or write (" in done.stderr
    assert "No space left on device" in done.stderr


def test_full_disk_keeps_the_older_report(files, small_disk):
    command = ["audit", files / "embeddings.npy", files / "metadata.csv"]
    command += ["--head", files / "head.npz", "--target", "disease", *PERMUTATIONS]
    old = dict.fromkeys(("report.html", "summary.csv", "result.json"), OLD)
    out = small_disk / "out"
    out.mkdir()
    for name, text in old.items():
        (out / name).write_text(text)
    fill(small_disk, free=8192)
    code, _, error = call(*command, "--out", out)
    assert code == 2
    assert "nothing in it was changed" in error
    assert {name: (out / name).read_text() for name in old} == old
    assert names_in(small_disk) == {"out", "filler"}
    # With room on the disk, the same command replaces it.
    mount("-o", "remount,size=4m", small_disk)
    assert call(*command, "--out", out)[0] == 0
    assert OLD not in {(out / name).read_text() for name in old}


def test_mounted_folder_is_refused_before_the_analysis(command, small_disk):
    """It cannot change places with another folder."""
    code, output, error = call(*command, "--out", small_disk)
    assert code == 2
    assert one_line(error, small_disk)
    assert "it is a disk or a mounted folder" in error
    assert f"such as {small_disk / 'wsca-report'}." in error
    assert output == ""


def test_read_only_disk_is_refused_before_the_analysis(command, small_disk):
    mount("-o", "remount,ro", small_disk)
    for out in (small_disk / "out", small_disk / "new" / "folder"):
        code, output, error = call(*command, "--out", out)
        assert code == 2
        assert one_line(error, out)
        assert output == ""


def test_disk_that_becomes_read_only_meanwhile(files, small_disk, monkeypatch):
    """What was found out before the analysis need not hold after it."""
    pytest.importorskip("click")
    from sklearn_wsca._cli import commands

    check = commands.check_directory

    def check_and_close(directory):
        check(directory)
        mount("-o", "remount,ro", small_disk)

    monkeypatch.setattr(commands, "check_directory", check_and_close)
    code, _, error = call("demo", *PERMUTATIONS, "--out", small_disk / "out")
    assert code == 2
    assert one_line(error.splitlines(keepends=True)[-1], small_disk / "out")
    assert "Read-only file system" in error


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("file", "is a file", id="a file"),
        pytest.param("file/below", "cannot be written to", id="below a file"),
        pytest.param("a" * 300, "File name too long", id="too long a name"),
    ],
)
def test_what_is_no_folder_is_refused_before_the_analysis(
    command, name, found, tmp_path
):
    (tmp_path / "file").write_text(OLD)
    code, output, error = call(*command, "--out", tmp_path / name)
    assert code == 2
    assert error.count("\n") == 1
    assert error.startswith(f"wsca: --out: {tmp_path / name} ")
    assert found in error
    assert output == ""
    assert (tmp_path / "file").read_text() == OLD
    assert names_in(tmp_path) == {"file"}


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_folder_that_nobody_may_write_to():
    """In /proc not even root makes a folder."""
    code, _, error = call("demo", *PERMUTATIONS, "--out", "/proc/wsca")
    assert code == 2
    assert one_line(error.splitlines(keepends=True)[-1], "/proc/wsca")


def test_folder_with_the_name_of_a_file_of_the_report(tmp_path):
    """The files before it are not replaced: a report is complete, or not there."""
    (tmp_path / "result.json").mkdir()
    (tmp_path / "report.html").write_text(OLD)
    code, _, error = call("demo", *PERMUTATIONS, "--out", tmp_path)
    assert code == 2
    assert "result.json in it is a directory" in error
    assert (tmp_path / "report.html").read_text() == OLD
    assert names_in(tmp_path) == {"result.json", "report.html"}


# --- extraction ----------------------------------------------------------------------


@contextmanager
def refused(path, reason):
    """One line that names the file that was asked for, with the number of the error."""
    with pytest.raises(OSError, match=f"out: '{path}' cannot be written") as caught:
        yield
    assert caught.value.errno == reason
    assert "\n" not in str(caught.value)
    assert ".part" not in str(caught.value)


def extract_embeddings(out, width):
    torch = pytest.importorskip("torch")
    from sklearn_wsca.torch import extract_embeddings

    model = torch.nn.Sequential(torch.nn.Linear(width, 5), torch.nn.Linear(5, 3))
    loader = [torch.ones(16, width)] * 200
    return extract_embeddings(model, loader, layer="0", side="input", out=out)


def extract_maps(out, width):
    torch = pytest.importorskip("torch")
    from sklearn_wsca.torch import extract_feature_maps

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, width, 3),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(width, 3),
    )
    return extract_feature_maps(model, [torch.ones(4, 1, 8, 8)] * 200, out=out)


EXTRACTIONS = [
    # Blocks that are written at once, and some that wait in a buffer.
    pytest.param(extract_embeddings, 64, id="embeddings"),
    pytest.param(extract_embeddings, 9, id="narrow embeddings"),
    pytest.param(extract_maps, 4, id="feature maps"),
]


@pytest.mark.parametrize(("extract", "width"), EXTRACTIONS)
def test_full_disk_leaves_no_half_array(extract, width, small_disk):
    path = small_disk / "rows.npy"
    np.save(path, np.arange(3.0))
    with refused(path, errno.ENOSPC):
        extract(path, width)
    assert names_in(small_disk) == {"rows.npy"}
    np.testing.assert_array_equal(np.load(path), np.arange(3.0))
    mount("-o", "remount,size=8m", small_disk)
    assert len(extract(path, width)) in (800, 3200)


@pytest.mark.parametrize(("extract", "width"), EXTRACTIONS)
def test_read_only_disk_is_named_before_the_model_runs(extract, width, small_disk):
    mount("-o", "remount,ro", small_disk)
    with refused(small_disk / "rows.npy", errno.EROFS):
        extract(small_disk / "rows.npy", width)


@pytest.mark.parametrize(("extract", "width"), EXTRACTIONS)
def test_disk_that_fills_up_where_nothing_can_be_mounted(
    extract, width, tmp_path, monkeypatch
):
    """The same with /dev/full, which says that it is full whatever is written."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    pytest.importorskip("torch")
    from sklearn_wsca.torch import _sinks

    monkeypatch.setattr(_sinks.secrets, "token_hex", lambda n: "full")
    path, open_path = tmp_path / "rows.npy", Path.open
    (tmp_path / ".rows.npy.full.part").symlink_to("/dev/full")
    # The mode "xb" wants a file that does not exist yet.
    monkeypatch.setattr(Path, "open", lambda self, mode: open_path(self, "wb"))
    with refused(path, errno.ENOSPC):
        extract(path, width)
    assert names_in(tmp_path) == set()
