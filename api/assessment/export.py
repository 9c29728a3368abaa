"""The impact assessment as one file: composed, held against its schema, then written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from api.assessment.answers import AGAINST, LIST_ANSWERS, TEXT_ANSWERS, level_text
from api.assessment.markup import p, plain, still
from api.assessment.pia import (
    EVALUATED,
    PLACEHOLDER,
    QUESTIONS,
    Answer,
    AnswerData,
    Evaluation,
    Gauges,
    Measure,
    Pia,
    PiaFile,
)
from api.in_use import TO_COMPLETE, InUse, to_complete
from api.safeguards import SAFEGUARDS, Safeguard
from features.errors import RebondError

_OPEN = re.compile(rf"{TO_COMPLETE} : ([^<]+?)\.(?=<|$)")


class FileExists(RebondError):
    """What people may have completed is never written over."""


def compose(use: InUse) -> PiaFile:
    """Write the assessment of what is in use; the same for the same things at the same time."""
    at = f"{use.now:%Y-%m-%dT%H:%M:%S}.000Z"
    measures = [_measure(safeguard, at) for safeguard in SAFEGUARDS]
    return PiaFile(
        pia=_pia(use, at),
        answers=[_answer(question, use, at) for question in QUESTIONS],
        measures=measures,
        evaluations=[
            _evaluation(reference, at)
            for reference in (*EVALUATED, *(f"3.1.{measure.id}" for measure in measures))
        ],
        comments=[],
    )


def open_places(file: PiaFile) -> list[str]:
    """Return what waits for people, in the order of the assessment, evaluations part by part."""
    found = [
        f"{answer.reference_to} {what}"
        for answer in file.answers
        for what in _OPEN.findall(answer.data.text)
    ]
    found += [
        f"{name} {what}"
        for name, value in file.pia.model_dump().items()
        if isinstance(value, str)
        for what in _OPEN.findall(value)
    ]
    parts: dict[str, str] = {}
    for evaluation in file.evaluations:
        for what in _OPEN.findall(evaluation.evaluation_comment):
            parts.setdefault(evaluation.reference_to[:3], what)
    return [*found, *(f"{part} {parts[part]}" for part in sorted(parts))]


def write(file: PiaFile, path: Path) -> None:
    """Write the file for CNIL's software.

    Raises
    ------
    FileExists
        There is a file of this name.
    """
    write_new(path, json.dumps(file.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n")


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there.

    Raises
    ------
    FileExists
        There is one of this name.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise FileExists(
            f"{path.name} is there already, and somebody may have completed it: give another name."
        ) from error


def _pia(use: InUse, at: str) -> Pia:
    return Pia(
        name=plain(f"{use.settings.service} : {use.protocol.name}"),
        category="",
        author_name=to_complete("nom de qui rédige"),
        evaluator_name=to_complete("nom de qui évalue"),
        validator_name=to_complete("nom de qui valide"),
        created_at=at,
        updated_at=at,
        status=0,
        dpos_names=to_complete("nom de la déléguée ou du délégué à la protection des données"),
        dpo_opinion=to_complete("avis de la déléguée ou du délégué à la protection des données"),
        dpo_status=None,
        concerned_people_searched_opinion=False,
        concerned_people_searched_content=to_complete(
            "avis des personnes accompagnées, ou pourquoi il n'est pas demandé"
        ),
        concerned_people_status=None,
        concerned_people_opinion="",
        people_names="",
    )


def _answer(question: int, use: InUse, at: str) -> Answer:
    if question in TEXT_ANSWERS:
        data = AnswerData(text=TEXT_ANSWERS[question](use), gauge=None, list=[])
    elif question in AGAINST:
        data = AnswerData(text="", gauge=None, list=list(_against(question)))
    elif question in LIST_ANSWERS:
        data = AnswerData(text="", gauge=None, list=list(LIST_ANSWERS[question]))
    else:
        data = AnswerData(text=level_text(question, use), gauge=0, list=[])
    return Answer.model_validate({"reference_to": question, "data": data, "created_at": at})


def _against(question: int) -> Iterator[str]:
    return (_title(SAFEGUARDS[number - 1]) for number in AGAINST[question])


def _measure(safeguard: Safeguard, at: str) -> Measure:
    return Measure(
        id=safeguard.number,
        title=_title(safeguard),
        content=p(safeguard.mechanism)
        + p(safeguard.attack, "Ce que les tests essaient, sans y parvenir :")
        + p(safeguard.source, "Source :"),
        placeholder=PLACEHOLDER,
        created_at=at,
    )


def _title(safeguard: Safeguard) -> str:
    return plain(f"{safeguard.name} {safeguard.means}").removesuffix(".")


def _evaluation(reference: str, at: str) -> Evaluation:
    """Leave one part to be evaluated.

    Without a person's word nothing is acceptable: the part comes back as one to complete, in
    which CNIL's software leaves the answers open (status 0 would lock them).
    """
    return Evaluation(
        reference_to=reference,
        status=1,
        global_status=1,
        evaluation_comment=still("relire, compléter, puis évaluer cette partie"),
        action_plan_comment="",
        gauges=Gauges(x=0, y=0),
        estimated_implementation_date=None,
        person_in_charge="",
        created_at=at,
    )
