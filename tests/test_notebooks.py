"""Every notebook runs from top to bottom and says what is written in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def said(notebook: Any) -> list[list[object]]:
    """Return what each code cell shows, as text and as pictures."""
    return [
        [
            output.get("text") or {k: v for k, v in output.get("data", {}).items() if k != "html"}
            for output in cell["outputs"]
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_there_is_one() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_says_what_is_written_in_it(path: Path) -> None:
    written = nbformat.read(path, as_version=4)
    run = nbformat.read(path, as_version=4)
    client = NotebookClient(
        run,
        timeout=120,
        coalesce_streams=True,  # how print is cut into messages depends on the machine's load
        resources={"metadata": {"path": str(ROOT)}},
    )
    client.execute()
    assert said(run) == said(written), "run the notebook again and save it"
