"""Formulas as MathML, written at build time: browsers need no script for them."""

from __future__ import annotations

from docutils import nodes
from latex2mathml.converter import convert

RENDERER = "mathml"


def to_mathml(latex: str, display: str) -> str:
    """A formula as an element ``math``.

    Parameters
    ----------
    latex : str
        The formula.
    display : {"inline", "block"}
        Within a line, or on lines of its own.

    Raises
    ------
    ValueError
        If the formula cannot be read, or a command of it is unknown.
    """
    try:
        found = convert(latex.replace(r"\_", "_"), display=display)
    except Exception as error:
        raise ValueError(f"formula {latex!r}: {error!r}") from error
    if "\\" in found:  # what is unknown is passed on as it stands
        raise ValueError(f"formula {latex!r}: {found}")
    return found


def visit_inline(translator, node) -> None:
    """Write a formula within a line."""
    translator.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(translator, node) -> None:
    """Write a formula on lines of its own."""
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(to_mathml(node.astext(), "block"))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Tell Sphinx of the renderer, and make it the one that is used."""
    app.add_html_math_renderer(RENDERER, (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = RENDERER
    return {"parallel_read_safe": True, "parallel_write_safe": True}
