"""The published JSON Schema of ``audit.json``, taken from the records themselves.

Nothing can be written that it does not name: every object is closed. What a field means is
read out of its record's docstring, so that neither can be changed alone.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from audits.records import AuditResult
from audits.report.context import AuditContext
from audits.surroundings import Surroundings

_NAMED = re.compile(r"^(\w+(?:, \w+)*)\n((?:    .*\n?|\n)+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class AuditFile(AuditResult):
    """The whole audit, as it is written.

    Parameters
    ----------
    written_on
        Day of the report.
    """

    written_on: date
    context: AuditContext
    surroundings: Surroundings


class _Closed(GenerateJsonSchema):
    """Objects without any other field, none left out, described as in their docstrings."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> dict[str, Any]:
        made = super().dataclass_schema(schema)
        said: dict[str, str] = {}
        for record in reversed(schema["cls"].__mro__[:-1]):
            said |= _fields(inspect.getdoc(record) or "")
        for name, field in made["properties"].items():
            field.pop("default", None)
            field.pop("title", None)
            if name in said:
                field["description"] = said[name]
        text = re.split(r"\n(?:Parameters|Attributes)\n-+\n", inspect.getdoc(schema["cls"]) or "")
        return made | {
            "description": _flat(text[0]),
            "additionalProperties": False,
            "required": list(made["properties"]),
        }


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :mod:`audits.report.writing` writes."""
    made = TypeAdapter(AuditFile).json_schema(mode="serialization", schema_generator=_Closed)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:rebond:audit:1",
        **made,
        "title": "A fairness audit of a list: rebond-audit/1",
    }


def _fields(text: str) -> dict[str, str]:
    """Read what each field means out of a numpydoc docstring."""
    _, _, listed = text.partition("\n----------\n")
    return {
        name: _flat(meaning)
        for names, meaning in _NAMED.findall(listed)
        for name in names.split(", ")
    }


def _flat(text: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(text.replace("``", "").split()))
