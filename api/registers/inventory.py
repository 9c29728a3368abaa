"""Every column of every table, file and store, as it stands in the declarations (S27).

Nothing is listed by hand: the columns are read from the schema, the import contract and the
store's contracts, the words from the dictionaries beside them. A column without words, or
words without a column, stops the register.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import MetaData

from api.registers.recipients import Undocumented
from api.scope import IMPORT_FILES
from features.columns import FILES, STORE
from features.tables import EVENTS, SENSITIVE_FILE, STAYS
from revue import schema, standings
from revue.columns import KEY_FOLDER, TABLES, TableWords
from revue.schema import Whose

IMPORT, HISTORIES, REVIEW, KEYS = (
    "fichier importé", "fichiers des faits", "base de la file", "dossier des clés",
)  # fmt: skip

_FILE_TITLES = {
    "persons": "un accompagnement par ligne",
    "events": "un fait daté par ligne",
    "sensitive": "attributs pour l'audit d'équité seulement",
    "identities": "noms et coordonnées, vers le coffre et nulle part ailleurs",
}
_STORE_TITLES = {
    "stays": "accompagnements, sous pseudonyme",
    "events": "faits datés, sous pseudonyme",
    "sensitive": "attributs d'audit, scellés à part",
}
_LINKS = {
    None: "aucune personne accompagnée",
    Whose.PERSON: "pseudonyme",
    Whose.SITUATION: "par la situation",
}


@dataclass(frozen=True)
class Holding:
    """One table, or file: where it is, what it is for, how it leads to a person, its columns."""

    place: str
    name: str
    title: str
    link: str
    columns: tuple[tuple[str, str], ...]


def inventory(
    metadata: MetaData = schema.Base.metadata, words: Mapping[str, TableWords] = TABLES
) -> tuple[Holding, ...]:
    """Return everything that holds data.

    Parameters
    ----------
    metadata
        The tables of the review database.
    words
        What is said of them.

    Raises
    ------
    Undocumented
        A table or column has no words, or words have no table or column.
    """
    return (*_imported(), *_stored(), *_review(metadata, words), *_keys())


def _imported() -> Iterator[Holding]:
    _same("files", {file.name for file in IMPORT_FILES}, FILES)
    for file in IMPORT_FILES:
        columns = _columns(file.name, file.columns, FILES[file.name])
        yield Holding(IMPORT, file.name, _FILE_TITLES[file.name], "identifiant du service", columns)


def _stored() -> Iterator[Holding]:
    given = {
        "stays": tuple(STAYS.columns),
        "events": tuple(EVENTS.columns),
        "sensitive": ("person", *(n for n in SENSITIVE_FILE.columns if n != "person_id")),
    }
    _same("stores", given, STORE)
    for name, columns in given.items():
        link = "pseudonyme propre à l'audit" if name == "sensitive" else "pseudonyme"
        yield Holding(
            HISTORIES, name, _STORE_TITLES[name], link, _columns(name, columns, STORE[name])
        )


def _review(metadata: MetaData, words: Mapping[str, TableWords]) -> Iterator[Holding]:
    _same("tables", metadata.tables, words)
    for name, table in metadata.tables.items():
        said = words[name]
        columns = _columns(name, [column.name for column in table.columns], said.columns)
        yield Holding(REVIEW, name, said.title, _LINKS[table.info["whose"]], columns)


def _keys() -> Iterator[Holding]:
    given = standings.columns()
    _same("tables of the key folder", given, KEY_FOLDER)
    for name, columns in given.items():
        said = KEY_FOLDER[name]
        yield Holding(KEYS, name, said.title, "pseudonyme", _columns(name, columns, said.columns))


def _columns(
    table: str, columns: Collection[str], words: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    _same(f"columns of {table}", columns, words)
    return tuple((name, words[name]) for name in columns)


def _same(what: str, there: Collection[str], said: Collection[str]) -> None:
    silent, gone = sorted(set(there) - set(said)), sorted(set(said) - set(there))
    if silent or gone:
        raise Undocumented(
            f"the register does not know these {what}: {', '.join(silent) or 'none'}; and tells "
            f"of some that are not there: {', '.join(gone) or 'none'}. Put it right in "
            "revue/columns.py or features/columns.py."
        )
