"""A review database as an older version made it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from revue import schema


def made_at(path: Path, revision: str) -> None:
    """Make an empty database with the schema of one revision."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(schema.__file__).with_name("migrations")).replace("%", "%%")
    )
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
