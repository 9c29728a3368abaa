"""One row scored and explained by the plain reader, in a process that loads what it needs.

``python -m modeles.benchmarks.one_row FOLDER`` reads ``table.json``, ``protocol.toml``,
``rows.npy`` and ``keys/`` there and prints JSON: the median time of a row, every row's score,
and which machine-learning libraries the process holds in the end.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from features.catalogue import catalogue
from features.keys import read_keys
from features.protocol import parse_protocol
from modeles.scoring import explain
from modeles.table import read_table

ML = ("sklearn", "mlflow", "shap", "fairlearn", "numba", "pandas")
"""What is for training, measuring and batches, and not for one row."""

_AS_OF = date(2026, 1, 5)


def main(folder: Path) -> dict[str, object]:
    """Explain every row, one by one."""
    table = read_table(folder / "table.json", read_keys(folder / "keys").verify)
    features = catalogue(parse_protocol((folder / "protocol.toml").read_text(encoding="utf-8")))
    seconds, scores = [], []
    for row in np.load(folder / "rows.npy"):
        begun = time.perf_counter()
        signal = explain(table, features, row, _AS_OF, _AS_OF + timedelta(days=28))
        seconds.append(time.perf_counter() - begun)
        scores.append(signal.score)
    return {
        "one_row_ms": 1000 * statistics.median(seconds),
        "scores": scores,
        "imports_with_ml": sorted(set(ML) & set(sys.modules)),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
