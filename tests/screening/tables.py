"""Tables to be screened, whose groups and levels are known."""

import numpy as np
import pandas as pd

from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._utilization.decision import Decision


def draw_table(seed=0, n=400, share=0.5, shares=(0.5, 0.5), follows=0.0):
    """Disease, scanner (which follows the disease in a share of the rows), and age."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    c = np.where(rng.random(n) < follows, y, rng.choice(len(shares), n, p=shares))
    return pd.DataFrame(
        {
            "disease": np.array(["no", "yes"])[y],
            "scanner": np.array(list("ABCDEFGH"))[c],
            "age": 60.0 + 9.0 * rng.standard_normal(n),
        }
    )


def draw_patients(seed=0, n=40, images=(5, 30)):
    """Patients of unequal numbers of images; the view changes within them."""
    rng = np.random.default_rng(seed)
    table = draw_table(seed, n)
    patient = np.repeat(np.arange(n), rng.integers(*images, n))
    table = table.loc[patient].reset_index(drop=True)
    views = rng.choice(["front", "side"], len(table))
    return table.assign(patient=[f"patient {i}" for i in patient], view=views)


def decision_of(table, target="disease", groups=None, confounders=()):
    """What is held fixed, with nothing in place of outputs."""
    return Decision(
        np.zeros((len(table), 1)),
        None,
        np.ones(len(table)),
        read_column(table[target]),
        [read_column(table[name]) for name in confounders],
        None if groups is None else Groups.of(table[groups]),
    )
