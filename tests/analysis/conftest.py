"""An analysis, other rows, and their audit."""

import pytest

from tests.analysis.audits import fit, make_rows


@pytest.fixture(scope="module")
def fitted():
    return fit(*make_rows(0))


@pytest.fixture(scope="module")
def rows():
    return make_rows(1)


@pytest.fixture(scope="module")
def audited(fitted, rows):
    return fitted.audit(*rows)
