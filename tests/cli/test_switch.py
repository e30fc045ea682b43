"""One folder in the place of another: in one step, and safe from killed runs."""

import errno
from pathlib import Path

import pytest

from benchmarks import killed_runs
from sklearn_wsca._cli import _switch
from sklearn_wsca._cli._switch import (
    LOCK,
    OLD,
    PREFIX,
    exchange,
    remove_leftovers,
    switch,
    working_folder,
)

OURS = {"report.html"}


def make(folder, text):
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(text)
    return folder


def read(folder):
    return (folder / "report.html").read_text()


class TestSwitch:
    @pytest.mark.parametrize("start", ["nothing", "empty", "old"])
    def test_new_folder_takes_the_place(self, start, tmp_path):
        new, place = make(tmp_path / "work" / "new", "new"), tmp_path / "out"
        if start != "nothing":
            place.mkdir()
        if start == "old":
            (place / "report.html").write_text("old")
        assert switch(new, place)
        assert read(place) == "new"
        assert not new.exists() or read(new) == "old"

    def test_where_folders_cannot_be_exchanged(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_switch, "exchange", lambda *_: False)
        new = make(tmp_path / "work" / "new", "new")
        place = make(tmp_path / "out", "old")
        assert not switch(new, place)
        assert read(place) == "new"
        assert read(tmp_path / "work" / OLD / "out") == "old"

    def test_old_folder_comes_back_where_the_second_step_fails(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(_switch, "exchange", lambda *_: False)
        new = make(tmp_path / "work" / "new", "new")
        place, rename = make(tmp_path / "out", "old"), Path.rename

        def fail(path, target):
            if path == new:
                number = errno.EIO if (tmp_path / "work" / OLD).exists() else None
                raise OSError(number or errno.ENOTEMPTY, "")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", fail)
        with pytest.raises(OSError, match="5"):
            switch(new, place)
        assert read(place) == "old"

    def test_exchange_of_what_is_not_there(self, tmp_path):
        one = make(tmp_path / "one", "1")
        if exchange(one, make(tmp_path / "other", "2")):
            assert read(one) == "2"
            with pytest.raises(FileNotFoundError):
                exchange(one, tmp_path / "none")


class TestLeftovers:
    def test_of_a_killed_run_are_removed_and_those_in_use_are_not(self, tmp_path):
        dead = make(tmp_path / f"{PREFIX}dead", "half")
        (dead / LOCK).touch()
        with working_folder(tmp_path, OURS) as used:
            assert not dead.exists()
            make(used / "new", "new")
            with working_folder(tmp_path, OURS):
                assert read(used / "new") == "new"
            remove_leftovers(tmp_path, OURS)
            assert read(used / "new") == "new"
        assert list(tmp_path.iterdir()) == []

    def test_what_is_not_ours_stays(self, tmp_path):
        dead = make(tmp_path / f"{PREFIX}dead", "half")
        (dead / LOCK).touch()
        (dead / "notes.txt").write_text("mine")
        (tmp_path / f"{PREFIX}file").write_text("mine")
        make(tmp_path / f"{PREFIX}folder", "mine")
        (tmp_path / f"{PREFIX}unborn").mkdir()
        remove_leftovers(tmp_path, OURS)
        kept = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")}
        folder, file = f"{PREFIX}folder", f"{PREFIX}file"
        assert kept == {
            *(dead.name, f"{dead.name}/notes.txt"),
            *(file, folder, f"{folder}/report.html"),
        }

    @pytest.mark.parametrize("there", [False, True])
    def test_old_results_go_back_if_there_are_no_others(self, there, tmp_path):
        dead = tmp_path / f"{PREFIX}dead"
        make(dead / OLD / "out", "old")
        (dead / LOCK).touch()
        if there:
            make(tmp_path / "out", "newer")
        remove_leftovers(tmp_path, OURS)
        assert read(tmp_path / "out") == ("newer" if there else "old")
        assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@pytest.mark.skipif(not killed_runs.POSSIBLE, reason="no SIGKILL or no fork")
def test_killed_at_every_step_and_at_random_moments():
    found = killed_runs.run(moments=12, seed=0)
    steps, moments = found["at each step"], found["at random moments of writing"]
    assert steps["killed"] >= 20 and moments["killed"] >= 4
    for kind in found.values():
        assert kind["old"] + kind["new"] == kind["runs"]
        assert kind["mixed"] == kind["left behind"] == 0
    assert min(steps["old"], steps["new"]) >= 3
