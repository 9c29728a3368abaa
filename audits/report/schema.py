"""The published JSON Schema of ``audit.json``, taken from the records themselves.

Nothing can be written that it does not name: every object is closed. What a field means is
read out of its record's docstring, so that neither can be changed alone.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from datetime import date
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from audits.records import AuditResult
from audits.report.context import AuditContext
from audits.surroundings import Surroundings

_NAMED = re.compile(r"^(\w+(?:, \w+)*)\n((?:    .*\n?|\n)+)", re.MULTILINE)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :mod:`audits.report.writing` writes."""
    definitions: dict[str, Any] = {}
    whole = _object(AuditResult, definitions)
    whole["properties"] |= {
        "written_on": {"type": "string", "format": "date", "description": "Day of the report."},
        "context": _type(AuditContext, definitions),
        "surroundings": _type(Surroundings, definitions),
    }
    whole["required"] = list(whole["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:rebond:audit:1",
        "title": "A fairness audit of a list: rebond-audit/1",
        **whole,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(record: type, definitions: dict[str, Any]) -> dict[str, Any]:
    text = inspect.getdoc(record) or ""
    said = _fields(text)
    hints = get_type_hints(record)
    properties = {
        field.name: _type(hints[field.name], definitions)
        | ({"description": said[field.name]} if field.name in said else {})
        for field in dataclasses.fields(record)
    }
    return {
        "description": _flat(re.split(r"\n(?:Parameters|Attributes)\n-+\n", text)[0]),
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _fields(text: str) -> dict[str, str]:
    """Read what each field means out of a numpydoc docstring."""
    _, _, listed = text.partition("\n----------\n")
    return {
        name: _flat(meaning)
        for names, meaning in _NAMED.findall(listed)
        for name in names.split(", ")
    }


def _type(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return _nullable([_type(one, definitions) for one in inner])
    if origin is tuple:
        return _list(inner, definitions)
    if origin is Literal:
        return {"enum": list(inner)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}
            definitions[kind.__name__] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [member.value for member in kind]}
    return dict(_PLAIN[kind])


_PLAIN: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    date: {"type": "string", "format": "date"},
    type(None): {"type": "null"},
}


def _nullable(either: list[dict[str, Any]]) -> dict[str, Any]:
    if all(set(one) == {"type"} for one in either):
        return {"type": [one["type"] for one in either]}
    if all(set(one) <= {"enum", "type"} for one in either):
        return {"enum": [*(v for one in either for v in one.get("enum", [])), None]}
    return {"anyOf": either}


def _list(inner: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if len(inner) > 1 and inner[1] is Ellipsis:
        return {"type": "array", "items": _type(inner[0], definitions)}
    return {
        "type": "array",
        "prefixItems": [_type(one, definitions) for one in inner],
        "items": False,
        "minItems": len(inner),
        "maxItems": len(inner),
    }


def _flat(text: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(text.replace("``", "").split()))
