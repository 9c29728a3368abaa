"""What every command shares: its home, who acts, and where results and progress go."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from api.home import Home
from api.opening import open_home
from api.settings import keys_folder
from revue.records import Actor

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


class Output:
    """Where a command writes: results for people or for programs, progress on a terminal."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=True)

    def done(self, result: Mapping[str, Any], text: str) -> None:
        """Print the result: the object with ``--json``, else the text."""
        plain = json.dumps(result, ensure_ascii=False, default=str, allow_nan=False)
        print(plain if self._as_json else text)

    @contextmanager
    def progress(self) -> Iterator[Callable[[str], None]]:
        """Show what is being done, on a terminal only."""
        if not self._console.is_terminal:
            yield lambda text: None
            return
        with self._console.status("…") as status:
            yield status.update


def home_of(context: typer.Context) -> Home:
    """Open the home that the command line named."""
    folder: Path = context.obj
    return open_home(folder, keys_folder(folder))


def command_line_actor() -> Actor:
    """Return who acts on the command line without an account."""
    return Actor(login=f"cli:{getpass.getuser()}", role=None, team=None)
