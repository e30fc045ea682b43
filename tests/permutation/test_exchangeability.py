"""What is permuted: rows, groups of rows, or rows within groups."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._permutation import exchangeability
from sklearn_wsca._permutation.exchangeability import (
    constant_in_units,
    exchange_units,
    share_between,
    target_strata,
)
from sklearn_wsca._permutation.plan import PermutationPlan, permute_within
from tests.columns import column_of
from tests.reference import distinct_arrangements

# Five patients of unequal size, not sorted; the last row of "a" is far from the others.
PATIENTS = ["c", "a", "a", "b", "d", "a", "b", "e", "d", "a"]


def groups_of(labels):
    return Groups.of(pd.Series(labels, name="patient"))


def by_patient(values):
    """A column that is constant in each patient."""
    return np.array([values[patient] for patient in PATIENTS])


SCANNER = by_patient({"a": "S", "b": "T", "c": "S", "d": "V", "e": "T"})
AGE = by_patient({"a": 61.0, "b": 47.5, "c": 80.0, "d": 33.0, "e": 52.0})
# Both differ in patients more than between them; MIXED differs in both.
VIEW = np.array(list("lrlrlrllrl"))
PIXELS = 0.1 + 0.01 * np.array([5.0, 1.0, 9.0, 2.0, 1.0, 2.0, 8.0, 5.0, 9.0, 8.0])
MIXED = np.array(list("xyyxyxxyyy"))


def study(n_patients=25, seed=0):
    """Groups of 1 to 5 rows in random order, with columns of either kind."""
    rng = np.random.default_rng(seed)
    patient = rng.permutation(np.repeat(np.arange(n_patients), 1 + rng.integers(0, 5)))
    n = len(patient)
    # Number of each row in its patient, and their mean.
    by_patient = pd.Series(patient).groupby(patient)
    place = by_patient.cumcount().to_numpy()
    means = (by_patient.transform("size").to_numpy() - 1) / 2
    columns = {
        "scanner": rng.integers(0, 3, n_patients)[patient],
        "age": (60.0 + 9.0 * rng.standard_normal(n_patients))[patient],
        "view": (place + rng.integers(0, 2, n_patients)[patient]) % 2,
        "pixels": 0.1 + 0.02 * (place - means + 0.1 * rng.standard_normal(n)),
        "mixed": rng.integers(0, 2, n_patients)[patient] * rng.integers(0, 2, n),
    }
    return groups_of(patient), {k: column_of(v, name=k) for k, v in columns.items()}


def orders_of(n_rows, n_permutations=20, seed=0):
    return PermutationPlan(seed, n_permutations, n_rows).orders(range(n_permutations))


# --- which scheme --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "grouped", "scheme", "n_units"),
    [
        (SCANNER, False, "rows", 10),
        (AGE, False, "rows", 10),
        (SCANNER, True, "between groups", 5),
        (AGE, True, "between groups", 5),
        (VIEW, True, "within groups", 10),
        (PIXELS, True, "within groups", 10),
        (MIXED, True, "between and within groups", 10),
        (MIXED, False, "rows", 10),
    ],
)
def test_the_scheme_follows_from_where_the_column_varies(
    labels, grouped, scheme, n_units, few_groups_are_enough
):
    groups = groups_of(PATIENTS) if grouped else None
    exchange = exchange_units(column_of(labels), groups)
    assert exchange.scheme == scheme
    assert exchange.n_units == n_units
    assert not exchange.within_target


def test_a_few_groups_are_not_exchanged_where_the_column_varies_in_them():
    wrong = SCANNER.copy()
    wrong[9] = "V"
    scheme = exchange_units(column_of(wrong), groups_of(PATIENTS)).scheme
    assert scheme == "within groups"


def test_one_deviating_row_adds_an_exchange_within_groups_to_one_between_them(
    few_groups_are_enough,
):
    wrong = SCANNER.copy()
    wrong[9] = "V"
    groups = groups_of(PATIENTS)
    scheme = exchange_units(column_of(wrong), groups).scheme
    assert scheme == "between and within groups"
    # Where that row is missing, the column is constant again.
    rows = np.arange(9)
    found = exchange_units(column_of(wrong[rows], rows=rows), groups)
    assert found.scheme == "between groups"


@pytest.mark.parametrize("seed", range(3))
def test_the_share_of_variation_between_groups_is_that_of_an_analysis_of_variance(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 8, 60)
    values = rng.standard_normal((60, 2)) * [1.0, 3.0] + groups[:, None]
    between = total = 0.0
    for group in np.unique(groups):
        for j in range(2):
            own, mean = values[groups == group, j], values[:, j].mean()
            between += len(own) * (own.mean() - mean) ** 2
            total += np.sum((own - mean) ** 2)
    assert share_between(values, groups) == pytest.approx(between / total)
    assert share_between(groups[:, None] * 1.0, groups) == pytest.approx(1.0)


@pytest.mark.parametrize(("shift", "within"), [(0.45, True), (0.55, False)])
def test_a_fifth_of_the_variation_between_groups_is_where_schemes_change(shift, within):
    """Two kinds of groups; values -1 and 1, moved by the shift: s^2 / (1 + s^2)."""
    unit = np.repeat(np.arange(20), 4)
    values = np.tile([-1.0, 1.0], 40) + shift * np.where(unit % 2, 1.0, -1.0)
    found = exchange_units(column_of(values), groups_of(unit)).scheme
    assert found == ("within groups" if within else "between and within groups")


def test_groups_of_one_row_are_rows():
    column = column_of(VIEW)
    alone = exchange_units(column, groups_of(list("jihgfedcba")))
    rows = exchange_units(column, None)
    orders = orders_of(10)
    assert alone.scheme == "between groups"
    np.testing.assert_array_equal(alone.sources(orders), rows.sources(orders))
    assert alone.n_units == rows.n_units == 10


# --- between groups ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "age"])
@pytest.mark.parametrize("seed", range(3))
def test_rows_of_a_group_take_the_value_of_one_group(name, seed):
    groups, columns = study(seed=seed)
    column = columns[name]
    exchange = exchange_units(column, groups)
    orders = orders_of(len(groups.codes), seed=seed)
    sources, before = exchange.sources(orders), column.labels[exchange.first]
    moved = 0
    for source in sources:
        donors = groups.codes[source]
        after = pd.Series(column.labels[source]).groupby(groups.codes)
        assert (pd.Series(donors).groupby(groups.codes).nunique() == 1).all()
        assert (after.nunique() == 1).all()
        np.testing.assert_array_equal(np.sort(after.first()), np.sort(before))
        moved += np.sum(donors != groups.codes)
    assert moved > 0.8 * sources.size


@pytest.mark.parametrize("seed", range(3))
def test_all_arrangements_of_unequal_groups_are_equally_likely(seed):
    patients = ["a", "a", "b", "b", "b", "c", "d", "a"]
    size = np.array([3, 3, 3, 3, 3, 1, 1, 3])
    exchange = exchange_units(column_of(size * 10.0), groups_of(patients))
    sources = exchange.unit_sources(orders_of(8, 2400, seed))
    arrangements, counts = np.unique(sources, axis=0, return_counts=True)
    assert len(arrangements) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_all_arrangements_within_strata_are_equally_likely(seed):
    """2 groups of one class and 3 of the other: 2! 3! arrangements."""
    patients = ["a", "b", "b", "c", "d", "d", "d", "e"]
    numbers = {"a": 1.5, "b": 2.5, "c": 9.0, "d": 4.0, "e": 7.0}
    target = {"a": "ill", "b": "well", "c": "ill", "d": "well", "e": "well"}
    column = column_of(np.array([numbers[p] for p in patients]))
    exchange = exchange_units(column, groups_of(patients))
    exchange = exchange.within(
        target_strata(exchange, column_of([target[p] for p in patients]))
    )
    sources = exchange.unit_sources(orders_of(8, 1200, seed))
    arrangements, counts = np.unique(sources, axis=0, return_counts=True)
    assert len(arrangements) == 12
    assert stats.chisquare(counts).pvalue > 1e-3


# --- within groups -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["view", "pixels"])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_leaves_its_group(name, seed):
    groups, columns = study(seed=seed)
    exchange = exchange_units(columns[name], groups)
    sources = exchange.sources(orders_of(len(groups.codes), seed=seed))
    np.testing.assert_array_equal(
        groups.codes[sources], np.tile(groups.codes, (len(sources), 1))
    )
    np.testing.assert_array_equal(
        np.sort(sources, axis=1), np.tile(np.arange(len(groups.codes)), (20, 1))
    )
    assert (sources != np.arange(len(groups.codes))).any(axis=1).all()


# --- between and within groups -------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_group_takes_what_another_one_has(seed):
    """All of it before anything is repeated; the rows in random order."""
    groups, columns = study(seed=seed)
    exchange = exchange_units(columns["mixed"], groups)
    assert exchange.scheme == "between and within groups"
    codes, n = groups.codes, len(groups.codes)
    sources = exchange.sources(orders_of(n, seed=seed))
    for source in sources:
        givers = []
        for group in np.unique(codes):
            taken = source[codes == group]
            (giver,) = np.unique(codes[taken])
            size = np.sum(codes == giver)
            counts = np.bincount(taken, minlength=n)[codes == giver]
            assert counts.sum() == len(taken)
            assert np.ptp(counts) <= 1
            assert (counts.max() > 1) == (len(taken) > size)
            givers.append(giver)
        # Each group gives once.
        assert sorted(givers) == list(range(len(givers)))
    assert (codes[sources] != codes).mean() > 0.8


def test_all_arrangements_of_groups_and_their_rows_are_equally_likely(
    few_groups_are_enough,
):
    """3 groups of 2 rows: 3! orders of groups, and 2^3 of rows in them."""
    patients, labels = list("aabbcc"), np.array([0, 0, 1, 1, 0, 1])
    exchange = exchange_units(column_of(labels), groups_of(patients))
    assert exchange.scheme == "between and within groups"
    sources = exchange.sources(orders_of(6, 4800))
    arrangements, counts = np.unique(sources, axis=0, return_counts=True)
    assert len(arrangements) == 48
    assert stats.chisquare(counts).pvalue > 1e-3
    # The order of rows is not counted: 3 kinds of groups, so 3! arrangements.
    assert 10 ** exchange.log10_arrangements(labels) == pytest.approx(6.0)
    assert exchange.n_exchangeable(labels) == 3


def test_groups_that_hold_the_same_are_no_other_arrangement(few_groups_are_enough):
    patients, labels = list("aabbccdd"), np.array([0, 1, 1, 0, 1, 1, 0, 0])
    exchange = exchange_units(column_of(labels), groups_of(patients))
    assert exchange.scheme == "between and within groups"
    # Two of four groups hold 0 and 1: 4! / 2.
    assert 10 ** exchange.log10_arrangements(labels) == pytest.approx(12.0)
    strata = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    within = exchange.within(strata)
    assert 10 ** within.log10_arrangements(labels) == pytest.approx(2.0)
    assert within.n_exchangeable(labels) == 2
    for source in within.sources(orders_of(8)):
        np.testing.assert_array_equal(strata[source], strata)


# --- strata of the target ------------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels", "mixed"])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_permute_keeps_the_target_where_it_is_constant_in_units(name, grouped):
    groups, columns = study(seed=4)
    rng = np.random.default_rng(1)
    target = column_of(rng.integers(0, 2, groups.codes.max() + 1)[groups.codes])
    exchange = exchange_units(columns[name], groups if grouped else None)
    strata = target_strata(exchange, target)
    sources = exchange.within(strata, of_target=True).sources(
        orders_of(len(groups.codes))
    )
    kept = np.tile(target.labels, (20, 1))
    np.testing.assert_array_equal(target.labels[sources], kept)
    if exchange.scheme != "within groups":
        # Not so without the strata.
        free = exchange.sources(orders_of(len(groups.codes)))
        assert (target.labels[free] != kept).mean() > 0.2
    assert (sources != np.arange(len(groups.codes))).mean() > 0.3


@pytest.mark.parametrize("labels", [SCANNER, VIEW])
def test_a_target_that_varies_within_groups_gives_no_strata(labels):
    target = column_of(np.array(list("xyxyyxxyyx")))
    exchange = exchange_units(column_of(labels), groups_of(PATIENTS))
    assert not constant_in_units(exchange, target.labels)
    assert target_strata(exchange, target) is None
    assert exchange.within(None) is exchange


@pytest.mark.parametrize("grouped", [False, True])
def test_numbers_and_no_target_give_no_strata(grouped):
    groups = groups_of(PATIENTS) if grouped else None
    exchange = exchange_units(column_of(SCANNER), groups)
    assert target_strata(exchange, None) is None
    assert target_strata(exchange, column_of(AGE)) is None


def test_strata_can_be_nested():
    """Rows move only between rows that agree in both."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2, 60), rng.integers(0, 3, 60)
    exchange = exchange_units(column_of(rng.integers(0, 4, 60)), None)
    nested = exchange.within(first).within(second, of_target=True)
    assert nested.within_target
    assert not exchange.within(first).within_target
    assert exchange.strata is None
    assert len(np.unique(nested.strata)) == 6
    sources = nested.sources(orders_of(60))
    for labels in (first, second):
        np.testing.assert_array_equal(labels[sources], np.tile(labels, (20, 1)))


