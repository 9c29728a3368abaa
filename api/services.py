"""A data·inclusion extract, checked row by row, becomes the directory of local services.

The extract is public and its schema grows: a column that the schema does not know is left
out and named in the summary, where an import folder would be refused for it. Kept of a
service are its name, its structure's, the commune, one line of public contact and the day
of its last update; never the name of a contact person.

References
----------
data·inclusion, *Schéma de l'offre d'insertion*, v1 (package ``data-inclusion-schema``).
"""

from __future__ import annotations

import csv
import json
import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from data_inclusion.schema.v1 import Service, Structure  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError

from api.home import Home
from features.errors import RebondError
from features.intake.folder import QUARANTINE_LIMIT
from revue.records import Actor, LocalService
from revue.services import listed_themes, replace_services

Progress = Callable[[str], None]
Row = Mapping[str, Any]
Kept = TypeVar("Kept")

STRUCTURE_NAMES = ("structure_nom", "nom_structure", "structure.nom")
"""Columns in which a joined extract may give the structure's name; JSON may nest it."""

_NESTED = "structure"
_SHOWN_FAULTS = 5
_LONGEST_FAULT = 160
_CODE = re.compile(r"[^\s,;|'\"\[\]{}()]+")
_TELEPHONE = re.compile(r"\+?\d[\d .()/-]{1,23}")


class ServicesRefused(RebondError):
    """The extract cannot be used; the directory stays as it was."""


class ExtractUnreadable(ServicesRefused):
    """The file is missing, or is not the CSV, JSON or Parquet that its name says."""


class TooManyFaults(ServicesRefused):
    """More than one row in a hundred is not what the schema says."""


class NothingToList(ServicesRefused):
    """No service of the extract is for a thématique of our offers."""


@dataclass(frozen=True)
class ServicesSummary:
    """What one import of services did.

    ``services`` are kept, under ``themes`` of our thématiques; ``ignored`` are for none of
    these, or for one that is kept out; ``faulty`` rows are not what the schema says, and
    ``faults`` tells the first of them. Nobody read ``unknown_columns``.
    """

    services: int
    themes: int
    ignored: int
    faulty: int
    faults: tuple[str, ...]
    unknown_columns: tuple[str, ...]


@dataclass(frozen=True)
class _Checked(Generic[Kept]):
    """What is kept of a file's rows, by identifier, and what was wrong with the others."""

    kept: dict[str, Kept]
    faults: list[str]
    unknown_columns: set[str]


def import_services(
    home: Home, file: Path, structures: Path | None = None, *, by: Actor, progress: Progress
) -> ServicesSummary:
    """Put the services of an extract in the place of the present directory.

    Parameters
    ----------
    home
        The home.
    file
        Services as ``.csv`` (``,`` or ``;``, UTF-8), ``.json`` (one array) or ``.parquet``.
    structures
        Their structures in one of these forms, for the names; needless where the services
        come joined with them.
    by, progress
        Who imports, and who is told what is being done.

    Raises
    ------
    ExtractUnreadable, TooManyFaults, NothingToList
        The extract cannot be used; nothing was changed.
    """
    progress(f"checking {file.name}")
    named = _Checked[str]({}, [], set())
    if structures is not None:
        named = _check(structures, Structure, lambda structure, _: structure.nom)
    checked = _check(
        file,
        Service,
        lambda service, row: _listed(service, _joined_name(row), named.kept),
        {*STRUCTURE_NAMES, _NESTED},
    )
    listed = [one for services in checked.kept.values() for one in services]
    if not listed:
        raise NothingToList(
            f"{file.name} holds no service for a thématique of our offers, and would leave the "
            "directory empty: take a whole extract of your territory."
        )
    progress("replacing the directory")
    with home.transaction() as session:
        replace_services(session, listed, by=by, now=home.now())
    services = sum(1 for found in checked.kept.values() if found)
    faults = named.faults + checked.faults
    return ServicesSummary(
        services=services,
        themes=len({one.theme for one in listed}),
        ignored=len(checked.kept) - services,
        faulty=len(faults),
        faults=tuple(faults[:_SHOWN_FAULTS]),
        unknown_columns=tuple(sorted(named.unknown_columns | checked.unknown_columns)),
    )


