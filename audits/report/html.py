"""The document as one page: no outside asset, no script, light, dark and in print."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from audits.report.document import Document, Figure
from audits.report.pictures import PAGE, stylesheet

ENGINE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(document: Document) -> str:
    """Render the page."""
    return ENGINE.get_template("report.html.j2").render(
        document=document,
        kind=lambda block: type(block).__name__,
        drawing=_drawing,
        pictures_style=Markup(stylesheet(PAGE, "inherit")),  # noqa: S704 - ours
    )


def _drawing(figure: Figure) -> Markup:
    return Markup('<svg role="img" aria-label="{}" width="100%" height="{}">{}</svg>').format(
        figure.alternative,
        figure.picture.height,
        Markup(figure.picture.body),  # noqa: S704 - words in it are escaped where it is drawn
    )
