"""Whatever anybody tries in whatever order, the order of the review holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from features.errors import RebondError
from features.keys import Keyring
from revue import review, schema
from revue.database import create_database, open_database
from revue.journal import entries, verify_journal
from revue.records import Actor, DecisionKind, Opinion, Role, SituationKind, State
from revue.states import TRANSITIONS
from tests.revue.builders import CLI, NOW, educator, situation_in_state, user

ID = "situation-1"
WHO = ("lea", "karim", "zoe", "admin", "cli")
ACTS: dict[str, Callable[[Session, Actor], object]] = {
    "read": partial(review.read_situation, situation_id=ID, now=NOW),
    "view": partial(review.give_view, situation_id=ID, opinion=Opinion.UNKNOWN, why="", now=NOW),
    "yes": partial(review.give_view, situation_id=ID, opinion=Opinion.YES, why="", now=NOW),
    "reveal": partial(review.reveal_signal, situation_id=ID, now=NOW),
    "signal": partial(review.read_signal, situation_id=ID, now=NOW),
    "decide": partial(
        review.decide,
        situation_id=ID,
        kind=DecisionKind.TEAM,
        offers=(),
        reason="x",
        informed=False,
        now=NOW,
    ),
    "elsewhere": partial(review.handled_elsewhere, situation_id=ID, now=NOW),
}


@pytest.fixture(scope="module")
def lasting(
    tmp_path_factory: pytest.TempPathFactory, keys: Keyring
) -> Iterator[sessionmaker[Session]]:
    path: Path = tmp_path_factory.mktemp("sequences") / "review.db"
    create_database(path)
    made = open_database(path, keys.sign)
    yield made
    made.kw["bind"].dispose()


@pytest.mark.safeguard
@settings(max_examples=80, deadline=None)
@given(
    sequence=st.lists(
        st.tuples(st.sampled_from(("lea", *WHO)), st.sampled_from(sorted(ACTS))), max_size=14
    ),
    referent=st.sampled_from(["lea", None]),
    kind=st.sampled_from(SituationKind),
)
def test_s02_s33_any_sequence_of_acts(
    lasting: sessionmaker[Session],
    keys: Keyring,
    sequence: list[tuple[str, str]],
    referent: str | None,
    kind: SituationKind,
) -> None:
    with lasting() as session:
        people = {
            "lea": educator(session),
            "karim": educator(session, "karim"),
            "zoe": educator(session, "zoe", "sud"),
            "admin": user(session, "admin", Role.ADMIN),
            "cli": CLI,
        }
        situation_in_state(session, State.TO_LOOK_AT, people["lea"], kind=kind, referent=referent)
        situation = session.get_one(schema.Situation, ID)
        done: list[tuple[str, str]] = []
        for who, act in sequence:
            before = situation.state
            succeeded = False
            with suppress(RebondError):
                ACTS[act](session, people[who])
                succeeded = True
                done.append((who, act))
            after = situation.state
            assert after is before or after in TRANSITIONS[before].values()
            if act == "elsewhere":
                assert succeeded == (who == "lea" or (who == "karim" and referent is None))
            if act == "signal" and succeeded:
                assert (who, "reveal") in done
        for earlier, later in (("view", "reveal"), ("reveal", "decide")):
            for who in [who for who, act in done if act == later]:
                assert (who, earlier) in done[: done.index((who, later))]
        views, reveals, decisions = (
            session.scalars(select(table.user_id)).all()
            for table in (schema.View, schema.Reveal, schema.Decision)
        )
        assert len(decisions) <= len(reveals) <= len(views) <= 1
        assert set(decisions) <= set(reveals) <= set(views)
        logged = [entry.act for entry in entries(session, 100)]
        for act in ("view", "decide"):
            assert logged.count(act) == sum(1 for _, one in done if one == act)
        assert verify_journal(session, keys.verify).ok
        session.rollback()
