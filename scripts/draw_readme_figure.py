"""Draw the picture of the README with the package itself.

Run from the root of the repository: ``python scripts/draw_readme_figure.py``.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

FIGURE = Path(__file__).parent.parent / "docs" / "images" / "hospital_correlation.png"


def main() -> None:
    """Fit the hospital data and write the matrix of all heads."""
    heart = load_heart_hospitals()
    analysis = WeightSpaceCorrelation(
        "disease", target_head=heart.head, n_permutations=0
    ).fit(heart.data, heart.metadata)
    display = AlignmentDisplay.from_estimator(analysis)
    display.figure_.savefig(FIGURE, dpi=140)
    print(f"wrote {FIGURE}")


if __name__ == "__main__":
    main()
