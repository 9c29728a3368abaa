"""From records to a document: which parts there are, and in which order."""

from __future__ import annotations

from datetime import date

from audits.records import AuditResult
from audits.report.around import around
from audits.report.closing import limits, method
from audits.report.context import AuditContext
from audits.report.document import Document, numbered
from audits.report.findings import findings
from audits.report.first_page import first_page
from audits.report.model import whole_model, worth
from audits.report.pen import Pen
from audits.surroundings import Surroundings
from features.phrases import Language


def compose(
    result: AuditResult,
    context: AuditContext,
    surroundings: Surroundings,
    language: Language,
    *,
    written_on: date,
) -> Document:
    """Write the whole report in one language."""
    pen = Pen(language)
    subject = (
        pen.say(f"modèle {context.subject}", f"model {context.subject}")
        if context.kind == "model"
        else context.subject
    )
    day = pen.day(written_on)
    protocol = (
        pen.say(
            f", selon le protocole {pen.quoted(context.protocol)}",
            f", under the protocol {pen.quoted(context.protocol)}",
        )
        if context.protocol
        else ""
    )
    outcome = (
        pen.say(f" Issue observée : {context.outcome}.", f" Outcome: {context.outcome}.")
        if context.outcome
        else ""
    )
    return Document(
        language=language,
        title=pen.say(f"Audit d'équité : {subject}", f"Fairness audit: {subject}"),
        subtitle=pen.say(f"Établi le {day}{protocol}.", f"Written on {day}{protocol}.") + outcome,
        written_on=written_on,
        first_page=first_page(pen, result, context),
        sections=numbered(
            (
                *findings(pen, result),
                *worth(pen, context),
                *around(pen, surroundings, context),
                *whole_model(pen, context),
                limits(pen, context),
                method(pen, result, context),
            )
        ),
        contents=pen.say("Dans ce rapport", "In this report"),
        of=pen.say("sur", "of"),
    )
