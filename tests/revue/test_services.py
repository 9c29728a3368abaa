"""The directory: for our thématiques alone, replaced whole, read by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from data_inclusion.schema.v1 import Thematique
from sqlalchemy import select
from sqlalchemy.orm import Session

from revue import schema
from revue.permissions import Forbidden
from revue.records import Actor, LocalService, Role
from revue.services import (
    IMPORT_SERVICES,
    KEPT_OUT,
    THEMES,
    ThemeNotOffered,
    listed_themes,
    replace_services,
    services_for,
)
from tests.revue.builders import CLI, NOW

FOOD = "equipement-et-alimentation--alimentation"
ONLINE = "numerique--acceder-a-des-services-en-ligne"


def service(name: str, theme: str = FOOD, commune: str = "Rezé") -> LocalService:
    return LocalService(
        id=f"dora--{name}-{commune}",
        theme=theme,
        name=name,
        structure="Centre social",
        commune=commune,
        contact="+33123456789",
        updated_on=date(2026, 3, 1),
    )


def put(session: Session, *services: LocalService) -> None:
    replace_services(session, services, by=CLI, now=NOW)


def names(session: Session, *themes: str, limit: int = 10) -> list[str]:
    return [found.name for found in services_for(session, themes, limit)]


def test_every_thematique_is_one_of_the_schema_and_none_that_is_kept_out_is_ours() -> None:
    published = {theme.value for theme in Thematique}
    assert len(published) == 69
    assert published >= THEMES | KEPT_OUT
    assert not THEMES & KEPT_OUT


@pytest.mark.safeguard("S3")
@pytest.mark.parametrize("kept_out", sorted(KEPT_OUT))
def test_what_is_kept_out_takes_the_whole_service_with_it(kept_out: str) -> None:
    assert listed_themes({FOOD, "sante--acces-aux-soins"}) == {FOOD}
    assert listed_themes({FOOD, kept_out}) == frozenset()


@pytest.mark.safeguard("S3")
@pytest.mark.parametrize("theme", ["sante--addictions", "choisir-un-metier--decouvrir", ""])
def test_nothing_is_listed_under_another_thematique(session: Session, theme: str) -> None:
    put(session, service("Épicerie"))
    with pytest.raises(ThemeNotOffered, match="only these are listed"):
        put(session, service("Ailleurs", theme))
    assert names(session, FOOD, theme) == ["Épicerie"]


def test_a_service_comes_back_as_it_was_given(session: Session) -> None:
    given = replace(service("Épicerie"), updated_on=None)
    put(session, given)
    assert services_for(session, [FOOD], 10) == (given,)
    assert services_for(session, [ONLINE], 10) == ()
    assert services_for(session, [], 10) == ()


def test_names_are_sorted_as_read_and_each_thematique_has_its_own_places(
    session: Session,
) -> None:
    put(
        session,
        service("Zone de gratuité"),
        service("épicerie", commune="Nantes"),
        service("Épicerie", commune="Bouguenais"),
        service("Distribution"),
        service("Atelier", ONLINE),
    )
    assert names(session, FOOD) == ["Distribution", "Épicerie", "épicerie", "Zone de gratuité"]
    assert names(session, FOOD, ONLINE, limit=1) == ["Distribution", "Atelier"]


def test_a_new_directory_takes_the_place_of_the_last_and_is_in_the_journal(
    session: Session,
) -> None:
    put(session, service("Hier"), service("Hier", ONLINE))
    put(session, service("Aujourd'hui"))
    rows = session.scalars(select(schema.Service)).all()
    assert [(row.name, row.imported_at) for row in rows] == [("Aujourd'hui", NOW)]
    entries = session.scalars(select(schema.Entry).where(schema.Entry.act == IMPORT_SERVICES))
    assert [(entry.actor, entry.subject) for entry in entries] == [(CLI.login, "services")] * 2


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.STEWARD}))
def test_only_data_stewards_and_the_command_line_import(session: Session, role: Role) -> None:
    actor = Actor("somebody", role, "nord", 1)
    with pytest.raises(Forbidden):
        replace_services(session, [service("Épicerie")], by=actor, now=NOW)
