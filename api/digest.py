"""The digest: how much waits, told to each educator and team lead, and nothing about anybody.

Counts, days and public numbers: no name, no pseudonym, no identifier, no kind of situation,
no estimate, no link. Making it opens no situation, so no reading of one is logged; that a
digest was made is. Files need no network. A socket is opened by ``--send`` alone, to the one
mail server of the settings (S29), which is told our domain and never this machine's name.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy.orm import Session

from api.home import Home
from api.settings import Danger, Digest
from api.web.rendering import EMERGENCY
from features.errors import RebondError
from features.french import count, day
from revue import accounts
from revue.absences import stand_ins
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.queue import queue_of
from revue.records import Actor, Part, QueuePage, Role, State, TeamPage
from revue.team import team_page

DIGEST = "digest"
"""The act under which the journal holds a digest."""

_PREFIX = "rebond-digest-"
_PATIENCE_SECONDS = 30.0
_FOLLOWED = (State.DECIDED, State.FOLLOWED_UP)


class DigestNotConfigured(RebondError):
    """There is no mail server to send by."""


class PasswordUnreadable(RebondError):
    """The password of the mail server is missing, or others can read it."""


class DigestNotSent(RebondError):
    """The mail server did not take every message."""


@dataclass(frozen=True)
class Waiting:
    """What waits for one person who works here: counts, and days that are the service's own."""

    looks: int = 0
    follow_ups: int = 0
    second_looks: int = 0
    to_assign: int = 0
    first_due: date | None = None
    unserved: int = 0
    as_of: date | None = None

    @property
    def anything(self) -> bool:
        """Whether something waits for this person; a shortage alone does not."""
        return self.first_due is not None


@dataclass(frozen=True)
class DigestSummary:
    """What one digest did: how many, never who has how much (S24)."""

    messages: int
    sent: int
    nothing_waiting: int
    folder: Path | None


def waiting_in_queue(page: QueuePage) -> Waiting:
    """Count what waits for an educator today."""
    mine = [item for item in page.items if item.waits_for_me]
    second_looks = sum(item.part is Part.SECOND_READER for item in mine)
    follow_ups = sum(item.state in _FOLLOWED for item in mine)
    return Waiting(
        looks=len(mine) - second_looks - follow_ups,
        follow_ups=follow_ups,
        second_looks=second_looks,
        first_due=min((item.due_on for item in mine), default=None),
        unserved=page.unserved,
        as_of=page.as_of,
    )


def waiting_in_team(page: TeamPage) -> Waiting:
    """Count what waits for a team lead today."""
    return Waiting(
        to_assign=len(page.to_assign),
        first_due=min((one.due_on for one in page.to_assign), default=None),
        unserved=page.unserved,
        as_of=page.as_of,
    )


def digest_text(waiting: Waiting, *, today: date, service: str, danger: Danger) -> str:
    """Write one message, in French.

    Parameters
    ----------
    waiting
        What waits for its reader.
    today
        The day of the home.
    service
        What this deployment is called.
    danger
        Local numbers, told after the national ones.
    """
    kinds = (
        (waiting.looks, "situation attend", "situations attendent", "votre avis ou votre décision"),
        (waiting.second_looks, "situation attend", "situations attendent", "votre second regard"),
        (waiting.follow_ups, "suite est", "suites sont", "à noter"),
        (waiting.to_assign, "situation attend", "situations attendent", "un référent"),
    )
    lines = [
        f"- {count(number, one, many)} {what}." for number, one, many, what in kinds if number
    ] or ["- Rien n'attend de votre part."]
    if waiting.first_due is not None:
        lines.append(f"- La première échéance, qui est la nôtre, est le {day(waiting.first_due)}.")
    if waiting.unserved and waiting.as_of is not None:
        shown = count(
            waiting.unserved,
            "situation n'a pas pu être montrée",
            "situations n'ont pas pu être montrées",
        )
        lines.append(
            f"- Au {day(waiting.as_of)}, {shown} faute de place : c'est un manque de moyens du "
            "service."
        )
    numbers = ", ".join(emergency.number for emergency in EMERGENCY)
    local = (("CRIP", danger.crip), ("astreinte", danger.on_call))
    near = "".join(f" ; {name} : {number}" for name, number in local if number)
    return "\n".join(
        [
            "Bonjour,",
            "",
            f"Votre file dans {service}, le {day(today)} :",
            "",
            *lines,
            "",
            f"Pour voir la file, ouvrez {service} comme d'habitude : ce message ne contient "
            "ni lien ni rien sur une personne.",
            "",
            "Personne ne surveille cette file en continu.",
            f"Danger ou urgence ? N'attendez pas : {numbers}{near}.",
            "",
        ]
    )


