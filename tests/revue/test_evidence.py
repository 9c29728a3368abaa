"""Sealed copies: for the person alone, and only to answer them (S13, S19)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from features.keys import SealBroken
from revue import evidence, requests, schema
from revue.permissions import Forbidden
from revue.reasons import ReasonMissing
from revue.records import Actor, Right, Role
from revue.standings import KeyDestroyed, PersonKeys, Standing
from tests.revue.builders import (
    CANARY,
    CLI,
    NOW,
    TODAY,
    VALID_UNTIL,
    educator,
    fill,
    member,
    new_situation,
    user,
)

LATER = VALID_UNTIL + timedelta(days=1)
WHY = "Pour répondre à sa demande."


@pytest.fixture
def sealed(session: Session, person_keys: PersonKeys) -> str:
    """The id of a situation whose signal was sealed."""
    fill(session, [new_situation("p")])
    assert evidence.seal_expired(session, person_keys, VALID_UNTIL) == 0
    assert evidence.seal_expired(session, person_keys, LATER) == 1
    return session.scalars(select(schema.Situation.id)).one()


def asks(session: Session, asked: Right = Right.ACCESS) -> str:
    return requests.note_request(
        session, CLI, person="p", asked=asked, received_on=TODAY, now=NOW, today=TODAY
    )


def opened(session: Session, keys: PersonKeys, actor: Actor, id: str, why: str = WHY) -> str:
    return evidence.open_sealed(session, keys, actor, id, why, now=NOW).signal.reasons[0].text


@pytest.mark.safeguard
def test_s19_a_signal_past_its_validity_is_in_no_table_in_clear(
    session: Session, sealed: str
) -> None:
    assert session.scalars(select(schema.Signal)).all() == []
    for table in schema.Base.metadata.sorted_tables:
        for row in session.execute(text(f"SELECT * FROM {table.name}")):  # noqa: S608
            assert CANARY not in str(tuple(row)), table.name


@pytest.mark.safeguard
def test_s13_a_sealed_copy_opens_for_who_answers_the_person_and_while_they_wait(
    session: Session, person_keys: PersonKeys, sealed: str
) -> None:
    dina = user(session, "dina", Role.DPO)
    with pytest.raises(evidence.NothingToAnswer):
        opened(session, person_keys, dina, sealed)
    asks(session, Right.RECTIFY)
    with pytest.raises(evidence.NothingToAnswer):
        opened(session, person_keys, dina, sealed)
    asks(session)
    with pytest.raises(ReasonMissing):
        opened(session, person_keys, dina, sealed, " ")
    for actor in (member(session), educator(session), CLI):
        with pytest.raises(Forbidden):
            opened(session, person_keys, actor, sealed)
    assert opened(session, person_keys, dina, sealed) == CANARY
    acts = session.scalars(select(schema.Entry.act)).all()
    assert acts[-1] == "open_sealed_copy"
    with pytest.raises(evidence.NoSealedCopy):
        opened(session, person_keys, dina, "x")


@pytest.mark.safeguard
def test_s16_without_the_persons_key_a_sealed_copy_is_noise(
    session: Session, person_keys: PersonKeys, sealed: str
) -> None:
    dina = user(session, "dina", Role.DPO)
    asks(session)
    copy = session.get_one(schema.SealedCopy, sealed)
    copy.sealed = copy.sealed[:-1] + bytes([copy.sealed[-1] ^ 1])
    session.flush()
    with pytest.raises(SealBroken):
        opened(session, person_keys, dina, sealed)
    person_keys.write("p", "s", Standing.ERASED, at=NOW)
    with pytest.raises(KeyDestroyed):
        opened(session, person_keys, dina, sealed)
