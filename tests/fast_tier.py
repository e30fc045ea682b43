"""The fast tier: the first case of every test, without those that take long.

``--fast`` leaves out further cases, tests that are named in long_tests.txt, and those
marked slow. ``--list-long`` measures all first cases and writes long_tests.txt; the
shortest test of every file stays out of it, so that every file takes part.
"""

import os
from collections import Counter, defaultdict
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

LONG_TESTS = Path(__file__).with_name("long_tests.txt")
# Seconds of a processor, with the share in the fixtures that a test needs.
MOST_SECONDS = 0.2


def pytest_addoption(parser) -> None:
    """The two options of the fast tier."""
    group = parser.getgroup("fast tier")
    what = "the first case of every test that is neither long nor slow"
    group.addoption("--fast", action="store_true", help=what)
    what = (
        f"measure all first cases, write those above {MOST_SECONDS} s to {LONG_TESTS}"
    )
    group.addoption("--list-long", action="store_true", help=what)


def name_of(item) -> str:
    """File and function of a test, without the case."""
    return item.nodeid.partition("[")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items) -> None:
    """Leave the first case of every test, without those that take long."""
    if not config.option.fast and not config.option.list_long:
        return
    long = set() if config.option.list_long else set(LONG_TESTS.read_text().split())
    chosen = {}
    for item in items:
        if name_of(item) not in long and not item.get_closest_marker("slow"):
            chosen.setdefault(name_of(item), item)
    kept = set(chosen.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


class Stopwatch:
    """Seconds of a processor by test, each with its share of the fixtures."""

    def __init__(self) -> None:
        # Else the first test that needs one of them would seem long.
        for name in ("torch", "matplotlib.pyplot", "polars", "pyarrow", "dask"):
            with suppress(ImportError):
                import_module(name)
        self.own: dict[str, float] = {}
        self.needed: dict[str, set] = {}
        self.by_fixture: dict = defaultdict(float)
        self.of_fixtures = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        """Time a fixture without those that it asks for."""
        start, others = sum(os.times()[:4]), self.of_fixtures
        result = yield
        own = sum(os.times()[:4]) - start - (self.of_fixtures - others)
        self.by_fixture[fixturedef] += own
        self.of_fixtures += own
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        """Time a test without its fixtures."""
        start, others = sum(os.times()[:4]), self.of_fixtures
        result = yield
        own = sum(os.times()[:4]) - start - (self.of_fixtures - others)
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        self.own[name_of(item)] = own
        self.needed[name_of(item)] = {found for every in fixtures for found in every}
        return result

    def seconds(self) -> dict[str, float]:
        """Seconds of every test, with its share of the fixtures."""
        users = Counter(f for needed in self.needed.values() for f in needed)
        return {
            name: own + sum(self.by_fixture[f] / users[f] for f in self.needed[name])
            for name, own in self.own.items()
        }

    def pytest_sessionfinish(self) -> None:
        """Write the names of long tests, but for the shortest of every file."""
        shortest: dict[str, str] = {}
        seconds = self.seconds()
        for name in sorted(seconds, key=lambda name: seconds[name]):
            shortest.setdefault(name.partition("::")[0], name)
        long = {name for name in seconds if seconds[name] > MOST_SECONDS}
        named = sorted(long - set(shortest.values()))
        LONG_TESTS.write_text("".join(f"{name}\n" for name in named))


def pytest_configure(config) -> None:
    """Measure where that is asked for."""
    if config.option.list_long:
        config.pluginmanager.register(Stopwatch())


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Name tests of the fast tier that are no longer fast."""
    if not config.option.fast:
        return
    reports = [
        r for key in ("passed", "failed") for r in terminalreporter.getreports(key)
    ]
    slow = [r for r in reports if r.duration > 10 * MOST_SECONDS]
    for report in slow:
        terminalreporter.line(f"long: {report.nodeid} ({report.duration:.1f} s)")
    if slow:
        terminalreporter.line(
            "Run `make long-tests` if they are on an idle machine too."
        )
