"""EBM and LightGBM on given rows, run by an interpreter that has them.

``python glassbox_peer.py ROWS OUT`` reads ``train``, ``label``, ``test`` and ``seed`` from
ROWS (NumPy archive), fits both with their defaults, EBM without interactions, and writes per
model the log-odds or probabilities of the test rows and the seconds of the fit to OUT.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import numpy as np

CORES = 2

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    from interpret.glassbox import ExplainableBoostingClassifier
    from lightgbm import LGBMClassifier

    rows_file, out_file = sys.argv[1:]
    given = np.load(rows_file)
    seed = int(given["seed"])
    models = {
        "ebm": ExplainableBoostingClassifier(interactions=0, n_jobs=CORES, random_state=seed),
        "lightgbm": LGBMClassifier(n_jobs=CORES, random_state=seed, verbose=-1),
    }
    found: dict[str, Any] = {}
    for name, model in models.items():
        begun = time.perf_counter()
        model.fit(given["train"], given["label"])
        found[f"{name}_seconds"] = time.perf_counter() - begun
        found[f"{name}_scores"] = model.predict_proba(given["test"])[:, 1]
    np.savez(out_file, **found)