# --- shared permutations -------------------------------------------------------------


def test_columns_share_the_order_of_the_groups_also_with_missing_rows():
    groups, columns = study(30)
    full, n = columns["age"], len(groups.codes)
    rng = np.random.default_rng(5)
    rows = np.flatnonzero(rng.random(n) < 0.6)
    # First rows of groups are among those that are missing.
    assert len(np.setdiff1d(groups.first_rows(), rows)) > 3
    some = column_of(columns["scanner"].labels[rows], rows=rows)
    known = np.unique(groups.codes[rows])
    assert 5 < len(known) < 30
    exchanges = [exchange_units(column, groups) for column in (full, some)]
    orders = orders_of(n)
    of_all, of_some = (exchange.unit_sources(orders) for exchange in exchanges)
    for whole, part in zip(of_all, of_some, strict=True):
        donors = whole[np.isin(whole, known)]
        np.testing.assert_array_equal(known[part], donors)


def test_columns_of_one_scheme_without_gaps_are_permuted_alike():
    groups, columns = study(30)
    orders = orders_of(len(groups.codes))
    for names in (("age", "scanner"), ("view", "pixels")):
        one, other = (exchange_units(columns[name], groups) for name in names)
        np.testing.assert_array_equal(one.sources(orders), other.sources(orders))


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels", "mixed"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("stratified", [False, True])
def test_the_order_of_the_table_changes_nothing(name, grouped, stratified):
    groups, columns = study(seed=2)
    column, n = columns[name], len(groups.codes)
    exchange = exchange_units(column, groups if grouped else None)
    if stratified:
        exchange = exchange.within(np.arange(exchange.n_units) % 3)
    (source,) = exchange.sources(np.arange(n, dtype=np.int32)[None])
    np.testing.assert_array_equal(column.labels[source], column.labels)
    (other,) = exchange.sources(orders_of(n, 1))
    assert (column.labels[other] != column.labels).any()


