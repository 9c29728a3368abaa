"""The report as files: JSON for machines, a page and a PDF for people, in both languages."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

from audits.records import AuditResult, plain
from audits.report.composing import compose
from audits.report.context import AuditContext
from audits.report.html import as_html
from audits.singling_out import check_singling_out
from audits.surroundings import Surroundings
from features.phrases import Language

FINDINGS = "audit.json"
"""What machines read."""

PAGES: dict[Language, str] = {"fr": "audit.html", "en": "audit.en.html"}
PRINTS: dict[Language, str] = {"fr": "audit.pdf", "en": "audit.en.pdf"}
"""What people read; its hash is what the committee votes on."""


def write_report(
    result: AuditResult,
    context: AuditContext,
    folder: Path,
    *,
    written_on: date,
    surroundings: Surroundings | None = None,
) -> dict[str, Path]:
    """Write all files of a report into a folder, made if absent.

    Returns
    -------
    dict
        The paths: ``json``, ``html``, ``pdf``, ``html_en``, ``pdf_en``.
    """
    from audits.report.pdf import as_pdf  # noqa: PLC0415 - needs the train extra

    surroundings = surroundings or Surroundings()
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"json": folder / FINDINGS}
    paths["json"].write_text(
        as_json(result, context, surroundings, written_on=written_on), encoding="utf-8"
    )
    for language, page in PAGES.items():
        suffix = "" if language == "fr" else f"_{language}"
        document = compose(result, context, surroundings, language, written_on=written_on)
        paths[f"html{suffix}"] = folder / page
        paths[f"html{suffix}"].write_text(as_html(document), encoding="utf-8")
        paths[f"pdf{suffix}"] = folder / PRINTS[language]
        paths[f"pdf{suffix}"].write_bytes(as_pdf(document))
    return paths


def as_json(
    result: AuditResult, context: AuditContext, surroundings: Surroundings, *, written_on: date
) -> str:
    """Write what machines read, as :func:`audits.report.schema.schema` describes it.

    Raises
    ------
    audits.singling_out.SinglesOut
        A group of fewer than k persons was not withheld.
    """
    groups = [
        {"attribute": finding.attribute, "metric": finding.metric, **plain(group)}
        for finding in result.findings
        for group in finding.groups
    ]
    for counted in ("n", "positives"):
        check_singling_out(groups, ("attribute", "metric", "value"), persons=counted)
    whole = {
        **result.as_dict(),
        "written_on": written_on.isoformat(),
        "context": plain(context),
        "surroundings": plain(surroundings),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def report_hash(folder: Path) -> str:
    """SHA-256 (hex) over name and SHA-256 of every file that people read, in name order.

    A file that is missing or changed gives another hash; ``audit.json`` has its own.
    """
    found = [folder / name for name in sorted([*PAGES.values(), *PRINTS.values()])]
    lines = [
        f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in found
        if path.is_file()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
