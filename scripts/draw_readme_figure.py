"""Draw the pictures of the README with the package itself.

Run from the root of the repository: ``python scripts/draw_readme_figure.py``. The
picture of the report needs playwright and Chromium.
"""

import shutil
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from playwright.sync_api import sync_playwright

from sklearn_wsca import AlignmentDisplay, WeightSpaceCorrelation
from sklearn_wsca.datasets import load_heart_hospitals

FOLDER = Path(__file__).parent.parent / "docs" / "images"


def draw_matrix(analysis: WeightSpaceCorrelation) -> None:
    """Write the matrix of all heads."""
    display = AlignmentDisplay.from_estimator(analysis)
    display.figure_.savefig(FOLDER / "hospital_correlation.png", dpi=140)


def photograph_report(analysis: WeightSpaceCorrelation) -> None:
    """Write the first screen of the report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 830})
        page.set_content(analysis.to_html())
        page.screenshot(path=FOLDER / "report.png")
        browser.close()


def main() -> None:
    """Fit the hospital data and draw."""
    heart = load_heart_hospitals()
    analysis = WeightSpaceCorrelation(
        "disease", target_head=heart.head, random_state=0
    ).fit(heart.data, heart.metadata)
    draw_matrix(analysis)
    photograph_report(analysis)
    print(f"wrote hospital_correlation.png and report.png to {FOLDER}")


if __name__ == "__main__":
    main()
