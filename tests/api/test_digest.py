"""The digest: counts and public numbers alone, by file or by the one configured server."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api import digest
from api.digest import (
    DigestNotConfigured,
    DigestNotSent,
    PasswordUnreadable,
    Waiting,
    digest_text,
    make_digest,
    waiting_in_queue,
    waiting_in_team,
)
from api.home import Home
from api.settings import Danger, Digest, read_settings
from features.words import AVOIDED
from revue import accounts, schema
from revue.absences import note_absence
from revue.journal import entries
from revue.permissions import Forbidden
from revue.records import Part, QueueItem, QueuePage, State, TeamPage, ToAssign
from revue.vault import Identity, store_identities
from tests.api.web_home import AS_OF, CLI, NOW, PEOPLE, REASONS, USERS, House, build
from tests.conftest import rebond

TODAY = NOW.date()
PASSWORD = "une phrase pour le courrier"
SENDER = "rebond@service.example"
NAME = "Aïcha Canari"


def settings_for(port: int = 25, **more: Any) -> Digest:
    given: dict[str, Any] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "security": "none",
        "sender": SENDER,
        "address": "{login}@service.example",
        **more,
    }
    return Digest(**given)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("digest") / "home")
    with house.home.transaction() as session:
        store_identities(
            session,
            house.home.person_keys,
            [Identity(person, person, display_name=NAME) for person in PEOPLE.values()],
            by=CLI,
            now=NOW,
        )
    return house


@pytest.fixture
def house(template: House, tmp_path: Path) -> House:
    return template.copy(tmp_path)


def configured(house: House, **more: Any) -> Home:
    """The home of a house whose settings file has a mail server."""
    lines = [
        f"{key} = {json.dumps(str(value) if isinstance(value, Path) else value)}"
        for key, value in settings_for(**more).model_dump(exclude_none=True).items()
    ]
    with (house.home.folder / "settings.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["[digest]", *lines, ""]))
    return Home(house.home.folder, house.home.keys_folder, lambda: NOW)


make = partial(make_digest, out=None, send=False, everybody=False, by=CLI)


def read(folder: Path) -> dict[str, str]:
    """The text of each login's file."""
    found = {}
    for file in sorted(folder.glob("rebond-digest-*")):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".eml":
            text = message_from_bytes(file.read_bytes(), policy=policy.default).get_content()
        found[file.stem.removeprefix("rebond-digest-")] = text
    return found


# --- what is told ------------------------------------------------------------------------


def item(state: State, due: int = 0, part: Part = Part.ACCOMPANYING, **more: Any) -> QueueItem:
    given = {"waits_for_me": True, "held_by": None, "again_on": None, **more}
    due_on = TODAY + timedelta(days=due)
    return QueueItem("id", "person", "insertion", "claire", due_on, state, part, **given)


def page(*items: QueueItem, unserved: int = 0) -> QueuePage:
    return QueuePage(items, unserved, AS_OF, stop=None, places_left=None)


def test_what_waits_is_counted_by_what_is_to_be_done() -> None:
    found = waiting_in_queue(
        page(
            item(State.TO_LOOK_AT, 9),
            item(State.SIGNAL_SEEN, 7),
            item(State.LOOKED_TWICE, 8),
            item(State.IN_TEAM, 6),
            item(State.DECIDED, 5),
            item(State.FOLLOWED_UP, 4),
            item(State.SECOND_LOOK, 3, Part.SECOND_READER),
            item(State.PUT_OFF, 1, waits_for_me=False),
            item(State.SECOND_LOOK, 2, waits_for_me=False),
            unserved=12,
        )
    )
    assert found == Waiting(
        looks=4,
        follow_ups=2,
        second_looks=1,
        first_due=TODAY + timedelta(days=3),
        unserved=12,
        as_of=AS_OF,
    )
    assert not waiting_in_queue(page(item(State.PUT_OFF, waits_for_me=False))).anything
    team = TeamPage(
        "insertion", (), (), (ToAssign("id", "person", TODAY),), unserved=1, as_of=AS_OF
    )
    assert waiting_in_team(team) == Waiting(to_assign=1, first_due=TODAY, unserved=1, as_of=AS_OF)


