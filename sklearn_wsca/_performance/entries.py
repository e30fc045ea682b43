"""Variances of permuted levels by cluster, where rows of one cluster have several."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import array_namespace, cast, sum_by_code


@dataclass(frozen=True)
class Entries:
    """Rows of every part, and their clusters in all sums of parts.

    A row that is alone in its cluster adds its own square. Arrays are on the host, or
    by `send_parts` where the levels are.

    Parameters
    ----------
    rows, part : array of shape (n,), dtype int
        Rows of all parts, one part after the other.
    alone, shared : array of shape (n_alone,) and (n_shared,), dtype int
        Which of them are alone in their cluster, and which are not, by sum.
    alone_shares, shared_shares : array of the same shapes
        What they count in the sum.
    sums : array of shape (n_alone,), dtype int
        Their sums.
    cells : array of shape (n_shared,), dtype int
        Their clusters, numbered through all sums.
    ends : list of int
        Where the clusters of each sum end; 0 comes first.
    n_parts : int
        The first sums are the parts.
    n_alone, n_shared : int
        Entries of these.
    """

    rows: Any
    part: Any
    alone: Any
    shared: Any
    alone_shares: Any
    shared_shares: Any
    sums: Any
    cells: Any
    ends: list[int]
    n_parts: int
    n_alone: int
    n_shared: int

    @classmethod
    def of(
        cls, present: np.ndarray, clusters: np.ndarray, mixed: list[np.ndarray]
    ) -> Entries:
        """Sort the rows that each part has (n, K), and those of mixtures of shares."""
        part, rows = np.nonzero(present.T)
        n_parts = present.shape[1]
        at = np.split(np.arange(len(rows)), np.searchsorted(part, range(1, n_parts)))
        sums = [(own, np.ones(len(own))) for own in at]
        sums += [(own := np.flatnonzero(s[part]), s[part[own]]) for s in mixed]
        found, ends = [], [0]
        for number, (own, shares) in enumerate(sums):
            held = clusters[rows[own]]
            is_shared = np.bincount(held)[held] > 1
            present_clusters, cells = np.unique(held[is_shared], return_inverse=True)
            alone, shared = own[~is_shared], own[is_shared]
            in_sum = np.full(len(alone), number), ends[-1] + cells
            found.append(
                (alone, shared, shares[~is_shared], shares[is_shared], *in_sum)
            )
            ends.append(ends[-1] + len(present_clusters))
        of_parts = found[:n_parts]
        n_alone, n_shared = (sum(len(one[i]) for one in of_parts) for i in (0, 1))
        alone, shared, alone_shares, shared_shares, of_sum, cells = (
            np.concatenate(several) for several in zip(*found, strict=True)
        )
        return cls(
            rows,
            part,
            alone,
            shared,
            alone_shares,
            shared_shares,
            of_sum,
            cells,
            ends,
            n_parts,
            n_alone,
            n_shared,
        )

    def covariances(
        self, errors: Any, levels: Any, n_levels: int
    ) -> tuple[list[tuple[Any, Any]], Any]:
        """Variances and covariances of all sums, and how many units parts have.

        Parameters
        ----------
        errors, levels : array of shape (b, n)
            Errors of all entries, and the levels that they have.
        n_levels : int
            Number of levels J.

        Returns
        -------
        found : list of (array of shape (b, J), array of shape (b, J, J))
            Variances of the levels by sum, and their covariances, whose diagonal is
            without what is alone.
        n_units : array of shape (b, J, K)
            Clusters of each level by part.
        """
        xp, n_sums, n_cells = array_namespace(errors), len(self.ends) - 1, self.ends[-1]
        at = xp.take(levels, self.alone, axis=1) * n_sums + self.sums
        own = xp.take(errors, self.alone, axis=1) * self.alone_shares
        shape = len(errors), n_levels
        squares = sum_by_code(at, own**2, n_levels * n_sums).reshape(*shape, -1)
        one, n_parts = xp.ones_like(errors[:1, :1]), self.n_parts
        counts = sum_by_code(at[:, : self.n_alone], one, n_levels * n_sums)
        counts = counts.reshape(*shape, -1)
        at = xp.take(levels, self.shared, axis=1) * n_cells + self.cells
        own = xp.take(errors, self.shared, axis=1) * self.shared_shares
        sums = sum_by_code(at, own, n_levels * n_cells).reshape(*shape, -1)
        seen = sum_by_code(at[:, : self.n_shared], one, n_levels * n_cells)
        seen = cast(seen.reshape(*shape, -1) > 0, "float64")
        found, n_units = [], []
        for number, (start, stop) in enumerate(pairwise(self.ends)):
            own = sums[..., start:stop]
            variance = squares[..., number] + xp.einsum("bjc,bjc->bj", own, own)
            found.append((variance, own @ own.swapaxes(1, 2)))
            if number < n_parts:
                n_units.append(
                    counts[..., number] + xp.sum(seen[..., start:stop], axis=2)
                )
        return found, xp.stack(n_units, axis=2)