# --- counts --------------------------------------------------------------------------

TINY = {
    "all alike": ([0, 0, 0, 0], None),
    "all different": ([3.5, 1.25, -2.0, 9.0, 40.0], None),
    "two levels": ([0, 1, 0, 1, 1, 1], None),
    "a stratum of one level": ([0, 0, 1, 1, 0, 1], [0, 0, 1, 1, 1, 1]),
    "singletons": ([0, 1, 1, 0], [0, 1, 2, 3]),
    "three strata": ([2, 0, 1, 1, 0, 0, 2], [1, 0, 1, 0, 0, 2, 2]),
    "numbers with ties": ([1.5, 1.5, 70.0, 70.0, -3.0], [0, 1, 0, 1, 1]),
}


@pytest.mark.parametrize("case", TINY)
@pytest.mark.parametrize("grouped", [False, True])
def test_counts_agree_with_enumeration(case, grouped):
    values, strata = (None if part is None else np.array(part) for part in TINY[case])
    n = len(values)
    # Unit i has i % 3 + 1 rows.
    unit = np.repeat(np.arange(n), np.arange(n) % 3 + 1) if grouped else np.arange(n)
    exchange = exchange_units(
        column_of(values[unit]), groups_of(unit) if grouped else None
    ).within(strata)
    labels = column_of(values[unit]).labels
    arrangements = distinct_arrangements(values, strata)
    count = 10.0 ** exchange.log10_arrangements(labels)
    assert count == pytest.approx(len(arrangements), rel=1e-9)
    changed = np.any([np.array(a) != values for a in arrangements], axis=0)
    assert exchange.n_exchangeable(labels) == changed.sum()


