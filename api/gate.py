"""The gate before scoring: what is signed, what was approved, and whether it still is that."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from api.home import Home
from features.errors import RebondError
from features.protocol import Protocol
from modeles.table import ModelTable, read_table
from revue.records import ModelFingerprint

MEASURES = "measures.json"
"""Beside each table: how it and everything it was compared with did."""


class AssessmentMissing(RebondError):
    """A production home trains and scores only under a signed impact assessment (S10)."""


class NotAVersion(RebondError):
    """Versions are numbers; anything else could name a path."""


class OtherVersion(RebondError):
    """A signed table lies in another version's place."""


class NotPromotable(RebondError):
    """The model does not beat every naive rule, so nobody votes on it."""


class OtherProtocol(RebondError):
    """The model belongs to another protocol than the one imported last."""


def load_table(home: Home, version: str) -> ModelTable:
    """Read one model's signed table.

    Raises
    ------
    modeles.table.UnreadableTable, features.keys.ForgedSignature
        No such model, or a table that was changed.
    """
    if not version.isdecimal():
        raise NotAVersion(f"{version!r} is not a version: versions are numbers, like 1.")
    table = read_table(home.model_folder(version) / "table.json", home.keys.verify)
    if table.version != version:
        raise OtherVersion(
            f"the folder of model {version} holds the table of model {table.version}: put the "
            "right file back."
        )
    return table


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


def check_promotable(home: Home, version: str) -> None:
    """Refuse a version that its own training found not promotable.

    Raises
    ------
    NotPromotable
        It does not beat every naive rule.
    modeles.table.UnreadableTable
        There is no such version.
    """
    load_table(home, version)
    measured = json.loads((home.model_folder(version) / MEASURES).read_text(encoding="utf-8"))
    own = next(line for line in measured if line["version"] == version)
    if not own["promotable"]:
        raise NotPromotable(f"model {version} may not be promoted: it {own['why_not']}.")


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
