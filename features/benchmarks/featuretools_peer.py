"""The featuretools side of a benchmark, run by an interpreter that has featuretools.

``python featuretools_peer.py SLICE CUTOFFS OUT DAYS…`` reads events (person, occurred_at,
value) and rows (person, as_of), measures count, sum and mean of ``value`` over each window,
writes the matrix to OUT and prints the seconds it took.
"""

from __future__ import annotations

import sys
import time
import warnings

import pandas as pd


def measured(events: pd.DataFrame, rows: pd.DataFrame, days: list[int]) -> pd.DataFrame:
    """Return count, sum and mean over each window, in the order of ``rows``."""
    import featuretools  # noqa: PLC0415 - only where it is installed

    entities = featuretools.EntitySet("slice")
    entities.add_dataframe(
        dataframe_name="events",
        dataframe=events.assign(row=range(len(events))),
        index="row",
        time_index="occurred_at",
    )
    entities.normalize_dataframe("events", "persons", "person", make_time_index=False)
    wanted = featuretools.dfs(
        entityset=entities,
        target_dataframe_name="persons",
        agg_primitives=["count", "sum", "mean"],
        trans_primitives=[],
        features_only=True,
    )
    parts = []
    for window in days:
        found = featuretools.calculate_feature_matrix(
            wanted,
            entities,
            cutoff_time=rows.rename(columns={"as_of": "time"}),
            training_window=f"{window} days",
            include_cutoff_time=False,
            cutoff_time_in_index=True,
        )[["COUNT(events)", "SUM(events.value)", "MEAN(events.value)"]]
        found.columns = pd.Index([f"{name}.{window}" for name in ("count", "sum", "mean")])
        parts.append(found.reindex(pd.MultiIndex.from_frame(rows)).reset_index(drop=True))
    return pd.concat(parts, axis=1)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    slice_file, rows_file, out_file, *windows = sys.argv[1:]
    given = pd.read_parquet(slice_file), pd.read_parquet(rows_file), [int(w) for w in windows]
    begun = time.perf_counter()
    matrix = measured(*given)
    print(time.perf_counter() - begun)
    matrix.astype(float).to_parquet(out_file, index=False)