def test_counts_within_groups_agree_with_enumeration():
    """Only groups in which the column varies can be exchanged."""
    names, labels = list("aabdabda"), np.array([0, 1, 0, 1, 0, 1, 1, 1])
    exchange = exchange_units(column_of(labels), groups_of(names))
    assert exchange.scheme == "within groups"
    arrangements = distinct_arrangements(labels, names)
    changed = np.any([np.array(a) != labels for a in arrangements], axis=0)
    assert 10 ** exchange.log10_arrangements(labels) == pytest.approx(len(arrangements))
    assert exchange.n_exchangeable(labels) == changed.sum()
    # "a" holds 0, 1, 0, 1, "b" 0, 1 and "d" 1, 1: 6 * 2 arrangements of 6 rows.
    assert (len(arrangements), changed.sum()) == (12, 6)


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("seed", range(3))
def test_groups_that_hold_the_same_have_one_number(kind, seed):
    """Of unequal size; how often something is held counts, its place does not."""
    rng = np.random.default_rng(seed)
    groups = np.unique(rng.integers(0, 60, 150), return_inverse=True)[1]
    labels = rng.integers(-1, 2, 150).astype(kind)
    found = exchangeability._number_held(labels, groups)
    held = pd.Series(labels).groupby(groups).agg(lambda own: tuple(sorted(own)))
    assert held.nunique() < len(held)
    pairs = set(zip(held, found, strict=True))
    assert len(pairs) == held.nunique() == len(set(found))


