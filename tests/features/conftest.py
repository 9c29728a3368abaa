from __future__ import annotations

import pytest

from features.keys import Keyring, create_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return create_keys(tmp_path_factory.mktemp("secrets") / "keys")
