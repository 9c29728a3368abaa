"""A production home starts with its own keys or not at all, and no secret comes with the code."""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.cli import main
from api.home import Home, ProductionUndone, create_home
from api.opening import open_home
from api.settings import Settings, write_settings
from features.keys import KeysUnreadable, NotOwnKeys, create_keys, read_keys
from tests.conftest import ROOT

SECRET = re.compile(r"password|passphrase|secret|token|api_?key|credential", re.IGNORECASE)
NO_SECRETS = {
    ("api/web/answers.py", "une phrase de passe"),
    ("api/web/answers.py", "onze oies du soir"),
}
"""What is named like a secret and is none: the examples of the API's description."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A production home, and the keys of a demonstration."""
    folder = tmp_path_factory.mktemp("own-keys")
    create_home(folder / "home", folder / "home" / "keys", Settings(production=True))
    create_keys(folder / "demo", demonstration=True)
    return {"home": folder / "home", "demo": folder / "demo"}


@pytest.fixture
def home(made: dict[str, Path], tmp_path: Path) -> Home:
    shutil.copytree(made["home"], tmp_path / "home")
    shutil.copytree(made["demo"], tmp_path / "demo")
    return Home(tmp_path / "home", tmp_path / "home" / "keys")


def missing(keys: Path) -> None:
    shutil.rmtree(keys)


def empty_folder(keys: Path) -> None:
    shutil.rmtree(keys)
    keys.mkdir(mode=0o700)


def empty_file(keys: Path) -> None:
    (keys / "master.key").write_bytes(b"")


def short(keys: Path) -> None:
    (keys / "signing.key").write_bytes(b"short")


def zeros(keys: Path) -> None:
    (keys / "master.key").write_bytes(bytes(32))


def one_byte_to_sign_with(keys: Path) -> None:
    (keys / "signing.key").write_bytes(b"a" * 32)


def open_folder(keys: Path) -> None:
    keys.chmod(0o755)


def open_file(keys: Path) -> None:
    (keys / "master.key").chmod(0o644)


def demonstrations(keys: Path) -> None:
    shutil.rmtree(keys)
    shutil.copytree(keys.parent.parent / "demo", keys)


def demonstrations_under_another_master(keys: Path) -> None:
    """As after `rebond keys rotate` in a demonstration."""
    demonstrations(keys)
    (keys / "master.key").write_bytes(bytes(range(32)))


SPOILT = (
    missing,
    empty_folder,
    empty_file,
    short,
    zeros,
    one_byte_to_sign_with,
    open_folder,
    open_file,
    demonstrations,
    demonstrations_under_another_master,
)


@pytest.mark.safeguard
@pytest.mark.parametrize("spoil", SPOILT)
def test_s25_a_production_home_refuses_to_start_without_its_own_keys(
    home: Home,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
) -> None:
    spoil(home.keys_folder)
    with pytest.raises((KeysUnreadable, NotOwnKeys)):
        open_home(home.folder, home.keys_folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # A port that is taken: a service that would start is stopped by that, with other words.
        port = str(taken.getsockname()[1])
        for command in (
            ("serve", "--port", port),
            ("import", str(tmp_path)),
            ("score",),
            ("user", "add", "anne", "--role", "committee"),
            ("approve", "1", "--by", "anne", "--reason", "Vu."),
        ):
            with pytest.raises(SystemExit) as left:
                main(["--home", str(home.folder), *command, "--json"])
            said = json.loads(capsys.readouterr().out)["error"]
            assert left.value.code == 1
            assert re.search(r"\bkeys?\b|keys/", said), (command, said)


@pytest.mark.safeguard
def test_s25_a_demonstration_does_not_become_production(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    create_home(folder, folder / "keys", Settings(demonstration=True))
    assert open_home(folder, folder / "keys").keys.master is not None
    write_settings(Settings(production=True), folder / "settings.toml")
    with pytest.raises(NotOwnKeys):
        open_home(folder, folder / "keys")


@pytest.mark.safeguard
@pytest.mark.parametrize("said", ["production = false", "", "# production = true"])
def test_s31_a_line_of_the_settings_takes_no_home_out_of_production(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    """Else anybody with the disk would approve for two members and train without a signature."""
    folder = tmp_path / "home"
    create_home(folder, folder / "keys", Settings(production=True))
    open_home(folder, folder / "keys").close()
    settings = folder / "settings.toml"
    whole = settings.read_text(encoding="utf-8")
    settings.write_text(whole.replace("production = true", said), encoding="utf-8")
    with pytest.raises(ProductionUndone):
        open_home(folder, folder / "keys")
    for command in (
        ("approve", "1", "--by", "anne", "--reason", "Vu."),
        ("train",),
        ("score",),
        ("user", "add", "anne", "--role", "committee"),
    ):
        with pytest.raises(SystemExit) as left:
            main(["--home", str(folder), *command, "--json"])
        assert left.value.code == 1
        assert "the keys are a production home's" in json.loads(capsys.readouterr().out)["error"]
    settings.write_text(whole, encoding="utf-8")
    assert open_home(folder, folder / "keys").settings.production


@pytest.mark.safeguard
def test_s25_every_home_has_keys_of_its_own_and_nobody_in_it(tmp_path: Path) -> None:
    found: list[bytes] = []
    for name in ("a", "b"):
        folder = tmp_path / name
        home = create_home(folder, folder / "keys", Settings(production=True))
        keys = read_keys(home.keys_folder)
        assert keys.master is not None
        assert keys.standing is not None
        found += [keys.master, keys.standing, keys.signing.private_bytes_raw()]
        for file in home.keys_folder.iterdir():
            assert file.suffix == ".pub" or file.stat().st_mode & 0o077 == 0
        with home.transaction() as session:
            for table in ("users", "open_sessions", "journal_entries"):
                assert session.connection().exec_driver_sql(f"SELECT * FROM {table}").all() == []  # noqa: S608
        home.sessions.kw["bind"].dispose()
        assert not SECRET.search((folder / "settings.toml").read_text(encoding="utf-8"))
    assert len(set(found)) == len(found)
    with pytest.raises(KeysUnreadable):
        create_keys(tmp_path / "a" / "keys")


def named_secrets(tree: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield what code names like a secret, with what it sets there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((ast.unparse(target), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target), node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value
        elif isinstance(node, ast.FunctionDef):
            given = node.args
            named = [*given.posonlyargs, *given.args]
            with_default = named[len(named) - len(given.defaults) :]
            yield from zip([arg.arg for arg in with_default], given.defaults, strict=True)
            yield from zip([arg.arg for arg in given.kwonlyargs], given.kw_defaults, strict=True)


@pytest.mark.safeguard
def test_s25_no_secret_is_written_into_the_code() -> None:
    found = set()
    for room in ("api", "revue", "audits", "modeles", "features"):
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            place = str(path.relative_to(ROOT))
            assert "PRIVATE KEY" not in text, place
            assert not re.search(r"""["'][0-9a-f]{64}["']""", text), place
            for name, value in named_secrets(ast.parse(text)):
                said = value.value if isinstance(value, ast.Constant) else None
                if SECRET.search(name) and isinstance(said, str | bytes) and said:
                    found.add((place, said))
    assert found == NO_SECRETS