def told(waiting: Waiting, danger: Danger | None = None) -> str:
    return digest_text(waiting, today=TODAY, service="Rebond", danger=danger or Danger())


def test_the_message_as_it_is_read() -> None:
    waiting = Waiting(3, 1, 2, 1, date(2026, 12, 1), 12, AS_OF)
    assert told(waiting, Danger(crip="01 23 45 67 89", on_call="06 12 34 56 78")) == (
        "Bonjour,\n\n"
        "Votre file dans Rebond, le 21 novembre 2026 :\n\n"
        "- 3 situations attendent votre avis ou votre décision.\n"
        "- 2 situations attendent votre second regard.\n"
        "- 1 suite est à noter.\n"
        "- 1 situation attend un référent.\n"
        "- La première échéance, qui est la nôtre, est le 1er décembre 2026.\n"
        "- Au 16 novembre 2026, 12 situations n'ont pas pu être montrées faute de place : c'est "
        "un manque de moyens du service.\n\n"
        "Pour voir la file, ouvrez Rebond comme d'habitude : ce message ne contient ni lien ni "
        "rien sur une personne.\n\n"
        "Personne ne surveille cette file en continu.\n"
        "Danger ou urgence ? N'attendez pas : 15, 17, 18, 112, 114, 115, 119, 3919, 3114, 3977 ; "
        "CRIP : 01 23 45 67 89 ; astreinte : 06 12 34 56 78.\n"
    )
    assert "Rien n'attend de votre part" in told(Waiting())


@given(
    st.builds(
        Waiting,
        *[st.integers(0, 200)] * 4,
        st.none() | st.dates(),
        st.integers(0, 200),
        st.none() | st.dates(),
    )
)
def test_every_message_warns_avoids_words_and_has_no_link(waiting: Waiting) -> None:
    text = told(waiting)
    assert not AVOIDED.search(text)
    assert "://" not in text and "@" not in text
    assert "Personne ne surveille cette file en continu." in text
    assert "N'attendez pas : 15, 17, 18, 112" in text


# --- files -------------------------------------------------------------------------------


def test_each_for_whom_something_waits_has_a_file_of_their_own(
    house: House, tmp_path: Path
) -> None:
    folder = tmp_path / "made" / "digest"
    summary = make(house.home, out=folder)
    texts = read(folder)
    assert set(texts) == {"claire", "karim", "lea"}
    assert (summary.messages, summary.sent, summary.nothing_waiting) == (3, 0, 1)
    assert "3 situations attendent votre avis" in texts["claire"]
    assert "1 situation attend votre avis" in texts["karim"]
    assert "La première échéance, qui est la nôtre, est le 30 novembre 2026." in texts["lea"]
    assert "12 situations n'ont pas pu être montrées" in texts["lea"]
    assert "CRIP : 01 23 45 67 89" in texts["lea"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert {file.suffix for file in folder.iterdir()} == {".txt"}


@pytest.mark.parametrize("forms", ["txt", "eml"])
def test_no_digest_says_anything_about_anybody(house: House, tmp_path: Path, forms: str) -> None:
    home = configured(house) if forms == "eml" else house.home
    make(home, out=tmp_path / "out", everybody=True)
    texts = read(tmp_path / "out")
    workers = {login for login, _, team in USERS if team}
    assert set(texts) == workers
    with home.transaction() as session:
        ids = set(session.scalars(schema.Situation.__table__.select().with_only_columns(
            schema.Situation.id)))  # fmt: skip
    assert ids == set(house.ids.values())
    private = {*ids, *PEOPLE, *PEOPLE.values(), *REASONS, NAME, "Canari", "signal", "control"}
    private |= {"estimation", "sur 100", "tiré", "hasard"}
    raw = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir()).decode()
    for login, text in texts.items():
        assert not {word for word in private | (workers - {login}) if word in text}
    assert not {word for word in private if word in raw}


