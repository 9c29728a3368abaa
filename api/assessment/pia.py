"""The file that CNIL's PIA software imports, as checked records, and its JSON Schema.

CNIL publishes no schema; this one says what its importer reads (``pia.service.ts``). All five
top keys are there, or a part of the assessment is left behind; a question is an integer, an
evaluation's reference a string, or every evaluation is lost in silence.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

TAGS = ("p", "ul", "ol", "li", "strong", "em", "br", "h3")
"""All of HTML that a text may hold, without any attribute."""

Html = Annotated[str, Field(pattern=rf"^(?:[^<>]|</?(?:{'|'.join(TAGS)})>)*$")]
Plain = Annotated[str, Field(pattern=r"^[^<>]*$")]
IsoTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$")]
Gauge = Annotated[int, Field(ge=0, le=4)]
"""0 says nothing yet; 1 to 4: negligible, limited, important, maximal."""

TextQuestion = Literal[
    111, 112, 113, 121, 122, 123, 211, 212, 213, 214, 215, 221, 222, 223, 224, 225, 226, 227
]
ListQuestion = Literal[321, 322, 323, 324, 331, 332, 333, 334, 341, 342, 343, 344]
GaugeQuestion = Literal[325, 326, 335, 336, 345, 346]
Question = TextQuestion | ListQuestion | GaugeQuestion
"""Of 32x, 33x, 34x: 1 impacts, 2 threats, 3 sources, 4 measures, 5 severity, 6 likelihood."""

TEXTS: tuple[int, ...] = get_args(TextQuestion)
LISTS: tuple[int, ...] = get_args(ListQuestion)
GAUGES: tuple[int, ...] = get_args(GaugeQuestion)
QUESTIONS = tuple(sorted((*TEXTS, *LISTS, *GAUGES)))
"""The 36 questions of the method."""

PLACEHOLDER: Literal["measures.default_placeholder"] = "measures.default_placeholder"
EVALUATED = (
    *("1.1", "1.2"),
    *(f"2.1.{question}" for question in range(211, 216)),
    *(f"2.2.{question}" for question in range(221, 228)),
    *("3.2", "3.3", "3.4"),
)
"""What is evaluated beside each measure (``3.1.<its id>``)."""

_REFERENCE = r"^(?:1\.[12]|2\.1\.21[1-5]|2\.2\.22[1-7]|3\.1\.[1-9]\d*|3\.[234])$"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnswerData(_Closed):
    """What stands under a question: text, a level, or a list."""

    text: Html
    gauge: Gauge | None
    list: list[Plain]


class Answer(_Closed):
    """The answer to one of the 36 questions."""

    reference_to: Question
    data: AnswerData
    created_at: IsoTime


class Measure(_Closed):
    """One measure that is in place."""

    id: Annotated[int, Field(ge=1)]
    title: Annotated[Plain, Field(min_length=1)]
    content: Annotated[Html, Field(min_length=1)]
    placeholder: Literal["measures.default_placeholder"]
    created_at: IsoTime


class Gauges(_Closed):
    """Severity and likelihood as they remain, on the map."""

    x: Gauge
    y: Gauge


class Evaluation(_Closed):
    """What people hold of one part; ``status`` 1: to complete, 2: improvable, 3: acceptable."""

    reference_to: Annotated[str, Field(pattern=_REFERENCE)]
    status: Annotated[int, Field(ge=0, le=3)]
    global_status: Annotated[int, Field(ge=0, le=2)]
    evaluation_comment: Html
    action_plan_comment: Html
    gauges: Gauges
    estimated_implementation_date: IsoTime | None
    person_in_charge: Plain
    created_at: IsoTime


class Comment(_Closed):
    """A remark beside an answer, or a measure."""

    description: Plain
    reference_to: int
    for_measure: bool
    created_at: IsoTime


class Pia(_Closed):
    """Who assesses what, and what the officer and the people concerned said."""

    name: Annotated[Plain, Field(min_length=1)]
    category: Plain
    author_name: Plain
    evaluator_name: Plain
    validator_name: Plain
    created_at: IsoTime
    updated_at: IsoTime
    status: Literal[0]
    dpos_names: Plain
    dpo_opinion: Plain
    dpo_status: Literal[0, 1] | None
    concerned_people_searched_opinion: bool
    concerned_people_searched_content: Plain
    concerned_people_status: Literal[0, 1] | None
    concerned_people_opinion: Plain
    people_names: Plain


def _every_one(schema: dict[str, Any]) -> None:
    """Say in the schema that each of the 36 questions is answered, and each part evaluated."""
    for name, values in (("answers", QUESTIONS), ("evaluations", EVALUATED)):
        schema["properties"][name]["allOf"] = [
            {
                "contains": {
                    "properties": {"reference_to": {"const": value}},
                    "required": ["reference_to"],
                }
            }
            for value in values
        ]


class PiaFile(_Closed):
    """The whole file."""

    model_config = ConfigDict(json_schema_extra=_every_one)

    pia: Pia
    answers: Annotated[list[Answer], Field(min_length=len(QUESTIONS), max_length=len(QUESTIONS))]
    measures: list[Measure]
    evaluations: list[Evaluation]
    comments: list[Comment]

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if sorted(answer.reference_to for answer in self.answers) != list(QUESTIONS):
            raise ValueError("each of the 36 questions needs one answer")
        about = [*EVALUATED, *(f"3.1.{measure.id}" for measure in self.measures)]
        if sorted(one.reference_to for one in self.evaluations) != sorted(about):
            raise ValueError("each part and each measure needs one evaluation")
        return self


def schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of the file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:rebond:pia:1",
        **PiaFile.model_json_schema(mode="serialization"),
        "title": "An impact assessment that CNIL's PIA software imports: rebond-pia/1",
    }
