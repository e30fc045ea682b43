"""Results of an analysis as a dict, JSON, Markdown or a self-contained HTML page."""

from sklearn_wsca._report.formats import to_dict, to_html, to_json, to_markdown

__all__ = ["to_dict", "to_html", "to_json", "to_markdown"]
