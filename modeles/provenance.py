"""Which code trained: one hash over the sources that decide what a table says."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOMS = ("features", "modeles")


def code_hash() -> str:
    """SHA-256 (hex) over path and content of every Python source of these rooms."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for source in sorted((root / room).rglob("*.py")):
            content = hashlib.sha256(source.read_bytes()).hexdigest()
            digest.update(f"{source.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()
