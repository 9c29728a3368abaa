"""What was measured when a model was trained: itself, the rules it had to beat, the yardstick.

Standard library only: pages and command line read it beside the signed table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.gate import MEASURES
from api.home import Home

YARDSTICK = "black_box"

Line = Mapping[str, Any]
"""One candidate under the contract's keys; a measure may be None."""


@dataclass(frozen=True)
class Measured:
    """One model as its own training measured it.

    Attributes
    ----------
    best_rule
        The naive rule whose list found most; None if there was none.
    """

    own: Line
    best_rule: Line | None
    yardstick: Line | None


def read_measured(home: Home, version: str) -> Measured | None:
    """Read what lies beside a model's table; None where nothing does."""
    path = home.model_folder(version) / MEASURES
    if not path.is_file():
        return None
    lines: list[Line] = json.loads(path.read_text(encoding="utf-8"))
    own = next((line for line in lines if line["version"] == version), None)
    if own is None:
        return None
    rules = [x for x in lines if x["version"] is None and x["family"] != YARDSTICK]
    return Measured(
        own=own,
        best_rule=max(rules, key=lambda x: x["recall_at_capacity"] or 0.0, default=None),
        yardstick=next((x for x in lines if x["family"] == YARDSTICK), None),
    )
