"""Whatever people read here keeps to the page on words, in both languages.

Texts are taken where they are written: templates as their reader sees them, labels and
sentences of the two rooms that speak, catalogues of translations, the documentation. Words
that stand there for something else than a person are listed one by one, each with its place.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from api.web import faults
from features.words import AVOIDED, AVOIDED_ENGLISH
from revue import observations, offers, records
from tests.conftest import ROOT

ABOUT_SOMETHING_ELSE = {
    ("README.md", "score"): "what a model computes, and a column of a file",
    ("README.md", "refuses"): "what this service and its database do not do",
    ("README.md", "failed"): "an audit",
    ("docs/labels.md", "case"): "a row of a worked example",
    ("api/cli.py", "score"): "a column of a file, and what a model computes",
    ("api/assessment/answers.py", "risque"): "the law's own term for a system",
    ("api/registers/annex.py", "risques"): "the law's own name for a provider's duty",
    ("revue/assessments.py", "scores"): "what a home does with a model",
    ("api/situations.py", "score"): "a command",
    ("api/web/doors.py", "failures"): "signing in",
    ("api/web/refusals.py", "failed"): "signing in",
    ("revue/accounts.py", "case"): "lower-case letters",
    ("revue/committee.py", "failed"): "an audit",
}
"""Where an avoided word is not about people, and what it is about."""

READ = ("alt", "title", "aria-label", "aria-description", "placeholder")
"""Attributes that somebody hears or reads."""

_FRENCH = re.compile(
    r"[àâçéèêëîïôûùœ«»]|\b(?:l[ae]s?|des?|une?|du|est|vous|votre|pas|pour|avec|et)\b", re.IGNORECASE
)


def avoided(text: str, pattern: re.Pattern[str] | None = None) -> list[str]:
    """Find what is not written about people, by the language that the text looks like."""
    seen = pattern or (AVOIDED if _FRENCH.search(text) else AVOIDED_ENGLISH)
    return [found[0].lower() for found in seen.finditer(text)]


class Shown(HTMLParser):
    """What a page shows or says."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value for name, value in attrs if name in READ and value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def texts_of_template(path: Path) -> Iterator[str]:
    """Read a template: its visible text, and every text that an expression may put there."""
    tree = Environment(extensions=["jinja2.ext.i18n"]).parse(path.read_text(encoding="utf-8"))  # noqa: S701 - parsed only
    markup = "".join(node.data for node in tree.find_all(nodes.TemplateData))
    yield " ".join(" ".join(Shown(markup).texts).split())
    yield from (n.value for n in tree.find_all(nodes.Const) if isinstance(n.value, str))


def texts_of_module(path: Path) -> Iterator[str]:
    """Read the texts of a module, docstrings aside: what has a blank is no identifier."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in bare:
            value = node.value
            if isinstance(value, str) and " " in value.strip():
                yield value


def texts_of_page(path: Path) -> Iterator[str]:
    """Read a page of documentation, commands and code aside."""
    text = path.read_text(encoding="utf-8")
    yield re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.DOTALL)


def texts_of_catalogue(path: Path) -> Iterator[str]:
    """Read what a catalogue says in English; what it says it for is read where it is written."""
    with path.open("rb") as file:
        for message in read_po(file):
            told = message.string
            yield from (told,) if isinstance(told, str) else told


def here(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TEMPLATES = sorted(p for p in (ROOT / "api/templates").rglob("*") if p.is_file())
MODULES = sorted(
    path
    for room in ("api", "revue")
    for path in (ROOT / room).rglob("*.py")
    if "migrations" not in path.parts
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CATALOGUES = sorted((ROOT / "api").rglob("*.po"))


def test_nothing_says_what_is_not_written_about_people_unless_about_something_else() -> None:
    assert TEMPLATES and MODULES and PAGES and CATALOGUES
    found = {
        (here(path), word): text
        for read, paths, pattern in (
            # A page is written in French, and most of its constants are names.
            (texts_of_template, TEMPLATES, AVOIDED),
            (texts_of_module, MODULES, None),
            (texts_of_page, PAGES, None),
            (texts_of_catalogue, CATALOGUES, AVOIDED_ENGLISH),
        )
        for path in paths
        for text in read(path)
        for word in avoided(text, pattern)
    }
    assert {key: text for key, text in found.items() if key not in ABOUT_SOMETHING_ELSE} == {}
    # The list does not outlive what it excuses.
    assert set(ABOUT_SOMETHING_ELSE) <= set(found)


def test_no_label_does() -> None:
    labelled = [
        member
        for _, kind in inspect.getmembers(records, inspect.isclass)
        if issubclass(kind, records.Labelled)
        for member in kind
    ]
    assert len(labelled) > 30
    told = [
        *(member.label for member in labelled),
        *(offer.label for offer in offers.OFFERS),
        *observations.OBSERVATIONS.values(),
        *(fault.sentence for fault in faults.FAULTS.values()),
    ]
    assert [label for label in told if AVOIDED.search(label)] == []


def test_visible_text_is_what_a_reader_gets(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '{# cas #}<p class="cas" aria-label="Un cas">{% if x == "y" %}À lire{% endif %}'
        "{{ 'Un individu' if a else b }}{% trans %}En échec{% endtrans %}</p>",
        encoding="utf-8",
    )
    texts = list(texts_of_template(page))
    assert texts[0] == "Un cas À lire"
    assert {"Un individu", "En échec"} <= set(texts)
    catalogue = tmp_path / "rebond.po"
    catalogue.write_text(
        'msgid ""\nmsgstr ""\n"Language: en"\n\nmsgid "Un fait"\nmsgstr "A case"\n'
    )
    assert [word for text in texts_of_catalogue(catalogue) for word in avoided(text)] == ["case"]
