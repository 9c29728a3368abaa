"""Which code did something: one hash over the sources that decide it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

ROOMS = ("features", "modeles")
"""What decides what a table says."""


def code_hash(rooms: Sequence[str] = ROOMS, files: str = "*.py") -> str:
    """SHA-256 (hex) over path and content of the files of these rooms, compiled ones aside.

    Parameters
    ----------
    rooms
        Folders beside this one.
    files
        Pattern of the names that count; by default every Python source.
    """
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in rooms:
        for source in sorted((root / room).rglob(files)):
            if not source.is_file() or source.parent.name == "__pycache__":
                continue
            content = hashlib.sha256(source.read_bytes()).hexdigest()
            digest.update(f"{source.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()
