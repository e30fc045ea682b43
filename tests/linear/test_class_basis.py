"""Bases of classes and terms against those that are written out."""

import numpy as np
import pytest

from sklearn_wsca._linear.class_basis import (
    ClassBasis,
    orthonormal_basis,
    send_bases,
    sum_matrix,
    sums_by_codes,
    weighted_sums,
)

RNG = np.random.default_rng(0)
N = 60
ROOTS = RNG.uniform(0.3, 2.0, N)
CODES = RNG.integers(0, 5, N)
# A class that no row is in.
CODES[CODES == 3] = 4


def terms(n_terms):
    """Numbers of unequal sizes with means, the last what classes and others tell."""
    own = RNG.standard_normal((N, n_terms)) * np.geomspace(1e3, 1e-3, n_terms) + 7.0
    told = (CODES == 1) * 2.0 + own @ np.ones(n_terms)
    return np.column_stack([own, told])


@pytest.mark.parametrize("n_terms", [0, 1, 4])
@pytest.mark.parametrize("with_classes", [True, False])
def test_a_basis_of_classes_spans_what_written_out_ones_do(with_classes, n_terms):
    others = terms(n_terms)
    basis = ClassBasis.without_classes(others * ROOTS[:, None])
    spanned = others
    if with_classes:
        basis = ClassBasis.of(ROOTS, CODES, others)
        spanned = np.hstack([np.eye(5)[CODES], others])
    spanned = spanned * ROOTS[:, None]
    rank = np.linalg.matrix_rank(spanned, tol=1e-6)
    written = basis.written_out()
    written = written[:, written.any(axis=0)]
    assert basis.width == written.shape[1] == rank
    np.testing.assert_allclose(written.T @ written, np.eye(rank), atol=1e-12)
    values = RNG.standard_normal((N, 3)) + 4.0
    expected = spanned @ np.linalg.lstsq(spanned, values, rcond=1e-9)[0]
    np.testing.assert_allclose(basis.explain(values), expected, atol=1e-8)
    np.testing.assert_allclose(basis.leverages(), np.sum(written**2, axis=1))
    sets = np.arange(12).reshape(4, 3)
    own = written[sets]
    np.testing.assert_allclose(basis.grams(sets), own @ own.swapaxes(1, 2), atol=1e-12)


def test_products_with_values_of_units_are_those_of_their_rows():
    basis, unit = ClassBasis.of(ROOTS, CODES, terms(2)), np.arange(N) // 3
    values, factors = RNG.standard_normal((N // 3, 4)), RNG.uniform(1.0, 2.0, N)
    found = basis.products_by_unit(unit, factors, values)
    expected = basis.products(factors[:, None] * values[unit])
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_products_of_bases_on_a_device_are_those_of_the_host(precision):
    torch = pytest.importorskip("torch")
    bases = [ClassBasis.of(ROOTS, CODES, terms(n_terms)) for n_terms in (2, 0)]
    values = (1e3 * RNG.standard_normal((N, 3)) + 5.0).astype(precision)
    rows = slice(7, 41)
    there = torch.asarray(values)
    for own, sent in zip(bases, send_bases(bases, there), strict=True):
        found = sent.take(rows).products(there[rows])
        assert found.dtype == torch.float64
        expected = own.take(rows).products(values[rows])
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("there", ["host", "device"])
def test_sums_by_codes_are_those_of_loops(there):
    values = RNG.standard_normal((N, 3)) * [1.0, 50.0, 1e-3] + 7.0
    codes = np.stack([RNG.permutation(CODES) for _ in range(4)])
    expected = [[values[own == code].sum(axis=0) for code in range(5)] for own in codes]
    weighted = [ROOTS[code == CODES] @ values[code == CODES] for code in range(5)]
    arrays = codes, values, CODES, ROOTS
    if there == "device":
        torch = pytest.importorskip("torch")
        arrays = tuple(map(torch.from_numpy, arrays))
    codes, values, own, roots = arrays
    found = sums_by_codes(codes, values, 5), weighted_sums(own, roots, values, 5)
    np.testing.assert_allclose(np.asarray(found[0]), expected, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(found[1]), weighted, rtol=1e-12)
    # The class without rows.
    assert not np.asarray(found[0])[:, 3].any() and np.asarray(found[0])[:, 4].all()


def test_rows_of_a_basis_are_those_of_all():
    basis, rows = ClassBasis.of(ROOTS, CODES, terms(2)), np.array([7, 3, 40])
    numbers = RNG.standard_normal((5 + basis.others.shape[1], 2))
    np.testing.assert_array_equal(
        basis.take(rows).combine(numbers), basis.combine(numbers)[rows]
    )


def test_a_basis_spans_its_terms_once():
    terms = RNG.standard_normal((40, 3)) * [1.0, 1e4, 1e-3] + [5.0, 0.0, 2.0]
    dependent = np.column_stack([terms, terms @ [1.0, -2e-4, 3.0], np.zeros(40)])
    basis = orthonormal_basis(dependent)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(basis @ (basis.T @ dependent), dependent, atol=1e-8)
    assert orthonormal_basis(np.zeros((40, 2))).shape == (40, 0)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_codes_beyond_the_sums_are_refused(wrong):
    with pytest.raises(ValueError, match="codes: they must be from 0 to 2"):
        sum_matrix(np.array([0, wrong, 1]), np.ones(3), 3)
