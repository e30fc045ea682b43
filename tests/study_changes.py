"""Changes of a study that its analysis must not notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest


@dataclass(frozen=True)
class Study:
    """One study.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    table : DataFrame
        Metadata.
    head : object
        A trained primary head in one of its forms, or None.
    options : dict
        Parameters of the estimator besides the head.
    shape : str
        What is special about the embeddings.
    weight : ndarray of shape (n,), default=None
        Sample weights.
    """

    X: np.ndarray
    table: pd.DataFrame
    head: object
    options: dict = field(default_factory=dict)
    shape: str = "full"
    weight: np.ndarray | None = None

    def _repr_pretty_(self, printer, cycle):
        """What hypothesis prints of a study that fails, instead of all its numbers."""
        columns = list(self.table.columns)
        printer.text(f"{self.X.shape}, {self.shape}, {columns}, {self.options}")

    def changed(self, **changes):
        """Return the study with some of its parts replaced."""
        return replace(self, **changes)

    @property
    def columns(self):
        """Names of the analysed columns."""
        roles = (self.options["target"], self.options.get("groups"))
        return [name for name in self.table.columns if name not in roles]


@dataclass(frozen=True)
class Change:
    """A change of a study, and how exactly it must leave the results alone.

    Parameters
    ----------
    of : function
        The changed study; the second argument is a random generator.
    tolerance : float
        Absolute and relative.
    draws : dict
        Which studies it applies to.
    names : dict
        New names of columns.
    """

    of: Callable[[Study, np.random.Generator], Study]
    tolerance: float = 1e-6
    draws: dict | None = None
    names: dict | None = None


def moved_head(study, move):
    """The head as a pair (W, b) after `move`; None if there is none."""
    if study.head is None:
        return None
    pair = study.head if isinstance(study.head, tuple) else (study.head, None)
    coef = np.atleast_2d(pair[0])
    intercept = np.zeros(len(coef)) if pair[1] is None else pair[1]
    return move(coef, intercept)


def in_other_order(study, rng):
    order = rng.permutation(len(study.X))
    weight = None if study.weight is None else study.weight[order]
    return study.changed(X=study.X[order], table=study.table.iloc[order], weight=weight)


def with_columns_reversed(study, rng):
    options = dict(study.options)
    if "columns" in options:
        options["columns"] = options["columns"][::-1]
    return study.changed(table=study.table[study.table.columns[::-1]], options=options)


RENAMED = {"site": "zz", "age": "a new name", "disease": "D", "patient": "#"}


def with_other_column_names(study, rng):
    options = {
        key: RENAMED.get(value, value) if key in ("target", "groups") else value
        for key, value in study.options.items()
    }
    return study.changed(table=study.table.rename(columns=RENAMED), options=options)


def relabelled(series, rename):
    """Other names for the levels of a column of text; other columns as they are.

    `rename` takes a level and its number from the end.
    """
    levels = series.dropna().unique()
    if not all(isinstance(level, str) for level in levels):
        return series
    levels = sorted(levels, reverse=True)
    return series.map({level: rename(level, i) for i, level in enumerate(levels)})


def with_other_class_names(rename):
    def change(study, rng):
        kept = {"patient", "sample"}
        if study.head is not None:
            # Its rows are the classes in their order.
            kept.add(study.options["target"])
        names = [name for name in study.table if name not in kept]
        renamed = {name: relabelled(study.table[name], rename) for name in names}
        return study.changed(table=study.table.assign(**renamed))

    return change


def with_other_group_names(study, rng):
    if study.options.get("groups") is None:
        return study
    codes, _ = pd.factorize(study.table[study.options["groups"]])
    names = rng.permutation(1000)[codes]
    return study.changed(table=study.table.assign(**{study.options["groups"]: names}))


def scaled_by(unit):
    def change(study, rng):
        head = moved_head(study, lambda coef, intercept: (coef / unit, intercept))
        return study.changed(X=study.X * unit, head=head)

    return change


def rotated(study, rng):
    d = study.X.shape[1]
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    head = moved_head(study, lambda coef, intercept: (coef @ turn, intercept))
    return study.changed(X=study.X @ turn, head=head)


def shifted(study, rng):
    shift = 50.0 * study.X.std() * rng.standard_normal(study.X.shape[1])
    head = moved_head(study, lambda coef, intercept: (coef, intercept - coef @ shift))
    return study.changed(X=study.X + shift, head=head)


def with_one_vector_more(study, rng):
    """One vector in all rows of a softmax head; another head stays as it is."""

    def move(coef, intercept):
        if len(coef) == 1:
            return coef, intercept
        vector = 5.0 * np.abs(coef).max() * rng.standard_normal(coef.shape[1])
        return coef + vector, intercept - vector @ study.X.mean(axis=0)

    return study.changed(head=moved_head(study, move))


def in_parallel(study, rng):
    return study.changed(options=study.options | {"n_jobs": 2})


def with_other_units_of_numbers(study, rng):
    table = study.table.assign(age=study.table["age"] * 365.25 + 1e5)
    if "dose" in table:
        table["dose"] *= -1e6
    return study.changed(table=table)


def in_a_frame(study, rng):
    return study.changed(X=pd.DataFrame(study.X).add_prefix("feature "))


def by_columns(study, rng):
    return study.changed(X=np.asfortranarray(study.X))


def in_polars(study, rng):
    polars = pytest.importorskip("polars")
    # pandas has NaN where polars has null.
    known = study.table.astype(object).where(study.table.notna(), None)
    return study.changed(
        table=polars.DataFrame({name: known[name].tolist() for name in known})
    )


EXACT = 1e-12
SHAPES = ["full", "low rank", "repeated rows", "constant feature"]
# Rows whose embeddings are equal are ordered by the values of the table.
NO_TIES = [shape for shape in SHAPES if shape != "repeated rows"]
CHANGES = {
    "row order": Change(in_other_order),
    "column order": Change(with_columns_reversed, EXACT),
    "column names": Change(with_other_column_names, EXACT, names=RENAMED),
    "class names in the same order": Change(
        with_other_class_names(lambda level, i: f"the {level}"),
        EXACT,
        {"shapes": NO_TIES},
    ),
    "class names in another order": Change(
        with_other_class_names(lambda level, i: f"{i} {level}"),
        # Folds that keep groups together break ties by the order of the levels.
        draws={"shapes": NO_TIES, "groups": (False,)},
    ),
    "group names": Change(with_other_group_names, EXACT),
    "unit times a power of 2": Change(scaled_by(2.0**20), 0.0),
    "unit divided by a power of 2": Change(scaled_by(2.0**-20), 0.0),
    "another unit": Change(scaled_by(0.37e-4)),
    "a tiny unit": Change(scaled_by(1e-30)),
    "a huge unit": Change(scaled_by(1e30)),
    "rotation": Change(rotated),
    "shift": Change(shifted),
    "one vector in all rows of the head": Change(
        with_one_vector_more, draws={"heads": ["trained", "fitted"]}
    ),
    "two workers": Change(in_parallel, EXACT),
    "units of numbers": Change(with_other_units_of_numbers, draws={"shapes": NO_TIES}),
    "embeddings in a frame": Change(in_a_frame, EXACT),
    "embeddings by columns": Change(by_columns, EXACT),
    "table in polars": Change(in_polars, EXACT),
}


def assert_same_results(first, second, tolerance=1e-6):
    """Compare everything that two analyses report, by column name.

    But for the power of the encoding test, which is estimated from 40 planted columns:
    they follow coordinates, whose signs and order are not given by the data.
    """
    words = ["kind", "verdict", "note", "consequence", "encoding_power"]
    power = first.summary_["encoding_power"] - second.summary_["encoding_power"]
    assert not (power.abs() > 0.25).any()
    numbers = first.summary_.drop(columns=words).astype(float)
    others = second.summary_.drop(columns=words).astype(float)
    verdicts = second.verdicts_.loc[first.verdicts_.index]
    pd.testing.assert_series_equal(first.verdicts_, verdicts)
    assert first.null_distribution_.std().min() > 1e-4
    assert first.encoding_scores_.notna().all()
    pd.testing.assert_frame_equal(
        numbers, others.loc[numbers.index], atol=tolerance, rtol=0
    )
    pd.testing.assert_frame_equal(
        first.null_distribution_,
        second.null_distribution_[first.null_distribution_.columns],
        atol=tolerance,
        rtol=0,
    )
    for attribute in ("pvalues_", "pvalues_fwer_", "qvalues_", "encoding_pvalues_"):
        expected = getattr(first, attribute)
        found = getattr(second, attribute)[expected.index]
        pd.testing.assert_series_equal(found, expected, rtol=1e-12)
