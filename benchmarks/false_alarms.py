"""How often the alignment test rejects, with and without adjustment for the target.

Synthetic embeddings encode a scanner; the network's head uses it or does not; scanner
and target are associated in the sample or are not. Run from the repository:
``python -m benchmarks.false_alarms``.
"""

import click
import numpy as np
from scipy import stats

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

LEVEL = 0.05
ASSOCIATIONS = (0.0, 0.4, 0.8)
USES = (0.0, 0.3, 1.0)


def rejects(seed: int, association: float, use: float, adjust: bool) -> bool:
    """Whether the scanner's alignment is significant in one synthetic study."""
    study = make_shortcut(
        400, 48, association=association, use=use, encoding=1.0, random_state=seed
    )
    analysis = WeightSpaceCorrelation(
        "target",
        target_head=study.head,
        columns=["scanner"],
        adjust_for_target=adjust,
        n_permutations=99,
        cv=2,
        random_state=seed,
    ).fit(study.data, study.metadata)
    return bool(analysis.pvalues_["scanner"] <= LEVEL)


@click.command()
@click.option("--studies", default=200, show_default=True, help="Per cell.")
@click.option("--quick", is_flag=True, help="Only show that everything runs.")
def main(studies: int, quick: bool) -> None:
    """Print the table."""
    n_studies = 1 if quick else studies
    print(f"{n_studies} studies per cell, 400 rows, 48 features, level {LEVEL:.0%}")
    print("association | use | plain permutations | adjusted for the target")
    for association in ASSOCIATIONS:
        for use in USES:
            cells = []
            for adjust in (False, True):
                hits = [
                    rejects(seed, association, use, adjust) for seed in range(n_studies)
                ]
                interval = stats.binomtest(sum(hits), n_studies).proportion_ci(0.95)
                cells.append(
                    f"{np.mean(hits):.0%} ({interval.low:.0%}-{interval.high:.0%})"
                )
            print(f"{association} | {use} | {cells[0]} | {cells[1]}", flush=True)


if __name__ == "__main__":
    main()
