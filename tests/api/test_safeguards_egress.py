"""Nothing leaves: no call during a whole demonstration, no asset from elsewhere (S29)."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.home import Home
from api.settings import Settings
from api.web.app import create_app
from api.web.headers import CONTENT_POLICY, REPORT_POLICY
from tests.api.web_home import VERSION, House, TestClient, build
from tests.conftest import GUARD, ROOT, DemoHome, alone

ROUTE = re.compile(r"without a route: (\d+)")


def guarded(script: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a script as a demonstration is run; return who it called."""
    calls = folder / "calls"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [*alone(), sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(GUARD),
             "GUARD_FILE": str(calls)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.safeguard
def test_s29_a_whole_demonstration_calls_nobody(demo_home: DemoHome) -> None:
    """Import, training, audit, report, approval, scores: seen by the guard and by the kernel."""
    assert demo_home.calls is not None
    assert demo_home.calls.parent.is_dir()
    assert not demo_home.calls.exists(), demo_home.calls.read_text()
    if alone():
        assert ROUTE.findall(demo_home.said) == ["0"]


@pytest.mark.safeguard
@pytest.mark.parametrize(
    "call",
    [
        "socket.create_connection(('192.0.2.1', 443), 1)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.getaddrinfo('service.example', 443)",
        "socket.gethostbyname('service.example')",
        "urllib.request.urlopen('https://192.0.2.1/')",
        "asyncio.run(asyncio.open_connection('192.0.2.1', 443))",
        "ctypes_connect()",
    ],
)
def test_s29_the_guard_sees_who_is_called(tmp_path: Path, call: str) -> None:
    """Every way out that a library has, past Python's own sockets too."""
    if call == "ctypes_connect()" and not alone():
        pytest.skip("only a network of its own shows what does not go through Python")
    script = (
        "import asyncio, ctypes, socket, struct, urllib.request\n"
        "def ctypes_connect():\n"
        "    libc = ctypes.CDLL(None)\n"
        "    where = struct.pack('=H', 2) + bytes([1, 187, 192, 0, 2, 1]) + bytes(8)\n"
        "    libc.connect(libc.socket(2, 1, 0), where, 16)\n"
        "try:\n"
        f"    {call}\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    done, calls = guarded(script, tmp_path)
    assert done.returncode == 0, done.stderr
    if alone() and "gethostbyname" not in call and "getaddrinfo" not in call:
        assert int(ROUTE.findall(done.stderr)[0]) > 0
    assert calls or call == "ctypes_connect()"
    done, calls = guarded("import socket\nsocket.socketpair()\n", tmp_path / "..")
    assert calls == []


@pytest.mark.safeguard
def test_s29_tracking_experiments_tells_nobody(tmp_path: Path) -> None:
    """MLflow starts its telemetry while it is imported, whatever the environment asks for."""
    script = (
        "import os, pathlib\n"
        "os.environ['MLFLOW_DISABLE_TELEMETRY'] = 'false'\n"
        "import modeles.registry, mlflow, time\n"
        "folder = pathlib.Path(os.environ['HOME'])\n"
        "mlflow.set_tracking_uri(f\"sqlite:///{folder / 'm.db'}\")\n"
        "mlflow.create_experiment('x', artifact_location=str(folder / 'a'))\n"
        "mlflow.set_experiment('x')\n"
        "with mlflow.start_run():\n"
        "    mlflow.log_metric('m', 1.0)\n"
    )
    done, calls = guarded(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert calls == []
    if alone():
        assert ROUTE.findall(done.stderr) == ["0"]


CALLING = {"smtplib", "http", "urllib", "requests", "httpx", "aiohttp", "ftplib", "telnetlib",
           "imaplib", "poplib", "xmlrpc", "websockets", "urllib3", "boto3"}  # fmt: skip
HARMLESS = {"urllib.parse", "http.cookies"}


@pytest.mark.safeguard
def test_s29_one_module_alone_can_call_somebody() -> None:
    """The sending of digests; nothing else of ours even imports what makes a call."""
    found = set()
    for room in ("api", "audits", "features", "modeles", "revue"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    if name.split(".")[0] in CALLING and name not in HARMLESS:
                        found.add((path.relative_to(ROOT).as_posix(), name))
    assert found == {("api/digest.py", "smtplib")}


@pytest.mark.safeguard
def test_s29_digests_go_to_the_chosen_server_and_to_nobody_else(tmp_path: Path) -> None:
    script = (
        "from api import digest\n"
        "from api.settings import Digest\n"
        "try:\n"
        "    digest._connect(Digest(smtp_host='192.0.2.7', sender='a@b.fr',\n"
        "                           address='{login}@b.fr'))\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    if not alone():
        pytest.skip("without a network of its own this would wait for an answer")
    done, calls = guarded(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(calls) == {"socket.getaddrinfo 192.0.2.7", "socket.connect 192.0.2.7"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("egress") / "home")


class Assets(HTMLParser):
    """What a document loads or sends somewhere without being asked, and what stands in its tags."""

    LOADING = frozenset(
        {"src", "srcset", "poster", "data", "action", "formaction", "background", "manifest"}
    )

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in self.LOADING or (name == "href" and tag in {"link", "base", "use", "image"}):
                self.loaded.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
            if tag == "meta" and value == "refresh":
                self.inline.append("meta refresh")


ELSEWHERE = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
PAGES = {
    "claire": ("/queue", "/people", "/help", "/practice"),
    "remy": ("/team",),
    "anne": ("/models", f"/models/{VERSION}", "/audits", f"/audits/{VERSION}", "/committee",
             "/committee/wordings", "/journal", "/safeguards"),
    "dina": ("/rights",),
}  # fmt: skip


@pytest.mark.safeguard
def test_s29_no_page_loads_or_sends_anything_elsewhere(house: House) -> None:
    pages = [house.client().get("/login")]
    for login, paths in PAGES.items():
        client = house.client(login)
        pages += [client.get(path) for path in paths]
    pages += [house.client("claire").get(f"/situations/{house.ids['signal']}{end}")
              for end in ("", "/sheet")]  # fmt: skip
    for page in pages:
        found = Assets(page.text)
        assert [one for one in found.loaded if ELSEWHERE.match(one)] == [], page.url
        assert found.inline == [], page.url
    assert sum(len(Assets(page.text).loaded) for page in pages) > 3 * len(pages)


@pytest.mark.safeguard
def test_s29_no_report_or_template_does(demo_home: DemoHome) -> None:
    reports = [
        *(demo_home.folder / "reports").rglob("*.html"),
        *demo_home.folder.glob("quality/*.html"),
    ]
    assert len(reports) >= 3
    for path in (*reports, *(ROOT / "api/templates").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        loaded = [one for one in Assets(text).loaded if ELSEWHERE.match(one)]
        assert [one for one in loaded if not one.startswith("data:")] == [], path
        assert not re.search(r"@import|url\(\s*['\"]?(?!data:|#)", text), path


@pytest.mark.safeguard
@pytest.mark.parametrize("production", [False, True])
def test_s29_every_answer_has_strict_headers(house: House, production: bool) -> None:
    """Pages, refusals, files and failures alike; over TLS for a year in production."""
    home = Home(house.home.folder, house.home.keys_folder, house.home.clock)
    vars(home)["settings"] = Settings(production=production)
    client = TestClient(create_app(home), follow_redirects=False, raise_server_exceptions=False)
    for path in ("/login", "/queue", "/nulle-part", "/healthz", "/openapi.json",
                 "/static/rebond.css", "/api/v1/queue", "/static/nulle-part"):  # fmt: skip
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy == CONTENT_POLICY
        assert headers["referrer-policy"] in {"same-origin", "no-referrer"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert {"camera=()", "geolocation=()", "microphone=()"} <= set(
            headers["permissions-policy"].split(", ")
        )
        assert ("strict-transport-security" in headers) is production
        assert "access-control-allow-origin" not in headers


@pytest.mark.safeguard
def test_s29_the_policy_allows_nothing_from_elsewhere() -> None:
    for policy in (CONTENT_POLICY, REPORT_POLICY):
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
        assert rules["form-action"] == "'self'"
        for name, sources in rules.items():
            allowed = {"'none'", "'self'"} | ({"data:"} if name == "img-src" else set())
            if policy == REPORT_POLICY and name == "style-src":
                allowed |= {"'unsafe-inline'"}  # one document of its own, without a script
            assert set(sources.split()) <= allowed, name
    assert "unsafe" not in CONTENT_POLICY
    assert "script-src 'none'" in REPORT_POLICY
