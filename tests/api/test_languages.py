"""Which language somebody is answered in, and that everything is said in both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from api.home import create_home
from api.settings import Settings
from api.web.languages import LANGUAGE_COOKIE, preferred_language
from api.web.messages import collect, missing, updated
from api.web.rendering import templates
from api.web.speech import CATALOGUE, Speech, english
from features.words import AVOIDED, AVOIDED_ENGLISH
from revue import accounts
from revue.records import Role
from tests.api.web_home import CLI, NOW, PASSWORD, House

OWN_NAMES = re.compile(r"\b(Rebond|English|Français)\b")
"""What reads the same in every language; a language is named in itself."""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "fr"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("fr;q=0.3, en;q=0.7", "en"),
        ("fr , en ; q=0.5", "fr"),
        ("fr, en", "fr"),
        ("de, en;q=0.4", "en"),
        ("de", "fr"),
        ("*", "fr"),
        ("*;q=0.5, fr;q=0.1", "en"),
        ("*, en;q=0.5", "fr"),
        ("en;q=0", "fr"),
        ("en;q=0, fr;q=0", "fr"),
        ("en;q=1.000, fr;q=0.999", "en"),
        ("en;q=2", "fr"),
        ("en;q=nan", "fr"),
        ("english", "fr"),
        ("en;q=", "fr"),
        (";;,=,", "fr"),
    ],
)
def test_english_where_it_weighs_more_than_french(header: str, expected: str) -> None:
    assert preferred_language([header]) == expected


def test_lines_of_the_header_are_one_list() -> None:
    assert preferred_language(["fr;q=0.2", "en;q=0.4"]) == "en"
    assert preferred_language(None) == preferred_language([]) == "fr"


@given(st.lists(st.text("enfr*-;q=01., ", max_size=40), max_size=3))
def test_every_header_has_an_answer(lines: list[str]) -> None:
    assert preferred_language(lines) in ("fr", "en")


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    folder = tmp_path_factory.mktemp("languages") / "home"
    settings = Settings(service="Le Relais", demonstration=True)
    home = create_home(folder, folder / "keys", settings, lambda: NOW)
    with home.transaction() as session:
        accounts.create_user(
            session,
            login="adam",
            role=Role.ADMIN,
            team=None,
            by=CLI,
            now=NOW,
            password=PASSWORD,
        )
    return House(home, {})


def test_pages_speak_the_language_that_is_preferred(house):
    for header, language, words in (
        ("fr", "fr", "Se connecter"),
        ("en-GB, fr;q=0.5", "en", "Sign in"),
        ("de", "fr", "Mot de passe"),
    ):
        page = house.client().get("/login", headers={"Accept-Language": header}).text
        assert f'<html lang="{language}">' in page
        assert words in page


def test_somebody_chooses_another_language(house):
    client = house.client()
    asked = {"language": "en", "next": "/login?next=/queue"}
    page = client.get("/login?next=/queue").text
    assert '<button class="button light" name="language" value="en" lang="en">English<' in page
    assert 'name="next" value="/login?next=/queue"' in page
    answer = client.post("/language", data=asked)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/queue")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    french = {"Accept-Language": "fr"}
    page = client.get("/login", headers=french).text
    assert '<html lang="en">' in page
    assert 'name="language" value="fr" lang="fr">Français<' in page
    client.post("/language", data={**asked, "language": "fr"})
    assert '<html lang="fr">' in client.get("/login").text


@pytest.mark.parametrize("asked", [{"language": "de"}, {"language": ""}, {}])
def test_a_language_nobody_speaks_here_is_refused(house, asked):
    answer = house.client().post("/language", data=asked)
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
    client = house.client()
    client.cookies.set(LANGUAGE_COOKIE, "de")
    assert '<html lang="fr">' in client.get("/login").text


def test_nobody_is_sent_elsewhere_by_a_choice_of_language(house):
    asked = {"language": "en", "next": "https://ailleurs.example"}
    assert house.client().post("/language", data=asked).headers["location"] == "/"


def test_a_choice_made_within_a_session_carries_its_token(house):
    client = house.client("adam")
    token = client.headers.pop("X-CSRF-Token")
    asked = {"language": "en", "next": "/"}
    assert client.post("/language", data=asked).status_code == 403
    assert client.post("/language", data={**asked, "csrf": token}).status_code == 303
    page = client.get("/").text
    assert "You are signed in as: technical administration." in page
    client.cookies.set("rebond", "ended")
    assert client.post("/language", data=asked).headers["location"] == "/"


def test_refusals_are_told_in_the_language_asked_for(house):
    english_asked = {"Accept-Language": "en"}
    client = house.client("adam")
    assert "Page not found" in client.get("/nulle-part", headers=english_asked).text
    answer = client.get("/api/v1/queue", headers=english_asked)
    assert answer.json()["error"] == "This page is not open to your role."
    assert client.get("/api/v1/queue").json()["error"].startswith("Cette page n'est pas")
    answer = client.post("/api/v1/login", json={"login": "adam"}, headers=english_asked)
    assert answer.json()["error"].endswith("To be put right: password.")
    assert answer.json()["code"] == "InvalidRequest"


def test_english_says_exactly_what_french_says():
    said = {message.sentence for message in collect()}
    kept = {message.id for message in english() if message.id}
    assert kept == said, f"bring {CATALOGUE.name} up to date: make messages"
    assert not missing(english())
    assert not [message.id for message in english() if message.fuzzy]
    assert not english().obsolete


def test_a_catalogue_brought_up_to_date_keeps_what_it_says():
    again = updated(english())
    assert {m.id: m.string for m in again if m.id} == {m.id: m.string for m in english() if m.id}
    del again["Se connecter"]
    again.add("Plus personne ne dit cela", "Nobody says this")
    mended = updated(again)
    assert missing(mended) == ("Se connecter",)
    assert "Plus personne ne dit cela" not in mended


def pairs() -> Iterator[tuple[str, str]]:
    for message in english():
        if isinstance(message.id, str):
            yield message.id, message.string
        else:
            yield from zip(message.id, message.string, strict=True)


def test_english_has_the_holes_and_the_tags_of_the_french():
    for french, told in pairs():
        for part in (r"%\(\w+\)s", r"</?[a-z][^>]*>", r"%%"):
            assert sorted(re.findall(part, french)) == sorted(re.findall(part, told)), french
        for text in (french, told):
            assert "%" not in re.sub(r"%\(\w+\)s|%%", "", text), text
            # A sentence may stand in an attribute.
            assert '"' not in re.sub(r"<[^>]*>", "", text), text


def test_words_to_avoid_are_in_neither_language():
    for french, told in pairs():
        assert not AVOIDED.search(french), french
        assert not AVOIDED_ENGLISH.search(told), told


class Bare(HTMLParser):
    """Gathers what somebody would read of a template, and what a screen reader would say."""

    SPOKEN = frozenset({"aria-label", "title", "alt", "placeholder", "data-label", "label"})

    def __init__(self) -> None:
        super().__init__()
        self.within: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.within.append(tag)
        self.texts += [value for name, value in attrs if name in self.SPOKEN and value]

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data):
        if re.fullmatch(r'(\s*[\w-]+="[^"]*")+\s*', data):  # a macro that gives attributes
            self.texts += read(f"<br {data}>")
        elif "code" not in self.within:
            self.texts.append(data)


def read(html: str) -> list[str]:
    bare = Bare()
    bare.feed(html)
    bare.close()
    return bare.texts


def bare_texts(source: str) -> list[str]:
    """Return what a template says without having it translated."""
    ast = templates("fr").parse(source)
    texts = read("".join(data.data for data in ast.find_all(nodes.TemplateData)))
    texts += [text for output in ast.find_all(nodes.Output) for text in map(spoken, output.nodes)]
    return [text for text in texts if re.search(r"[^\W\d_]", OWN_NAMES.sub("", text))]


def spoken(node: nodes.Node) -> str:
    """Return the words that an expression gives as they stand in the template."""
    if isinstance(node, nodes.Const):
        return str(node.value)
    parts = {
        nodes.CondExpr: ("expr1", "expr2"),
        nodes.Or: ("left", "right"),
        nodes.And: ("right",),
        nodes.Add: ("left", "right"),
        nodes.Filter: ("node",),
    }.get(type(node), ())
    inside = [getattr(node, part) for part in parts]
    if isinstance(node, nodes.Concat):
        inside = node.nodes
    if isinstance(node, nodes.Filter) and node.name in {"default", "d", "join"}:
        inside += node.args
    return " ".join(spoken(part) for part in inside if part is not None).strip()


@pytest.mark.parametrize("name", sorted(templates("fr").list_templates(extensions=["html"])))
def test_no_template_says_anything_in_one_language_only(name):
    environment = templates("fr")
    source, _, _ = environment.loader.get_source(environment, name)
    assert bare_texts(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Bonjour</p>",
        '<p class="x"{% if a %} title="Bonjour"{% endif %}>{{ a }}</p>',
        "{{ a or 'aucun' }}",
        "{{ 'un' if a else b }}",
        "{{ a ~ ' et' }}",
        "{{ a | join(' ou ') }}",
        '{% macro m(x) %} aria-label="{{ x }} aide"{% endmacro %}',
        "{% for x in y %}<td>{{ x }}{% else %}rien{% endfor %}",
    ],
)
def test_what_is_said_in_one_language_only_is_found(source):
    assert bare_texts(source)


def test_what_is_not_ours_is_shown_as_it_is():
    for language in ("fr", "en"):
        page = templates(language).from_string("{{ _(words) }}|{{ _('Erreur') }}")
        words = page.render(words="<b>100 %(sure)s</b>").split("|")[0]
        assert words == "&lt;b&gt;100 %(sure)s&lt;/b&gt;"
        assert Speech(language).say("100 %") == "100 %"


def test_what_stands_in_a_hole_is_escaped():
    page = templates("en").from_string("{{ _('Bonjour %(login)s', login=login) }}")
    assert page.render(login="<b>") == "Hello &lt;b&gt;"