def _check(
    file: Path,
    model: type[BaseModel],
    keep: Callable[[Any, Row], Kept],
    more_columns: frozenset[str] | set[str] = frozenset(),
) -> _Checked[Kept]:
    """Hold every row of a file against a model of the schema.

    Raises
    ------
    TooManyFaults
        The first of them are told, with row, field and reason.
    """
    checked = _Checked[Kept]({}, [], set())
    known = model.model_fields.keys() | more_columns
    rows, first_rows = 0, dict[str, int]()
    for number, row in _read(file):
        rows += 1
        if row is None:
            checked.faults.append(f"{file.name} row {number}: it is not one value for each column")
            continue
        checked.unknown_columns.update(_text(column) for column in row.keys() - known)
        plain = {column: _plain(value, column in _LISTS) for column, value in row.items()}
        try:
            found: Any = model.model_validate(plain)
        except ValidationError as error:
            checked.faults.append(f"{file.name} row {number}: {_first_reason(error)}")
            continue
        if found.id in first_rows:
            checked.faults.append(
                f"{file.name} row {number}: id: stands in row {first_rows[found.id]} already"
            )
            continue
        first_rows[found.id] = number
        checked.kept[found.id] = keep(found, plain)
    if len(checked.faults) > QUARANTINE_LIMIT * rows:
        raise TooManyFaults(
            f"{len(checked.faults)} of {rows} rows of {file.name} are not what the data·inclusion "
            f"schema says, more than {QUARANTINE_LIMIT:.0%}: "
            f"{'; '.join(checked.faults[:_SHOWN_FAULTS])}. Take a newer extract, or a newer "
            "data-inclusion-schema."
        )
    return checked


def _first_reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = f"{first['loc'][0]}: " if first["loc"] else ""
    return textwrap.shorten(_text(place + first["msg"]), _LONGEST_FAULT, placeholder=" …")


def _listed(
    service: Service, joined_name: str, structures: Mapping[str, str]
) -> tuple[LocalService, ...]:
    """Return a service as the directory lists it, once for each of our thématiques."""
    website = service.lien_mobilisation or service.lien_source
    # Where words stand around a number, they may say who answers: the number alone is kept.
    telephone = service.telephone if _TELEPHONE.fullmatch(service.telephone or "") else None
    contact = (telephone, service.courriel, website)
    return tuple(
        LocalService(
            id=service.id,
            theme=theme,
            name=service.nom,
            structure=structures.get(service.structure_id, joined_name),
            commune=service.commune or "",
            contact=" · ".join(str(way) for way in contact if way),
            updated_on=service.date_maj,
        )
        for theme in sorted(listed_themes({theme.value for theme in service.thematiques or ()}))
    )


def _joined_name(row: Row) -> str:
    """Return the structure's name of a joined row; empty where the row does not say it."""
    nested = row.get(_NESTED)
    names = [row.get(column) for column in STRUCTURE_NAMES]
    names.append(nested.get("nom") if isinstance(nested, dict) else None)
    return next((_text(name) for name in names if isinstance(name, str)), "")


# --- reading -----------------------------------------------------------------------------


def _is_list(annotation: object) -> bool:
    return any(get_origin(part) in (set, list) for part in (annotation, *get_args(annotation)))


_LISTS = frozenset(
    name
    for model in (Service, Structure)
    for name, field in model.model_fields.items()
    if _is_list(field.annotation)
)
"""Fields that hold a list of codes, which CSV has no one way of writing."""


def _plain(value: object, is_list: bool) -> object:
    """Return a value as all three kinds of file would give it; blank text is nothing."""
    if isinstance(value, str):
        return (_CODE.findall(value) if is_list else _text(value)) or None
    return None if isinstance(value, float) and math.isnan(value) else value


def _text(value: str) -> str:
    """Return one line of what can be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _read(file: Path) -> Iterator[tuple[int, Row | None]]:
    """Read the rows of a file, each with its number; None stands for what is no row.

    Raises
    ------
    ExtractUnreadable
        Missing, of another kind, or damaged.
    """
    if not file.is_file():
        raise ExtractUnreadable(f"There is no file {file}: name an extract that is there.")
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise ExtractUnreadable(
            f"{file.name} is not a file ending in {', '.join(_READERS)}: name such an extract."
        )
    try:
        yield from reader(file)
    except _DAMAGE as error:
        raise ExtractUnreadable(
            f"{file.name} cannot be read as {file.suffix.lower()}: fetch it again."
        ) from error


_DAMAGE = (csv.Error, pa.ArrowException, OSError, ValueError, OverflowError, RecursionError)
"""What the readers raise; Parquet reports damage as an error of the system."""


def _read_csv(file: Path) -> Iterator[tuple[int, Row | None]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        first = lines.readline()
        lines.seek(0)
        delimiter = ";" if first.count(";") > first.count(",") else ","
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        header = [column.strip() for column in next(rows, [])]
        if len(set(header)) < len(header):
            raise ExtractUnreadable(f"{file.name} gives a column twice: leave one of them.")
        for number, row in enumerate(rows, start=2):
            if row:
                fits = len(row) == len(header)
                yield number, dict(zip(header, row, strict=True)) if fits else None


def _read_json(file: Path) -> Iterator[tuple[int, Row | None]]:
    found = json.loads(file.read_bytes())
    if not isinstance(found, list):
        raise ExtractUnreadable(f"{file.name} is not one JSON array of services.")
    for number, row in enumerate(found, start=1):
        yield number, row if isinstance(row, dict) else None


def _read_parquet(file: Path) -> Iterator[tuple[int, Row | None]]:
    with pq.ParquetFile(file) as parquet:
        batches = parquet.iter_batches(batch_size=4096)
        yield from enumerate((row for batch in batches for row in batch.to_pylist()), start=1)


_READERS = {".csv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
