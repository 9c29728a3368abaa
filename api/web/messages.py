"""Everything that pages say, collected for the English catalogue: ``python -m api.web.messages``.

The catalogue then holds exactly these sentences: new ones are appended without English, and
those that nothing says any more are taken out. What lacks English is listed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as BabelMessage
from babel.messages.pofile import write_po
from jinja2 import nodes
from jinja2.ext import extract_from_ast

from api.safeguards import SAFEGUARDS
from api.web import faults, journal, learning, oversight, rendering, review, rights, situation
from api.web.rendering import ROOM, templates
from api.web.speech import CATALOGUE, english
from revue import records
from revue.exercises import EXERCISES
from revue.observations import OBSERVATIONS
from revue.offers import OFFERS

Sentence = str | tuple[str, str]
"""A French sentence, or its singular and its plural."""


@dataclass(frozen=True)
class Message:
    """A sentence and the file that says it."""

    sentence: Sentence
    source: str


def collect() -> tuple[Message, ...]:
    """Collect every sentence of templates, of code and of labels, each where it stands first.

    A word that is said alone and counted elsewhere is one message, the counted one.
    """
    found: dict[str, Message] = {}
    for message in (*_of_templates(), *_of_code(), *_of_labels()):
        one = message.sentence if isinstance(message.sentence, str) else message.sentence[0]
        first = found.setdefault(one, message)
        if isinstance(first.sentence, str):
            found[one] = Message(message.sentence, first.source)
    return tuple(found.values())


def updated(catalogue: Catalog) -> Catalog:
    """Return the catalogue with these sentences and no others, in the order they are said."""
    fresh = Catalog(
        locale="en",
        project="Rebond",
        version="1",
        header_comment="# What pages say in English. The keys are the French sentences.",
        copyright_holder="Rebond",
        msgid_bugs_address="-",
        creation_date=catalogue.creation_date,
        revision_date=catalogue.creation_date,
        last_translator="-",
        language_team="-",
        fuzzy=False,
    )
    for message in collect():
        known = catalogue.get(message.sentence)
        fresh.add(
            message.sentence,
            known.string if known and known.id == message.sentence else "",
            locations=[(message.source, 0)],  # the file says enough
        )
    return fresh


def missing(catalogue: Catalog) -> tuple[object, ...]:
    """Return the sentences of a catalogue that lack English."""
    return tuple(m.id for m in catalogue if m.id and not all(_strings(m)))


def write(catalogue: Catalog) -> None:
    """Write the catalogue file."""
    with CATALOGUE.open("wb") as file:
        write_po(file, catalogue, width=100, include_lineno=False)


def _strings(message: BabelMessage) -> tuple[str, ...]:
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(string)


def _of_templates() -> Iterator[Message]:
    for path in sorted((ROOM / "templates").glob("*.html")):
        template = templates("fr").parse(path.read_text(encoding="utf-8"))
        for _, _, said in extract_from_ast(template, babel_style=False):
            yield _message([text for text in said or () if text], path.name)
        for counted in template.find_all(nodes.Filter):
            if counted.name == "number":
                yield _message([noun.as_const() for noun in counted.args], path.name)


def _of_code() -> Iterator[Message]:
    for path in sorted((ROOM / "web").glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                for said in _said_by(call.func.attr, call.args):
                    yield _message(said, f"web/{path.name}")


def _said_by(method: str, args: Sequence[ast.expr]) -> Iterator[Sequence[str]]:
    """Return what a method of :class:`api.web.speech.Speech` is given to say, as written."""
    if method == "say":
        either = [args[0].body, args[0].orelse] if isinstance(args[0], ast.IfExp) else [args[0]]
        yield from ([text] for text in _texts(either))
    if method == "count" and (nouns := _texts(args[1:])):
        yield nouns


def _texts(args: Sequence[ast.expr]) -> list[str]:
    return [
        arg.value for arg in args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
    ]


def _message(said: Sequence[str], source: str) -> Message:
    """Return one sentence, or its singular and its plural, as one message."""
    return Message((said[0], said[1]) if len(said) > 1 else said[0], source)


def _of_labels() -> Iterator[Message]:
    labels = {
        "revue/records.py": [
            *(member.label for kind in records.Labelled.__subclasses__() for member in kind),
            *(reason.value for reason in records.WhyNot),
        ],
        "revue/offers.py": [offer.label for offer in OFFERS],
        "revue/observations.py": list(OBSERVATIONS.values()),
        "revue/exercises.py": [text for each in EXERCISES for text in each.sentences],
        "safeguards.py": [text for each in SAFEGUARDS for text in each.sentences],
        "web/rendering.py": [
            rendering.DANGER_SENTENCE,
            *(call.purpose for call in rendering.EMERGENCY),
            *(place.name for place in rendering.PLACES),
            *(does for _, does in rendering.SHORTCUTS),
        ],
        "web/faults.py": [
            *(fault.sentence for fault in faults.FAULTS.values()),
            faults.NOT_FOUND.sentence,
            faults.NOT_VALID.sentence,
            faults.TOO_LARGE.sentence,
            faults.UNEXPECTED.sentence,
            *faults.TITLES.values(),
            faults.REFUSED,
        ],
        "web/oversight.py": [
            *(name for acts in oversight.ACTS.values() for _, name in acts),
            *oversight.VERDICTS.values(),
            *oversight.VOTE_LABELS.values(),
        ],
        "web/journal.py": [*journal.ACT_LABELS.values(), *journal.SUBJECT_LABELS.values()],
        "web/review.py": [*review.LISTS.values()],
        "web/rights.py": [
            *(text for texts in rights.CONSEQUENCES.values() for text in texts),
            *rights.DOING.values(),
        ],
        "web/situation.py": [
            *situation.STEPS,
            *(text for _, title, empty in situation.SIDES for text in (title, empty)),
            *situation.QUESTIONS,
        ],
        "web/learning.py": [
            *(name for _, name in learning.STEPS),
            *(text for row in learning.SEEN_BY for text in row),
        ],
    }
    for source, texts in labels.items():
        for text in texts:
            yield Message(text, source)


def main() -> None:
    """Bring the catalogue up to date, and list what lacks English."""
    catalogue = updated(english())
    write(catalogue)
    for sentence in missing(catalogue):
        print(sentence)


if __name__ == "__main__":
    main()
