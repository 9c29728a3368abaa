"""The gate before scoring: what is signed, what was approved, and whether it still is that."""

from __future__ import annotations

import hashlib
from pathlib import Path

from api.home import Home
from features.errors import RebondError
from features.protocol import Protocol
from modeles.table import ModelTable, read_table
from revue.records import ModelFingerprint


class AssessmentMissing(RebondError):
    """A production home trains and scores only under a signed impact assessment (S10)."""


class OtherProtocol(RebondError):
    """The model belongs to another protocol than the one imported last."""


def load_table(home: Home, version: str) -> ModelTable:
    """Read one model's signed table.

    Raises
    ------
    modeles.table.UnreadableTable, features.keys.ForgedSignature
        No such model, or a table that was changed.
    """
    return read_table(home.model_folder(version) / "table.json", home.keys.verify)


def fingerprint(home: Home, version: str) -> ModelFingerprint:
    """Hash what would be used now: table, protocol, data, audit and report, as they lie there."""
    table = load_table(home, version)
    reports = home.report_folder(version)
    return ModelFingerprint(
        version=table.version,
        table=table.hash,
        protocol=home.store.protocol().hash,
        data=table.hashes["data"],
        audit=file_hash(reports / "audit.json"),
        report=file_hash(reports / "audit.html"),
    )


def check_assessment(home: Home) -> None:
    """Refuse a production home without a signed impact assessment (GDPR article 35, S10)."""
    if home.settings.production:
        raise AssessmentMissing(
            "a production home trains and scores only under a signed impact assessment, and none "
            "is signed here."
        )


def check_protocol(table: ModelTable, protocol: Protocol) -> None:
    """Refuse a table whose protocol is not the one imported last."""
    if table.hashes["protocol"] != protocol.hash:
        raise OtherProtocol(
            f"model {table.version} was trained under another protocol than {protocol.name!r} as "
            "imported last: train again."
        )


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file; of nothing, where it is missing."""
    content = path.read_bytes() if path.is_file() else b""
    return hashlib.sha256(content).hexdigest()
