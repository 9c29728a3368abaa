"""Simulated histories and their studies, made once for all tests of this room."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.keys import Keyring
from features.simulation import simulate
from modeles.validation import Study, build_studies
from tests.features.builders import events_of, read
from tests.modeles.builders import UNTIL, Material


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    simulate(folder / "in", persons=900, months=24, seed=5, until=UNTIL)
    # One pseudonym for all time: households stand in the same folds whenever this is run.
    keys = Keyring(b"k" * 32, Ed25519PrivateKey.generate())
    extract = read(folder / "in", keys)
    return Material(keys, extract.protocol, extract.stays, events_of(extract))


@pytest.fixture(scope="session")
def studies(material: Material) -> tuple[Study, ...]:
    return build_studies(material.protocol, material.engine, UNTIL)


@pytest.fixture(scope="session")
def study(studies: tuple[Study, ...]) -> Study:
    return studies[-1]
