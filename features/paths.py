"""Paths as the data engine reads them: one file, never a pattern."""

from __future__ import annotations

import glob
from pathlib import Path


def literal(path: Path) -> str:
    """Return a path in which no character is a wildcard: a folder may be called ``lot[1]``."""
    return glob.escape(str(path))
