"""The commands about the journal: check it, take a checkpoint of it, prove one entry.

All of them read and write nothing, and work on a copy of a home without its keys: the review
database and ``journal.vkey``, or the key handed over with ``--key``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from api.commands.output import JsonOption, Output
from api.home import LOG_KEY, Home, system_clock
from api.settings import Settings, keys_folder, read_settings
from features.english import count
from features.errors import RebondError
from features.keys import SIGNING
from revue.checkpoints import (
    Checkpoints,
    LogKey,
    NotALogKey,
    append_checkpoint,
    read_log_key,
)
from revue.copies import open_copy
from revue.journal import check_journal, checkpoint, raw_connection
from revue.journal_proofs import check_proof, prove
from revue.records import JournalReport

journal_app = typer.Typer(help="The log that cannot be edited.", no_args_is_help=True)

KeyOption = Annotated[
    Path | None, typer.Option("--key", help=f"The journal's public key; default: {LOG_KEY}.")
]


class NoLogKey(RebondError):
    """Neither the home's keys nor the journal's public key is there."""


@dataclass(frozen=True)
class _Log:
    """A journal that was opened: that of a home with its keys, or of a copy without."""

    journal: Session | Connection
    key: LogKey
    kept: Checkpoints
    is_home: bool

    @property
    def connection(self) -> Connection:
        """The database itself."""
        return raw_connection(self.journal)


@contextmanager
def _opened(folder: Path, key_file: Path | None) -> Iterator[_Log]:
    """Open the journal of a home, reading its keys only where there are some and they serve."""
    keys = keys_folder(folder)
    if key_file is None and os.access(keys / SIGNING, os.R_OK):
        home = Home(folder, keys, system_clock)
        with home.reading() as session:
            yield _Log(session, home.log_key, home.checkpoints, is_home=True)
        return
    key = _read_key(key_file or folder / LOG_KEY)
    told = folder / "settings.toml"
    settings = read_settings(told) if told.is_file() else Settings()
    with open_copy(folder / "review.db") as connection:
        kept = Checkpoints(folder / settings.journal.checkpoints, key)
        yield _Log(connection, key, kept, is_home=False)


def _read_key(path: Path) -> LogKey:
    if not path.is_file():
        raise NoLogKey(
            f"neither this home's keys nor {path} is there: point REBOND_KEYS at the keys, or "
            f"give the {LOG_KEY} of the home with --key."
        )
    try:
        return read_log_key(path.read_text(encoding="utf-8"))
    except (NotALogKey, UnicodeDecodeError) as error:
        raise NotALogKey(f"{path.name} is not a journal's key: {error}") from error


@journal_app.command("verify")
def journal_verify(
    context: typer.Context,
    checkpoint_file: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="Checkpoints taken before; the log must continue them."),
    ] = None,
    key: KeyOption = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="Check a proof of one entry instead.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the whole log, and that it continues every checkpoint kept outside the database.

    Works on a copy without keys: review.db and journal.vkey are enough, and nothing is written.
    """
    folder: Path = context.obj
    output = Output(as_json=as_json)
    if proof is not None:
        _verify_proof(folder, key, proof, output)
        return
    handed = checkpoint_file.read_text(encoding="utf-8") if checkpoint_file else None
    with _opened(folder, key) as log:
        found = check_journal(
            log.journal, log.key, kept=log.kept, handed=handed, is_home=log.is_home
        )
        if found.ok and log.is_home:
            found = _with_published_key(found, folder, log.key)
    held = count(found.checkpoints, "checkpoint", "checkpoints")
    output.done(
        asdict(found),
        f"The log holds: {found.size} entries, root {found.root}, held against {held}."
        if found.ok
        else f"The log does not hold: {found.fault}",
    )
    raise typer.Exit(0 if found.ok else 1)


def _with_published_key(found: JournalReport, folder: Path, key: LogKey) -> JournalReport:
    """Find fault with a published key that would let copies be checked with another's."""
    path = folder / LOG_KEY
    if not path.is_file() or path.read_bytes() == f"{key.text}\n".encode():
        return found
    fault = f"{LOG_KEY} in this home is not its own key: run `rebond upgrade` to write it again."
    return JournalReport(False, found.size, found.root, fault, found.checkpoints)


def _verify_proof(folder: Path, key_file: Path | None, proof: Path, output: Output) -> None:
    path = key_file or folder / LOG_KEY
    key = Home(folder, keys_folder(folder)).log_key if not path.is_file() else _read_key(path)
    try:
        plain = json.loads(proof.read_text(encoding="utf-8"))
    except ValueError:
        plain = {}
    check_proof(plain, key)
    entry = plain["entry"]
    output.done(
        {"ok": True, "entry": entry},
        f"The proof holds: {entry['at']}, {entry['actor']}, {entry['act']}, {entry['subject']}.",
    )


@journal_app.command("checkpoint")
def journal_checkpoint(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Add it to this file, on another disk for instance."),
    ] = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the newest signed checkpoint, to be kept where nobody else can change it."""
    with _opened(context.obj, key) as log:
        text = checkpoint(log.connection, log.key)
    if out is not None:
        append_checkpoint(out, text, system_clock())
    Output(as_json=as_json).done(
        {"checkpoint": text, "file": None if out is None else str(out)},
        text.rstrip("\n") if out is None else f"The newest checkpoint is in {out}.",
    )


@journal_app.command("prove")
def journal_prove(
    context: typer.Context,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="As 2026-11.")],
    position: Annotated[int, typer.Argument(metavar="POSITION", min=0, help="From 0.")],
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a proof, as JSON, that one entry stands in the log; it shows no other entry."""
    with _opened(context.obj, key) as log:
        plain = prove(log.connection, log.key, month, position)
    Output(as_json=as_json).done(plain, json.dumps(plain, indent=1, ensure_ascii=False))
