"""What a reader must know about a fit as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral

from sklearn_wsca._alignment.inference import AlignmentTest
from sklearn_wsca._encoding.cross_fitting import CrossFit
from sklearn_wsca._encoding.inference import EncodingTest
from sklearn_wsca._linear.subspace import Subspace


def describe_subspace(
    subspace: Subspace, n_components: float | int | None
) -> list[str]:
    """Where the dimension is not what was asked for, or the projection does nothing."""
    k, notes = subspace.n_components, list[str]()
    if n_components is None:
        return notes
    if isinstance(n_components, Integral) and k < n_components:
        notes.append(
            f"n_components={n_components} was asked for, but the embeddings "
            f"vary along {k} directions only: k = {k}."
        )
    if k == subspace.rank:
        notes.append(
            f"The {k} principal directions are all along which the embeddings "
            "vary: the projection removes nothing."
        )
    return notes


def list_failures(
    heads: list,
    encoding: EncodingTest,
    alignment: AlignmentTest,
    cross_fit: CrossFit | None,
) -> Iterator[str]:
    """Which fits did not converge."""
    failures = {
        "heads": heads,
        "cross-validated heads": encoding.not_converged,
        "cross-fitted heads": cross_fit.not_converged if cross_fit else [],
        "permuted heads": [
            f"{name} ({count} of {alignment.tests.used[name]})"
            for name, count in alignment.tests.not_converged.items()
        ],
    }
    for what, names in failures.items():
        if names:
            yield (
                f"{what} of columns {names} did not reach the tolerance of the "
                "solver; lower C, or merge rare levels."
            )
