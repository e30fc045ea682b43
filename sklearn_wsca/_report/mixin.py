"""The formats as methods of an estimator."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sklearn_wsca._report.formats import to_dict, to_json, to_markdown


class ReportMixin:
    """Methods that turn a fitted analysis into a result or report.

    Each takes `audit`, a table of held-out rows by the same estimator, which is then
    what is judged; None judges the rows of `fit`.
    """

    def to_dict(self, *, audit: pd.DataFrame | None = None) -> dict[str, Any]:
        """Result as one dict of plain Python values, see `sklearn_wsca.report.to_dict`.

        Parameters
        ----------
        audit : DataFrame, default=None
            Table that `audit` returned.

        Returns
        -------
        dict
            Its keys are described in ``docs/result.md``.
        """
        return to_dict(self, audit=audit)

    def to_json(self, *, audit: pd.DataFrame | None = None) -> str:
        """Result as JSON, see `sklearn_wsca.report.to_json`.

        Parameters
        ----------
        audit : DataFrame, default=None
            Table that `audit` returned.

        Returns
        -------
        str
            Valid JSON without NaN.
        """
        return to_json(self, audit=audit)

    def to_markdown(self, *, audit: pd.DataFrame | None = None) -> str:
        """Answers and table as Markdown, see `sklearn_wsca.report.to_markdown`.

        Parameters
        ----------
        audit : DataFrame, default=None
            Table that `audit` returned.

        Returns
        -------
        str
            Markdown.
        """
        return to_markdown(self, audit=audit)

    def to_html(self, *, audit: pd.DataFrame | None = None) -> str:
        """Report as one self-contained page, see `sklearn_wsca.report.to_html`.

        Parameters
        ----------
        audit : DataFrame, default=None
            Table that `audit` returned.

        Returns
        -------
        str
            HTML that opens from disk and requests nothing.

        Raises
        ------
        ImportError
            If jinja2 or matplotlib is not installed.
        """
        from sklearn_wsca._report.html import to_html  # Late: with all displays.

        return to_html(self, audit=audit)