def test_orders_move_columns_alike_if_scheme_rows_and_strata_are_the_same():
    groups, columns = study()
    exchanges = {
        name: exchange_units(column, groups) for name, column in columns.items()
    }
    scanner, view = exchanges["scanner"], exchanges["view"]
    assert scanner.moves_like(exchanges["age"])
    assert view.moves_like(exchanges["pixels"])
    assert not scanner.moves_like(view)
    strata = np.arange(scanner.n_units) % 2
    assert not scanner.moves_like(scanner.within(strata))
    assert scanner.within(strata).moves_like(exchanges["age"].within(strata))
    assert scanner.moves_like(scanner.within(np.zeros(scanner.n_units, int)))
    shorter = exchange_units(column_of(VIEW[:-1]), None)
    assert not shorter.moves_like(exchange_units(column_of(VIEW), None))


def test_large_counts_do_not_overflow():
    exchange = exchange_units(column_of(np.arange(50_000) % 2), None)
    found = exchange.log10_arrangements(np.arange(50_000) % 2)
    # Stirling: n log10 2 - log10(sqrt(pi n / 2)).
    expected = 50_000 * np.log10(2.0) - 0.5 * np.log10(np.pi * 25_000)
    assert found == pytest.approx(expected, abs=1e-4)


# --- groups --------------------------------------------------------------------------


def test_groups_are_numbered_by_their_first_rows():
    groups = groups_of(PATIENTS)
    np.testing.assert_array_equal(groups.codes, [0, 1, 1, 2, 3, 1, 2, 4, 3, 1])
    np.testing.assert_array_equal(groups.first_rows(), [0, 1, 3, 4, 7])
    assert groups.name == "patient"


def test_rows_without_a_group_belong_to_none():
    groups = groups_of([None, "a", np.nan, "b", "a", None])
    np.testing.assert_array_equal(groups.codes, [-1, 0, -1, 1, 0, -1])
    np.testing.assert_array_equal(groups.rows, [1, 3, 4])
    np.testing.assert_array_equal(groups.first_rows(), [1, 3])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([None, "a", np.nan, "b", "a", None], [0, 1, 2, 3, 1, 4]),
        ([None, None, None], [0, 1, 2]),
        (["a", "b", "a"], [0, 1, 0]),
    ],
)
def test_loners_are_groups_of_their_own(labels, expected):
    groups = groups_of(labels).with_loners()
    np.testing.assert_array_equal(groups.codes, expected)
    assert groups.name == "patient"


@pytest.mark.parametrize("seed", range(3))
def test_taking_groups_in_another_order_is_reading_the_other_table(seed):
    labels = np.array([*PATIENTS, None, "b", None], dtype=object)
    order = np.random.default_rng(seed).permutation(len(labels))
    taken = groups_of(labels).take(order)
    np.testing.assert_array_equal(taken.codes, groups_of(labels[order]).codes)
    assert (taken.codes == -1).sum() == 2
    assert (np.diff(taken.first_rows()) > 0).all()


# --- columns on groups ---------------------------------------------------------------


def patients(*sizes):
    """Group names of that many rows each."""
    return [f"p{i}" for i, size in enumerate(sizes) for _ in range(size)]


def test_a_column_with_groups_everywhere_is_left_as_it_is():
    column = column_of(list("abcabcabc"))
    kept = restrict_to_groups(column, groups_of(list("ppprrrsss")))
    np.testing.assert_array_equal(kept.rows, column.rows)
    np.testing.assert_array_equal(kept.labels, column.labels)
    assert (kept.levels, kept.notes) == (column.levels, ())


