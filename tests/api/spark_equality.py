"""Whether every home of the arguments gives the same study on Spark; run apart, Spark in reach.

``python -m tests.api.spark_equality HOME…`` prints one line per home.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from api.opening import open_home
from features.engine import Engine, StoreEngine
from features.spark import SparkEngine
from modeles.validation import Study, build_study


def studied(folder: Path) -> tuple[Study, Study]:
    home = open_home(folder, folder / "keys")
    extracted_on = home.store.extracted_on
    assert extracted_on is not None
    here: Engine = StoreEngine(home.store)
    there: Engine = SparkEngine(home.store, "local[2]", partitions=3)
    protocol = home.store.protocol()
    return build_study(protocol, here, extracted_on), build_study(protocol, there, extracted_on)


def same(here: Study, there: Study) -> bool:
    for name in ("train", "test"):
        one, other = getattr(here, name), getattr(there, name)
        pd.testing.assert_frame_equal(one.cohort, other.cohort)
        if one.values.tobytes() != other.values.tobytes():
            return False
        if one.other.tobytes() != other.other.tobytes():
            return False
    return here.vocabulary == there.vocabulary


if __name__ == "__main__":
    for home in sys.argv[1:]:
        here, there = studied(Path(home))
        rows = len(here.train.values) + len(here.test.values)
        print("same" if same(here, there) else "differs", rows, "rows")
