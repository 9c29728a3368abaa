"""The picture of a history: well formed, nothing hidden, the same in both languages."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import combinations, pairwise
from math import hypot
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.timeline import NARROW, QUIET_DAYS, WIDE, Layout, draw_timeline, is_service_part
from features.codes import LABELS
from features.facts import Facts, describe, known_event
from features.phrases import Language
from features.words import AVOIDED, AVOIDED_ENGLISH

AS_OF = date(2026, 11, 21)
LAYOUTS = st.sampled_from([WIDE, NARROW])
LANGUAGES = st.sampled_from(["fr", "en"])
histories = st.lists(
    st.tuples(st.integers(1, 500), st.sampled_from([*sorted(LABELS), "autre//<b>", "click//a"])),
    max_size=60,
)


def facts(*events: tuple[int, str], entered: int = 400) -> Facts:
    """Describe events given as (days before the review date, code)."""
    known = []
    for days, code in events:
        day = AS_OF - timedelta(days=days)
        known.append(known_event(day, day, code))
    return describe(AS_OF, AS_OF - timedelta(days=entered), known)


def drawn(
    made: Facts, layout: Layout = WIDE, language: Language = "fr"
) -> tuple[ElementTree.Element, list[str]]:
    """Read a picture back: its tree and everything that is written in it."""
    svg = ElementTree.fromstring(draw_timeline(made, layout, language))  # noqa: S314 - our own
    return svg, [element.text for element in svg.iter() if element.text]


@settings(max_examples=60, deadline=None)
@given(histories, st.integers(0, 600), LAYOUTS, LANGUAGES)
def test_every_event_of_the_year_can_be_seen(
    events: list[tuple[int, str]], entered: int, layout: Layout, language: Language
) -> None:
    made = facts(*events, entered=entered)
    svg, texts = drawn(made, layout, language)
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    within = [e for e in made.events if e.occurred_on >= AS_OF - timedelta(days=365)]
    dots = svg.findall("circle")
    assert len(dots) == len(within)
    rings = [dot for dot in dots if dot.get("class") == "dot service"]
    assert len(rings) == sum(map(is_service_part, within))
    places = [(float(d.get("cx", "")), float(d.get("cy", "")), float(d.get("r", ""))) for d in dots]
    for x, y, radius in places:
        assert layout.names <= x - radius and x + radius <= width
        assert radius <= y <= height - radius
    for one, other in combinations(places, 2):
        assert hypot(one[0] - other[0], one[1] - other[1]) >= one[2] + other[2]
    # Rows of two lanes never mix: from top to bottom, lane after lane.
    order = [float(line.get("y1", "")) for line in svg.findall("line[@class='lane']")]
    assert order == sorted(order)
    avoided = AVOIDED if language == "fr" else AVOIDED_ENGLISH
    assert not [text for text in texts if avoided.search(text)]
    if language == "en":
        assert all(text.isascii() for text in texts)
    # The content policy knows no style of its own; nothing is asked of another place.
    assert not any(
        name in ("style", "href", "fill") or name.startswith("on")
        for element in svg.iter()
        for name in element.attrib
    )


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_long_time_since_the_last_exchange_is_a_span(layout: Layout) -> None:
    some = (200, "rdv//honore"), (10, "contact//message"), (9, "service//aucun_creneau")
    svg, texts = drawn(facts(*some, (38, "contact//visite")), layout)
    assert "38 jours depuis le dernier échange" in texts
    (span,) = svg.findall("rect")
    review = svg.find("line[@class='review']")
    assert span.get("class") == "quiet" and review is not None
    end = float(span.get("x", "")) + float(span.get("width", ""))
    assert end == pytest.approx(float(review.get("x1", "")))
    # What the service did meanwhile lies in it, as a ring.
    ring = next(dot for dot in svg.findall("circle") if "service" in dot.get("class", ""))
    assert float(span.get("x", "")) < float(ring.get("cx", "")) < end
    _, english = drawn(facts(*some, (38, "contact//visite")), layout, "en")
    assert "38 days since the last exchange" in english


def test_a_short_time_or_none_is_no_span() -> None:
    assert drawn(facts((QUIET_DAYS, "rdv//honore")))[0].findall("rect")
    for made in (
        facts((QUIET_DAYS - 1, "rdv//honore")),
        facts((200, "contact//message")),
        facts((200, "contact//visite"), (1, "rdv//honore")),
        # The exchanges of an earlier stay are not those of this one.
        facts((200, "contact//visite"), entered=60),
    ):
        svg, texts = drawn(made)
        assert not svg.findall("rect") and not any("depuis le dernier" in t for t in texts[2:])


def test_a_return_shows_where_the_present_stay_began() -> None:
    back = facts((200, "contact//visite"), (9, "rdv//honore"), entered=60)
    for language, text in (
        ("fr", "Accompagnement depuis le 22 septembre 2026"),
        ("en", "Accompanied since 22 September 2026"),
    ):
        svg, texts = drawn(back, NARROW, language)
        assert text in texts and svg.find("line[@class='entry']") is not None
    assert drawn(facts((9, "rdv//honore"), entered=60))[0].find("line[@class='entry']") is None


@settings(max_examples=60, deadline=None)
@given(histories, st.integers(0, 600), LAYOUTS, LANGUAGES)
def test_what_is_written_stays_within_and_apart(
    events: list[tuple[int, str]], entered: int, layout: Layout, language: Language
) -> None:
    svg, _ = drawn(facts(*events, entered=entered), layout, language)
    rows = []
    for text in svg.findall("text"):
        if text.get("class") == "lane-name":
            continue
        # Measured: a text of 13 takes 6.7 units a sign in DejaVu Sans, one of the widest faces.
        long, x = 6.8 * len(text.text or ""), float(text.get("x", ""))
        left = x - long if text.get("text-anchor") == "end" else x
        assert left >= 0 and left + long <= layout.width
        if text.get("class"):
            rows.append(float(text.get("y", "")))
    assert all(later - sooner >= 18 for sooner, later in pairwise(rows))


def test_words_say_what_the_picture_shows() -> None:
    made = facts(
        (60, "rdv//honore"), (50, "rdv//annule_service"), (45, "contact//visite"), entered=60
    )
    svg, _ = drawn(made)
    assert svg.findtext("title") == "Faits enregistrés du 22 septembre 2026 au 21 novembre 2026"
    assert svg.findtext("desc") == (
        "Rendez-vous : 2 faits dont 1 du service lui-même, le dernier le 2 octobre 2026 ; "
        "Contacts et tentatives : 1 fait, le dernier le 7 octobre 2026 ; "
        "45 jours depuis le dernier échange. Le tableau qui suit les donne tous."
    )
    assert drawn(made, WIDE, "en")[0].findtext("desc") == (
        "Appointments: 2 events, 1 of them the service's own, the last on 2 October 2026; "
        "Contacts and attempts: 1 event, the last on 7 October 2026; "
        "45 days since the last exchange. The table below lists them all."
    )
    told = [dot.findtext("title") for dot in svg.findall("circle")]
    assert told[1] == "2 octobre 2026 : Rendez-vous annulé par le service"
    named = svg.get("aria-labelledby", "").split()
    assert [element.get("id") for element in svg if element.get("id")] == named


def test_months_are_written_in_the_language() -> None:
    made = facts((300, "rdv//honore"))
    assert {"janv.", "2026", "févr.", "août"} <= set(drawn(made)[1])
    assert {"Jan", "2026", "Feb", "Aug"} <= set(drawn(made, WIDE, "en")[1])
    assert {"Jan", "Mar", "May", "Sep"} <= set(drawn(made, NARROW, "en")[1])
    assert "Feb" not in drawn(made, NARROW, "en")[1]
    assert {"sept.", "oct."} <= set(drawn(facts(entered=90), NARROW)[1])
    assert {"oct.", "nov."} <= set(drawn(facts(entered=3), WIDE)[1])


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "Aucun fait enregistré dans cette période."),
        ("en", "No event recorded in this period."),
    ],
)
def test_an_empty_history_says_so(language: Language, said: str) -> None:
    svg, texts = drawn(facts(entered=3), WIDE, language)
    assert svg.findtext("desc") == said
    assert texts.count(said) == 2


@settings(max_examples=30, deadline=None)
@given(histories, LAYOUTS)
def test_only_words_differ_between_the_languages(
    events: list[tuple[int, str]], layout: Layout
) -> None:
    made = facts(*events)
    pictures = [draw_timeline(made, layout, language) for language in ("fr", "en")]
    dots = [re.findall(r"<circle[^>]*>", picture) for picture in pictures]
    assert dots[0] == dots[1]