def test_rows_without_a_group_are_not_used_and_noted():
    names = patients(2, 2, 2, 2, 2, 2)
    names[3] = names[8] = None
    for labels in (list("abababababab"), 50.0 + np.arange(12.0) ** 2):
        column = column_of(labels)
        kept = restrict_to_groups(column, groups_of(names))
        np.testing.assert_array_equal(kept.rows, np.delete(np.arange(12), [3, 8]))
        np.testing.assert_array_equal(kept.labels, np.delete(column.labels, [3, 8]))
        assert kept.notes == ("2 rows without 'patient' are not used",)


def test_levels_of_few_groups_are_not_used_and_the_others_renumbered():
    """Level "b" has many rows of two patients only."""
    labels = list("aaa") + ["b"] * 10 + list("ccc")
    names = [*"pqr", *"ssssstttt", "t", *"uvw"]
    kept = restrict_to_groups(column_of(labels), groups_of(names))
    assert kept.levels == ("a", "c")
    np.testing.assert_array_equal(kept.rows, [0, 1, 2, 13, 14, 15])
    np.testing.assert_array_equal(kept.labels, [0, 0, 0, 1, 1, 1])
    assert kept.notes == (
        "levels in fewer than 3 different 'patient' are not used: 'b'",
    )


def test_only_three_of_many_rare_levels_are_named():
    labels = list("aaabbb") + [f"rare {i}" for i in range(5)]
    kept = restrict_to_groups(column_of(labels), groups_of(patients(*[1] * 11)))
    assert kept.levels == ("a", "b")
    assert kept.notes[0].endswith("'rare 0', 'rare 1', 'rare 2' and 2 more")


@pytest.mark.parametrize(
    ("labels", "names", "reason"),
    [
        (list("aaabbb"), patients(3, 3), "fewer than 2 of its 2 levels occur in 3"),
        (list("aaabbb"), patients(1, 1, 1, 3), "fewer than 2 of its 2 levels occur"),
        (list("aaabbb"), [None] * 6, "fewer than 2 of its 2 levels occur in 3"),
        (61.0 + np.arange(6.0), patients(4, 2), "in 2 different 'patient' only"),
        (61.0 + np.arange(6.0), [None] * 6, "in 0 different 'patient' only"),
    ],
)
def test_a_column_of_too_few_groups_is_left_out(labels, names, reason):
    with pytest.raises(LeftOutError, match=reason):
        restrict_to_groups(column_of(labels), groups_of(names))


# --- permutations within folds -------------------------------------------------------


@pytest.mark.parametrize("name", ["scanner", "age", "view", "pixels", "mixed"])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_permutations_by_slot_stay_in_their_fold(name, grouped, gaps):
    groups, columns = study(40, seed=3)
    column, n = columns[name], len(groups.codes)
    if gaps:
        rows = np.flatnonzero(np.random.default_rng(0).random(n) < 0.7)
        column = column_of(column.labels[rows], rows=rows)
    exchange = exchange_units(column, groups if grouped else None)
    fold = np.random.default_rng(1).integers(0, 4, 40)[groups.codes[column.rows]]
    slots = np.argsort(fold, kind="stable")
    orders = orders_of(n)
    sources = exchange.sources_by_slot(orders, fold, slots)
    np.testing.assert_array_equal(fold[sources], np.tile(fold[slots], (20, 1)))
    assert (column.labels[sources] != column.labels[slots]).mean() > 0.2
    if exchange.scheme == "between groups":
        for source in sources:
            permuted = np.empty_like(source)
            permuted[slots] = source
            donors = pd.Series(exchange.unit[permuted]).groupby(exchange.unit)
            assert (donors.nunique() == 1).all()
            np.testing.assert_array_equal(
                np.sort(donors.first()), np.arange(exchange.n_units)
            )
    elif exchange.scheme != "between and within groups":
        every = np.tile(np.arange(len(column.rows)), (20, 1))
        np.testing.assert_array_equal(np.sort(sources, axis=1), every)
    if exchange.scheme == "rows":
        expected = permute_within(orders, column.rows, fold)
        np.testing.assert_array_equal(expected[0], slots)
        np.testing.assert_array_equal(expected[1], sources)
    if exchange.scheme == "within groups":
        codes = groups.codes[column.rows]
        np.testing.assert_array_equal(codes[sources], np.tile(codes[slots], (20, 1)))