def make_digest(
    home: Home, *, out: Path | None, send: bool, everybody: bool, by: Actor
) -> DigestSummary:
    """Write, send or both, one message for each educator and team lead for whom something waits.

    Somebody who is away gets none; who stands in does.

    Parameters
    ----------
    home
        The home.
    out
        Folder for one file a login, ``.eml`` where the settings know addresses, else ``.txt``;
        the files of an earlier digest are replaced.
    send
        Hand the messages to the mail server of the settings.
    everybody
        Also to those for whom nothing waits.
    by
        Who makes it: the command line.

    Raises
    ------
    Forbidden
        Somebody with an account.
    DigestNotConfigured, PasswordUnreadable
        It cannot be sent; nothing was made.
    DigestNotSent
        The mail server refused some or all of them.
    """
    mail = home.settings.digest
    password = None
    if send:
        if mail is None:
            raise DigestNotConfigured(
                "settings.toml has no [digest] with the mail server to send by; add it, or write "
                "files with --out FOLDER."
            )
        password = read_password(home.folder, mail)
    now, today = home.now(), home.today()
    service = " ".join(home.settings.service.split())
    with home.transaction() as session:
        check_allowed(by, Permission.SEND_DIGEST)
        waiting = _waiting(session, now=now, today=today)
        texts = {
            login: digest_text(one, today=today, service=service, danger=home.settings.danger)
            for login, one in waiting.items()
            if everybody or one.anything
        }
        messages = {
            login: message_to(login, text, service=service, settings=mail, now=now)
            for login, text in texts.items()
            if mail is not None
        }
        if out is not None:
            write_digests(out, messages or texts)
        record(
            session,
            actor=by,
            act=DIGEST,
            subject="mail" if send else "files",
            details={"messages": len(texts)},
            now=now,
        )
    if send and mail is not None:
        send_digests(messages, mail, password)
    return DigestSummary(
        messages=len(texts),
        sent=len(messages) if send else 0,
        nothing_waiting=sum(not one.anything for one in waiting.values()),
        folder=out,
    )


def _waiting(session: Session, *, now: datetime, today: date) -> dict[str, Waiting]:
    away = stand_ins(session, today)
    found = {}
    for user in accounts.users(session):
        if user.login in away or user.closed_at is not None:
            continue
        actor = accounts.actor_for(session, user.login)
        if user.role is Role.EDUCATOR:
            found[user.login] = waiting_in_queue(queue_of(session, actor, now=now, today=today))
        elif user.role is Role.TEAM_LEAD:
            found[user.login] = waiting_in_team(team_page(session, actor, today=today))
    return found


# --- messages, files, mail ---------------------------------------------------------------


def message_to(
    login: str, text: str, *, service: str, settings: Digest, now: datetime
) -> EmailMessage:
    """Return one message; its subject, which a locked screen shows, says nothing of the count."""
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.sender
    message["To"] = settings.address.format(login=login)
    message["Subject"] = f"{service} : point sur votre file"
    message["Date"] = format_datetime(now)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message


def write_digests(folder: Path, digests: Mapping[str, str | EmailMessage]) -> None:
    """Write one file a login, its owner's alone, in the place of an earlier digest's.

    Parameters
    ----------
    folder
        Made where it is not there; other files in it stay.
    digests
        By login: a text, or the message that carries it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for earlier in (*folder.glob(f"{_PREFIX}*.txt"), *folder.glob(f"{_PREFIX}*.eml")):
        earlier.unlink()
    for login, digest in digests.items():
        kind, content = (
            ("txt", digest.encode()) if isinstance(digest, str) else ("eml", bytes(digest))
        )
        path = folder / f"{_PREFIX}{login}.{kind}"
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(content)


def read_password(home: Path, settings: Digest) -> str | None:
    """Return the password of the mail server; None where it asks for none.

    Parameters
    ----------
    home
        Where a relative ``password_file`` is looked for.
    settings
        Which names the file.

    Raises
    ------
    PasswordUnreadable
        The file is missing, empty, no text, or not its owner's alone.
    """
    if settings.password_file is None:
        return None
    path = home / settings.password_file
    try:
        open_to_others = path.stat().st_mode & 0o077
        password = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordUnreadable(
            f"the password_file {path.name} of [digest] cannot be read: write the password into it."
        ) from error
    if open_to_others or not password:
        raise PasswordUnreadable(
            f"the password_file {path.name} of [digest] is empty or open to others: write the "
            "password into it and set its mode to 0600."
        )
    return password


def send_digests(
    messages: Mapping[str, EmailMessage], settings: Digest, password: str | None
) -> None:
    """Hand messages to the mail server; never over an open line to another machine.

    Raises
    ------
    DigestNotSent
        It could not be reached, is not who it says, refused us, or refused an address.
    """
    taken, refused = 0, []
    try:
        with _connect(settings) as server:
            if password is not None:
                server.login(settings.user, password)
            for login, message in messages.items():
                try:
                    server.send_message(message)
                    taken += 1
                except smtplib.SMTPRecipientsRefused:
                    refused.append(login)
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        # Its words may quote what was sent; the kind of error says what to look at.
        code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
        raise DigestNotSent(
            f"{settings.smtp_host} took {taken} of {len(messages)} messages "
            f"({type(error).__name__}{code}): check [digest] in settings.toml, and send again."
        ) from error
    if refused:
        raise DigestNotSent(
            f"{settings.smtp_host} took {taken} of {len(messages)} messages, and not those to "
            f"{', '.join(refused)}: check address in [digest] of settings.toml."
        )


def _connect(settings: Digest) -> smtplib.SMTP:
    # Left to itself smtplib asks a name server for this machine's name, and tells it.
    ours = settings.sender.rpartition("@")[2]
    host, port = settings.smtp_host, settings.smtp_port
    if settings.security == "tls":
        return smtplib.SMTP_SSL(
            host, port, ours, timeout=_PATIENCE_SECONDS, context=ssl.create_default_context()
        )
    server = smtplib.SMTP(host, port, ours, timeout=_PATIENCE_SECONDS)
    if settings.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except Exception:
            server.close()
            raise
    return server