def test_an_earlier_digest_is_replaced_and_other_files_stay(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    make(house.home, out=folder, everybody=True)
    (folder / "digest-notes.txt").write_text("à moi", encoding="utf-8")
    (folder / "rebond-digest-claire.txt").chmod(0o644)
    make(configured(house), out=folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "digest-notes.txt",
        "rebond-digest-claire.eml",
        "rebond-digest-karim.eml",
        "rebond-digest-lea.eml",
    ]
    assert (folder / "rebond-digest-claire.eml").stat().st_mode & 0o777 == 0o600
    message = message_from_bytes(
        (folder / "rebond-digest-claire.eml").read_bytes(), policy=policy.default
    )
    assert (message["To"], message["From"]) == ("claire@service.example", SENDER)
    assert message["Subject"] == "Rebond : point sur votre file"
    assert message["Auto-Submitted"] == "auto-generated"


def test_who_is_away_gets_none_and_the_stand_in_counts_for_both(
    house: House, tmp_path: Path
) -> None:
    with house.home.transaction() as session:
        note_absence(
            session,
            accounts.actor_for(session, "remy"),
            login="claire",
            first_on=TODAY,
            last_on=TODAY,
            stand_in="karim",
            now=NOW,
        )
    make(house.home, out=tmp_path / "out")
    texts = read(tmp_path / "out")
    assert set(texts) == {"karim", "lea"}
    assert "4 situations attendent votre avis" in texts["karim"]


def test_the_journal_holds_one_entry_and_no_reading(house: House, tmp_path: Path) -> None:
    def written() -> list[str]:
        with house.home.transaction() as session:
            return [entry.act for entry in entries(session, 10_000)]

    before = written()
    make(house.home, out=tmp_path / "out")
    assert written() == [digest.DIGEST, *before]


def test_a_folder_that_cannot_be_made_leaves_no_trace(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with house.home.transaction() as session:
        before = entries(session, 10_000)
    with pytest.raises(OSError, match="file"):
        make(house.home, out=tmp_path / "file" / "out")
    with house.home.transaction() as session:
        assert entries(session, 10_000) == before


@pytest.mark.parametrize("login", [login for login, *_ in USERS])
def test_nobody_with_an_account_makes_a_digest(house: House, tmp_path: Path, login: str) -> None:
    with house.home.transaction() as session:
        actor = accounts.actor_for(session, login)
    with pytest.raises(Forbidden):
        make(house.home, out=tmp_path / "out", by=actor)
    assert not (tmp_path / "out").exists()


# --- mail --------------------------------------------------------------------------------


@dataclass
class MailServer:
    """Enough of RFC 5321 on loopback to take messages, one connection after another."""

    port: int
    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    refused: frozenset[str] = frozenset()
    auth: bool = False
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    clear: list[str] = field(default_factory=list)

    def talk(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                self._serve(connection)
            except OSError:
                continue  # the client went away: what it said is kept

    def _serve(self, connection: socket.socket) -> None:
        secure = self.tls is not None
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True)
        lines = connection.makefile("rb")

        def answer(*replies: str) -> None:
            connection.sendall("".join(f"{reply}\r\n" for reply in replies).encode())

        answer("220 ready")
        while line := lines.readline().decode().strip():
            (self.said if secure else self.clear).append(line)
            word = line.split()[0].upper()
            if word == "EHLO":
                offered = ["STARTTLS"] if self.starttls and not secure else []
                offered += ["AUTH PLAIN"] if self.auth else []
                said = ["hello", *offered, "HELP"]
                answer(*[f"250-{one}" for one in said[:-1]], f"250 {said[-1]}")
            elif word == "STARTTLS" and self.starttls is not None:
                answer("220 go on")
                connection = self.starttls.wrap_socket(connection, server_side=True)
                lines, secure = connection.makefile("rb"), True
            elif word == "AUTH":
                answer("235 welcome" if self.auth else "535 no")
            elif word == "RCPT":
                address = line.split("<")[1].rstrip(">")
                answer("550 nobody" if address in self.refused else "250 ok")
                if address not in self.refused:
                    self.recipients.append(address)
            elif word == "DATA":
                answer("354 go on")
                content = b"".join(iter(lines.readline, b".\r\n"))
                parsed = message_from_bytes(content, policy=policy.default)
                assert isinstance(parsed, EmailMessage)
                self.messages.append(parsed)
                answer("250 taken")
            elif word == "QUIT":
                answer("221 bye")
                break
            else:
                answer("250 ok")
        connection.close()


@contextmanager
def mail_server(**more: Any) -> Iterator[MailServer]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = MailServer(listening.getsockname()[1], **more)
        thread = threading.Thread(target=server.talk, args=(listening,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=15)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine's loopback, which nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rebond tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def check_mail(server: MailServer) -> None:
    assert server.recipients == [f"{login}@service.example" for login in ("claire", "karim", "lea")]
    texts = [message.get_content() for message in server.messages]
    assert "3 situations attendent votre avis ou votre décision." in texts[0]
    assert all("Personne ne surveille cette file en continu." in text for text in texts)


def test_messages_are_handed_to_the_server_on_this_machine(house: House, tmp_path: Path) -> None:
    with mail_server() as server:
        summary = make(configured(house, port=server.port), send=True, out=tmp_path / "out")
    assert (summary.messages, summary.sent) == (3, 3)
    check_mail(server)
    assert server.clear[0].upper() == "EHLO SERVICE.EXAMPLE"
    assert socket.gethostname() not in "".join(server.clear)
    assert set(read(tmp_path / "out")) == {"claire", "karim", "lea"}


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_over_tls_with_a_password_that_stands_in_its_own_file(
    house: House, certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secret = house.home.folder.parent / "smtp-password"
    secret.touch(mode=0o600)
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    way = {security: server_side(certificate)}
    with mail_server(auth=True, **way) as server:
        home = configured(
            house, port=server.port, security=security, user="rebond", password_file=secret
        )
        make(home, send=True)
    check_mail(server)
    assert any(line.startswith("AUTH PLAIN") for line in server.said)
    assert {line.split()[0].upper() for line in server.clear} <= {"EHLO", "STARTTLS"}
    assert PASSWORD not in (home.folder / "settings.toml").read_text(encoding="utf-8")


@pytest.mark.safeguard("S29")
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_an_unknown_certificate_gets_nothing(
    house: House, certificate: Path, security: str
) -> None:
    with mail_server(**{security: server_side(certificate)}) as server:
        home = configured(house, port=server.port, security=security)
        with pytest.raises(DigestNotSent, match=r"took 0 of 3 messages \(SSLCertVerification"):
            make(home, send=True)
    assert not server.messages and not server.said


@pytest.mark.safeguard("S29")
def test_an_open_line_is_never_taken_where_a_closed_one_was_asked_for(house: House) -> None:
    with mail_server() as server:
        home = configured(house, port=server.port, security="starttls")
        with pytest.raises(DigestNotSent, match="SMTPNotSupportedError"):
            make(home, send=True)
    assert {line.split()[0].upper() for line in server.clear} == {"EHLO"}


def test_a_refused_address_does_not_keep_the_others_from_theirs(house: House) -> None:
    with mail_server(refused=frozenset({"claire@service.example"})) as server:
        home = configured(house, port=server.port)
        with pytest.raises(DigestNotSent, match="took 2 of 3 messages, and not those to claire"):
            make(home, send=True)
    assert server.recipients == ["karim@service.example", "lea@service.example"]


def test_a_refused_password_is_told_by_its_number_alone(house: House) -> None:
    secret = house.home.folder.parent / "smtp-password"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD, encoding="utf-8")
    with mail_server() as server:
        home = configured(house, port=server.port, user="rebond", password_file=secret)
        with pytest.raises(DigestNotSent) as refused:
            make(home, send=True)
    assert PASSWORD not in str(refused.value)
    assert not server.messages


def test_nobody_listening_is_one_sentence(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DigestNotSent, match=r"took 0 of 3 .*ConnectionRefusedError"):
        make(configured(house, port=port), send=True)


@pytest.mark.safeguard("S29")
def test_no_socket_is_opened_but_to_the_configured_server_and_only_to_send(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        opened.append(address)
        connect(self, address)

    def asked(*names: object) -> None:
        pytest.fail(f"a name server was asked for {names}")

    monkeypatch.setattr(socket.socket, "connect", watched)
    monkeypatch.setattr(socket, "gethostbyaddr", asked)
    with mail_server() as server:
        home = configured(house, port=server.port)
        make(home, out=tmp_path / "out")
        assert opened == []
        make(home, send=True)
    assert opened == [("127.0.0.1", server.port)]


# --- settings ----------------------------------------------------------------------------


def test_without_a_server_nothing_is_made(house: House, tmp_path: Path) -> None:
    with house.home.transaction() as session:
        before = entries(session, 10_000)
    with pytest.raises(DigestNotConfigured, match="--out FOLDER"):
        make(house.home, send=True, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with house.home.transaction() as session:
        assert entries(session, 10_000) == before


@pytest.mark.parametrize(
    ("content", "mode"), [(None, 0o600), ("", 0o600), (PASSWORD, 0o644), ("\n", 0o600)]
)
def test_a_password_that_is_missing_or_open_to_others_is_refused(
    house: House, content: str | None, mode: int
) -> None:
    secret = house.home.folder / "smtp-password"
    if content is not None:
        secret.write_text(content, encoding="utf-8")
        secret.chmod(mode)
    home = configured(house, user="rebond", password_file=Path("smtp-password"))
    with pytest.raises(PasswordUnreadable):
        make(home, send=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_host": "smtp.service.example"},
        {"smtp_host": "192.0.2.1"},
        {"security": "ssl"},
        {"sender": "rebond"},
        {"sender": "a@b.example\nBcc: x@y.example"},
        {"address": "tous@service.example"},
        {"address": "{login}@{team}.example"},
        {"address": "{login}@service.example,x@y.example"},
        {"user": "rebond"},
        {"password_file": "secret"},
        {"password": PASSWORD},
        {"smtp_port": 0},
    ],
    ids=str,
)
def test_settings_that_would_leak_or_not_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings_for(**wrong)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_an_open_line_stays_on_this_machine(host: str) -> None:
    assert settings_for(smtp_host=host).security == "none"
    assert Digest(smtp_host="mx.example", sender=SENDER, address="{login}@e.fr").security != "none"


def test_settings_are_read_from_the_home(house: House) -> None:
    home = configured(house)
    assert read_settings(home.folder / "settings.toml").digest == settings_for()


# --- the command -------------------------------------------------------------------------


def test_the_command_says_how_many_and_never_whose(house: House, tmp_path: Path) -> None:
    ran = rebond("digest", "--out", tmp_path / "out", home=house.home.folder)
    assert ran.status == 0
    assert ran.out == {
        "messages": 3,
        "sent": 0,
        "nothing_waiting": 1,
        "folder": str(tmp_path / "out"),
    }
    assert not re.search("claire|karim|lea", json.dumps(ran.out).replace(str(tmp_path), ""))
    assert rebond("digest", home=house.home.folder).status == 2
    refused = rebond("digest", "--send", home=house.home.folder)
    assert refused.status == 1 and "[digest]" in refused.out["error"]
    assert rebond("journal", "verify", home=house.home.folder).out["ok"] is True
