"""The directory of local services, listed beside an offer: public data, nobody's in particular.

Only services for the closed list's thématiques can be kept (S3). One that also says it is
for a thématique kept out is not kept at all: its very name would reveal too much.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from unicodedata import combining

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from features.errors import RebondError
from revue import schema
from revue.journal import record
from revue.offers import OFFERS
from revue.permissions import Permission, check_allowed
from revue.records import Actor, LocalService

THEMES = frozenset(offer.theme for offer in OFFERS if offer.theme is not None)
"""The thématiques of the closed list of offers."""

KEPT_OUT = frozenset(
    {
        "sante--addictions",
        "sante--sante-mentale",
        "famille--surmonter-conflits-separation-violence",
    }
)
"""Thématiques that are never offered: accepting one would reveal too much."""

IMPORT_SERVICES = "import_services"
"""The act under which the journal holds a new directory."""


class ThemeNotOffered(RebondError):
    """The thématique is not one of the closed list of offers."""


def listed_themes(themes: Collection[str]) -> frozenset[str]:
    """Return under which thématiques a service may be listed.

    Parameters
    ----------
    themes
        All that the service says it is for.

    Returns
    -------
    frozenset of str
        Those of our offers; none where one of ``themes`` is kept out.
    """
    return frozenset() if KEPT_OUT.intersection(themes) else THEMES.intersection(themes)


def replace_services(
    session: Session, services: Iterable[LocalService], *, by: Actor, now: datetime
) -> None:
    """Put a new directory in the place of the present one.

    Parameters
    ----------
    session
        In the caller's transaction.
    services
        One a service and thématique.
    by
        A data steward, or the command line.
    now
        Aware time.

    Raises
    ------
    Forbidden
        The role does not import.
    ThemeNotOffered
        A service for something that is not on the closed list.
    """
    check_allowed(by, Permission.IMPORT_SERVICES)
    rows = [
        asdict(service) | {"place": place, "imported_at": now}
        for service, place in _placed(services)
    ]
    themes = {row["theme"] for row in rows}
    if themes - THEMES:
        raise ThemeNotOffered(
            f"{min(themes - THEMES)!r} is not a thématique of an offer; only these are listed: "
            f"{', '.join(sorted(THEMES))}."
        )
    session.execute(delete(schema.Service))
    if rows:
        session.execute(insert(schema.Service), rows)
    record(
        session,
        actor=by,
        act=IMPORT_SERVICES,
        subject="services",
        details={"rows": len(rows), "themes": sorted(themes)},
        now=now,
    )


def services_for(session: Session, themes: Collection[str], limit: int) -> tuple[LocalService, ...]:
    """Return the local services for some thématiques, by thématique and then by name.

    Parameters
    ----------
    session
        In the caller's transaction.
    themes
        Thématiques of offers; another one has no service.
    limit
        Most services for one thématique.
    """
    row = schema.Service
    chosen = (
        select(row)
        .where(row.place < limit)
        .where(row.theme.in_(themes))
        .order_by(row.theme, row.place)
    )
    return tuple(_listed(one) for one in session.scalars(chosen))


def _placed(services: Iterable[LocalService]) -> Iterator[tuple[LocalService, int]]:
    """Give each service its place in its thématique, by name, commune and id."""
    places: Counter[str] = Counter()
    for one in sorted(services, key=lambda one: (as_sorted(one.name), one.commune, one.id)):
        yield one, places[one.theme]
        places[one.theme] += 1


def as_sorted(name: str) -> str:
    """Return a name as readers sort it: SQLite puts É behind Z, where limits always drop it.

    >>> as_sorted("Épicerie") < as_sorted("Foyer")
    True
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    return letters if letters.isascii() else "".join(c for c in letters if not combining(c))


def _listed(row: schema.Service) -> LocalService:
    return LocalService(
        id=row.id,
        theme=row.theme,
        name=row.name,
        structure=row.structure,
        commune=row.commune,
        contact=row.contact,
        updated_on=row.updated_on,
    )
