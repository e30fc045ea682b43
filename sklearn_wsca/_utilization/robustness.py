r"""How strong an unmeasured variable must be to explain a utilization away.

After Cinelli and Hazlett [1]_: adjusting for a variable that has a partial R2 of r with
the column, at fixed other columns, and with the outputs, at fixed column too, changes
the effect by a share of at most

.. math:: \frac{1}{f} \frac{r}{\sqrt{1 - r}}, \qquad
          f^2 = \frac{R^2}{1 - R^2}

with R2 what the column explains of the outputs at fixed others. Of several levels and
outputs one contrast is taken: the combination of outputs that moves most, and the
column as it moves that.

References
----------
.. [1] C. Cinelli and C. Hazlett, "Making sense of sensitivity: extending omitted
   variable bias", Journal of the Royal Statistical Society B 82(1), 2020.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from sklearn_wsca._utilization.output_model import OutputModel

TO_MARGIN, TO_ZERO = "to_margin", "to_zero"
# Outputs that are a function of the column.
MOST_EXPLAINED = 1.0 - 1e-12


def contrast_strength(model: OutputModel, effects: np.ndarray) -> float:
    """Size f of the leading contrast of the effects (m, C) on the outputs.

    Where whole groups have one value of the column it is that of the groups: what
    differs between the rows of one is no evidence on it.
    """
    gram, last = effects.T @ effects, effects.shape[1] - 1
    direction = linalg.eigh(gram, subset_by_index=[last, last])[1]
    output = model.rows.residuals @ direction
    column = model.explain(output)
    if model.exchange.scheme == "between groups":
        output, column = (
            model.rows.unit_sums(values, model.exchange.unit)
            for values in (output, column)
        )
    squares = np.sum(output**2) * np.sum(column**2)
    if squares <= 0:
        return 0.0
    explained = min(np.sum(output * column) ** 2 / squares, MOST_EXPLAINED)
    return float(np.sqrt(explained / (1.0 - explained)))


def robustness_value(strength: float) -> float:
    """Partial R2 with column and outputs that takes away an effect of size f."""
    if not strength > 0:
        return 0.0
    return float(2.0 / (1.0 + np.sqrt(1.0 + 4.0 / strength**2)))


def robustness_values(
    strength: float, raw: float, estimate: float, low: float, margin: float
) -> dict[str, float]:
    """Values that bring an estimate down to a margin, or its interval to 0.

    `strength` is that of the raw utilization; 0 where nothing is needed.
    """
    by_unit = strength / raw if raw > 0 else 0.0
    return {
        TO_MARGIN: robustness_value(by_unit * (estimate - margin)),
        TO_ZERO: robustness_value(by_unit * low),
    }
