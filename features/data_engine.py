"""DuckDB, opened in one way: what does not fit into memory goes where it is cleared, or nowhere.

Left to itself the engine writes such rows to a folder of the working directory, where a killed
process would leave histories outside the home, for no erasure and no purge to find (S16, S18).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

MEMORY = "2GB"
"""What the writing of a store may take before it goes on in its scratch folder."""


def opened(scratch: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open an engine in memory; close it, or use it as a context.

    Parameters
    ----------
    scratch
        An existing folder where rows may wait that do not fit into :data:`MEMORY`; its owner
        removes it. None: no row leaves the memory of this process, and a question too large
        for it is an error.
    """
    if scratch is None:
        return duckdb.connect(":memory:", config={"temp_directory": ""})
    settings = {"temp_directory": str(scratch / "spill"), "memory_limit": MEMORY}
    return duckdb.connect(":memory:", config=settings)
