"""How fast a queue and a situation are shown to a department, and how many a second.

The home of :mod:`api.benchmarks.queue_home` is served as ``rebond serve`` does, by a process of
its own, on the loopback and on the same cores as the load. The load is open: requests come
when they come, as those of people who know nothing of each other do (exponential gaps), and
each is timed from the moment it was due. A server that stands still is then seen to stand
still, where a client that waits for its answers would politely stop asking.

References
----------
G. Tene, "How NOT to Measure Latency" (2015): coordinated omission.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from api.benchmarks.queue_home import Caller, build_home
from api.opening import open_home
from api.service import listen, serve_home
from features.errors import RebondError

RATE = 50
"""Requests a second that the quoted latencies are measured at."""
HELD_P95 = 0.5
"""A rate is held while nothing fails and the 95th percentile stays below this (seconds)."""
PRECISION = 0.1
"""How near the highest rate is looked for."""
ACTS_SHARE = 0.05
"""Of the requests, in the run that measures acts: own views given."""
GIVE_UP = 2 * HELD_P95
"""Seconds of requests that wait beyond which a rate is not held: it is not tried to the end."""
PATIENCE = 30.0
"""Seconds after which the server is said to be stuck."""

QUEUE, SITUATION, VIEW, HEALTH = "queue", "situation", "view", "healthz"


class ServerStuck(RebondError):
    """The served home did not answer in time."""


@dataclass(frozen=True)
class Ask:
    """One request: which page, when it is due, and its bytes."""

    page: str
    due: float
    message: bytes


@dataclass(frozen=True)
class Answered:
    """How long one request took from the moment it was due, and whether it was answered well."""

    page: str
    seconds: float
    well: bool


@dataclass(frozen=True)
class Load:
    """What became of the requests of one run."""

    answers: tuple[Answered, ...]
    whole: bool = True

    def quantile(self, share: float, *pages: str) -> float:
        """Return a quantile of the latencies of some pages, in seconds; default, of all."""
        found = [one.seconds for one in self.answers if not pages or one.page in pages]
        return float(np.quantile(found, share)) if found else 0.0

    @property
    def errors(self) -> int:
        """How many were not answered well."""
        return sum(not one.well for one in self.answers)

    @property
    def is_held(self) -> bool:
        """Whether the rate was held."""
        return self.whole and not self.errors and self.quantile(0.95) < HELD_P95


def bench_queue(
    scratch: Path,
    *,
    educators: int,
    situations: int,
    seconds: int,
    seed: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Serve a large home and measure its two pages.

    Parameters
    ----------
    scratch
        An empty folder.
    educators, situations
        How large the home is.
    seconds
        How long the quoted rate is kept up; other runs are shorter.
    seed
        Of the home and of the load.
    progress
        Told what is being done.

    Returns
    -------
    dict
        ``ours`` is the 95th percentile of both pages at 50 requests a second, ``peer`` that of
        ``/healthz`` of the same server: what nothing but being asked costs. Seconds, and
        ``rate_held`` requests a second.
    """
    begun = time.perf_counter()
    progress("queue: making the home")
    made = build_home(scratch / "home", educators=educators, situations=situations, seed=seed)
    filled = time.perf_counter() - begun
    with served(scratch / "home") as port:
        drive = _Driver(port, made.callers, random.Random(seed))  # noqa: S311 - a load
        short = max(1, seconds // 5)
        progress("queue: warming up")
        drive.read(RATE, short)
        floor = drive.healthz(RATE, short)
        progress(f"queue: {RATE} requests a second")
        quoted = drive.read(RATE, seconds)
        acts = drive.act(RATE, short)
        progress("queue: looking for the highest rate")
        held = highest_rate(lambda rate: drive.read(rate, short, GIVE_UP * rate).is_held)
    return {
        "ours": quoted.quantile(0.95),
        "peer": floor.quantile(0.95),
        "peer_is": "/healthz of the same server",
        "ratio": None,
        "p50": quoted.quantile(0.5),
        "p99": quoted.quantile(0.99),
        "queue_p95": quoted.quantile(0.95, QUEUE),
        "situation_p95": quoted.quantile(0.95, SITUATION),
        "acts_p95": acts.quantile(0.95, VIEW),
        "rate_held": held,
        "errors": quoted.errors + floor.errors + acts.errors,
        "requests": len(quoted.answers),
        "rate": RATE,
        "educators": educators,
        "situations": made.situations,
        "seconds_to_make_the_home": filled,
    }


def highest_rate(is_held: Callable[[int], bool], start: int = RATE) -> int:
    """Look for the highest rate held: double, then halve what is left; 0 if not even the first."""
    held, refused = 0, start
    while is_held(refused):
        held, refused = refused, 2 * refused
    while held and refused - held > PRECISION * held:
        middle = (held + refused) // 2
        held, refused = (middle, refused) if is_held(middle) else (held, middle)
    return held


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve a home from a process of its own; yield the port.

    Raises
    ------
    ServerStuck
        It never answered.
    """
    with listen("127.0.0.1", 0) as listening:
        port: int = listening.getsockname()[1]
        process = get_context("spawn").Process(target=_serve, args=(folder, listening))
        process.start()
    try:
        _await_answer(port)
        yield port
    finally:
        process.terminate()
        process.join(PATIENCE)
        process.kill()
        process.join()


def _serve(folder: Path, listening: socket.socket) -> None:
    serve_home(open_home(folder, folder / "keys"), listening)


def _await_answer(port: int) -> None:
    """Wait until the server has done all it was asked before."""
    answers = asyncio.run(_run(port, [Ask(HEALTH, 0.0, _get("/healthz"))])).answers
    if not all(one.well for one in answers):
        raise ServerStuck(f"the served home did not answer in {PATIENCE:.0f} s; see its messages.")


class _Driver:
    """Draws and runs loads against one server."""

    def __init__(self, port: int, callers: Sequence[Caller], rng: random.Random) -> None:
        self.port, self.callers, self.rng = port, callers, rng
        # Each own view is given once.
        self.unseen = [(caller, id_) for caller in callers for id_ in caller.unseen]
        rng.shuffle(self.unseen)

    def read(self, rate: int, seconds: int, most_waiting: float = inf) -> Load:
        """Ask for queues and situations, half and half."""
        asks = [self._reading(due) for due in self._moments(rate, seconds)]
        return self._run(asks, most_waiting)

    def act(self, rate: int, seconds: int) -> Load:
        """Ask for the same, and give a view now and then."""
        return self._run(
            [
                self._view(due, *self.unseen.pop())
                if self.unseen and self.rng.random() < ACTS_SHARE
                else self._reading(due)
                for due in self._moments(rate, seconds)
            ]
        )

    def healthz(self, rate: int, seconds: int) -> Load:
        """Ask whether it is there."""
        message = _get("/healthz")
        return self._run([Ask(HEALTH, due, message) for due in self._moments(rate, seconds)])

    def _run(self, asks: Sequence[Ask], most_waiting: float = inf) -> Load:
        load = asyncio.run(_run(self.port, asks, most_waiting))
        _await_answer(self.port)  # what one run left undone must not be told of the next
        return load

    def _moments(self, rate: int, seconds: int) -> list[float]:
        return list(accumulate(self.rng.expovariate(rate) for _ in range(rate * seconds)))

    def _reading(self, due: float) -> Ask:
        caller = self.rng.choice(self.callers)
        if self.rng.choice((QUEUE, SITUATION)) == QUEUE:
            return Ask(QUEUE, due, _get("/queue", caller))
        id_ = self.rng.choice(caller.situations)
        return Ask(SITUATION, due, _get(f"/situations/{id_}", caller))

    def _view(self, due: float, caller: Caller, situation: str) -> Ask:
        body = urlencode({"csrf": caller.csrf, "opinion": "unknown", "why": ""})
        head = (
            f"POST /situations/{situation}/view HTTP/1.1\r\n{_headers(caller)}"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return Ask(VIEW, due, (head + body).encode())


def _get(path: str, caller: Caller | None = None) -> bytes:
    return f"GET {path} HTTP/1.1\r\n{_headers(caller)}\r\n".encode()


def _headers(caller: Caller | None) -> str:
    cookie = f"Cookie: __Host-rebond={caller.token}\r\n" if caller else ""
    return f"Host: 127.0.0.1\r\nAccept-Language: fr\r\n{cookie}"


_WELL = {QUEUE: b"200", SITUATION: b"200", VIEW: b"303", HEALTH: b"200"}
_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _run(port: int, asks: Sequence[Ask], most_waiting: float = inf) -> Load:
    """Send each request when it is due, whatever became of those before."""
    begun = time.perf_counter()
    lines: list[_Line] = []
    under_way: set[asyncio.Task[Answered]] = set()
    answers: list[Answered] = []
    whole = True
    for ask in asks:
        if (early := begun + ask.due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if len(under_way) > most_waiting:
            whole = False
            break
        task = asyncio.create_task(_answer(port, ask, begun, lines))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        task.add_done_callback(lambda done: answers.append(done.result()))
    if under_way:
        await asyncio.wait(tuple(under_way))
    for _, writer in lines:
        writer.close()
    return Load(tuple(answers), whole)


async def _answer(port: int, ask: Ask, begun: float, lines: list[_Line]) -> Answered:
    try:
        async with asyncio.timeout(PATIENCE):
            line = await _line(port, lines)
            line[1].write(ask.message)
            status = await _read(line[0])
        lines.append(line)
    except (OSError, TimeoutError, EOFError, ValueError):
        status = b""
    return Answered(ask.page, time.perf_counter() - begun - ask.due, status == _WELL[ask.page])


async def _line(port: int, lines: list[_Line]) -> _Line:
    """Take a line that is open and free, else a new one."""
    while lines:
        reader, writer = lines.pop()
        if not reader.at_eof():
            return reader, writer
        writer.close()
    return await asyncio.open_connection("127.0.0.1", port)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read one answer; return its status."""
    first, *headers = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    lengths = [line for line in headers if line.lower().startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
    return first.split()[1]
