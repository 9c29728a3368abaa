"""The quality report of an import: small cells withheld, then one JSON file and one page.

Written for the data steward: what to look at first, then counts, gaps, delays, appointments,
codes, and what was set aside. The page is one file without any outside asset; the same import
gives the same bytes.

Small cells (S21). A number of facts is withheld where it is about one to ten persons, a number of
persons where it, or what it leaves of its team, is one to ten, and every figure of a team where it
has fewer than eleven persons, or as few with a fact. A table with a total then loses its smallest
remaining number as well, so that what is withheld is never the difference of two numbers shown.
That is what :func:`audits.suppression.withheld` comes to where the cells of a table have nothing
in common; a test compares the two. How many persons stand behind a number of facts is never
written: what it leaves would be a small cell too. A zero is shown, since a gap is what the report
is for. Rows in quarantine are about a file, and often about nobody known; they are counted as they
are.

A share is withheld where its numerator, or what it leaves, is about one to ten persons, and told in
whole percents otherwise. The numbers of rows are withheld where the rows that were corrected or
deleted are about as few: they are the difference between rows and facts. Delays have a whole team
for their base. Of rows left out nobody knows the persons: fewer than eleven rows are about fewer
than eleven. The text of a code is withheld with its figures unless the vocabulary or the protocol
has it word for word: free text, or a code made for one person, tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.quality_findings import findings
from audits.report.numbers import decimal, number, percent
from audits.singling_out import check_singling_out
from audits.suppression import K
from features.codes import label
from features.french import MONTHS, count, day
from features.quality import (
    APPOINTMENTS,
    CANCELLED,
    GAP_DAYS,
    MISSED,
    PROPOSED,
    SILENT_DAYS,
    Appointments,
    Cell,
    Code,
    Counts,
    Delays,
    Ignored,
    Month,
    People,
    Quality,
    Share,
    Team,
    Unmatched,
)

ENGINE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

REASONS_IN_FRENCH = {
    "is before 1900": "date antérieure à 1900",
    "is after extracted_on": "date postérieure au jour de l'extrait",
    "is not a person of persons": "personne absente du fichier persons",
    "is before entered_on": "sortie antérieure à l'entrée",
    "is empty, which deletes, but event_id does not say what": "code vide, sans event_id : rien "
    "ne dit ce qui est à supprimer",
    "is given a second time": "attribut donné une seconde fois",
    "is empty": "valeur manquante",
    "is no code": "code mal formé (attendu : des lettres, des chiffres, _ - . en parties jointes "
    "par //)",
    "cannot be read as a date": "date illisible (attendu : 2025-12-31)",
    "cannot be read as a number": "nombre illisible (attendu : 1.5)",
}
"""The intake's reasons, up to their brackets, as the page says them."""

PEOPLE = {
    "persons": "Personnes",
    "present": "Séjour ouvert",
    "without_event": "Aucun fait",
    "without_referent": "Sans référent",
    "not_informed": "Non informées",
    "silent": f"Rien depuis plus de {SILENT_DAYS} jours",
}
"""The columns about persons, as the page heads them."""


@dataclass(frozen=True)
class Bar:
    """One bar of a picture: ``x`` and ``width`` in percent of the width, the rest in pixels.

    ``height`` is None where withheld. ``mark`` is the height of the tick beside it, or the foot
    of the bar.
    """

    x: str
    width: str
    height: float | None
    mark: float | None


@dataclass(frozen=True)
class Interval:
    """The delays of one team in a picture: positions in percent of the width."""

    team: str
    y: int
    dot: str
    end: str
    text: str


def write_quality(quality: Quality, folder: Path) -> dict[str, Path]:
    """Write ``<extracted_on>.json`` and ``<extracted_on>.html`` into a folder, made if absent.

    Parameters
    ----------
    quality
        As measured; its small cells are withheld here.
    folder
        ``quality`` of a home.

    Returns
    -------
    dict
        ``json`` and ``html``: the paths.

    Raises
    ------
    audits.singling_out.SinglesOut
        A line about fewer than k persons was not withheld.
    """
    shown = withhold(quality)
    sentences = findings(shown)
    plain = {"withheld_below": K, "findings": sentences, **asdict(shown)}
    for column in PEOPLE:
        check_singling_out(plain["people"], ("team",), persons=column)
    facts = [{"code": code["code"], **code["facts"]} for code in plain["codes"]]
    check_singling_out(facts, ("code",), persons="persons")
    # Days are the only values that JSON does not know.
    text = json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False, default=date.isoformat)
    folder.mkdir(parents=True, exist_ok=True)
    name = quality.extracted_on.isoformat()
    paths = {"json": folder / f"{name}.json", "html": folder / f"{name}.html"}
    paths["json"].write_text(text + "\n", encoding="utf-8")
    paths["html"].write_text(as_html(shown, sentences), encoding="utf-8")
    return paths


def withhold(quality: Quality) -> Quality:
    """Return the same figures without those that are about too few persons."""
    barred = hidden(
        [
            # A team without any row is what the report is to tell; it is not small by that.
            min(team.persons or 0, team.active or (1 if team.rows else team.persons or 0))
            for team in quality.teams
        ]
    )
    *occurred, earlier, later = _shown(
        [*(month.occurred for month in quality.months), quality.earlier, quality.later]
    )
    recorded = _shown([month.recorded for month in quality.months])
    codes = _codes(quality.codes)
    amended = _is_small(quality.counts.amended_persons)
    return replace(
        quality,
        counts=_counts(quality.counts, quality.people[0]),
        ignored=_ignored(quality.ignored),
        months=tuple(
            Month(month.month, *cells)
            for month, *cells in zip(quality.months, occurred, recorded, strict=True)
        ),
        earlier=earlier,
        later=later,
        teams=_teams(quality.teams, barred, amended=amended),
        people=_people(quality.people, barred),
        appointments=_appointments(quality.appointments, codes, barred),
        codes=codes,
        unmatched=_unmatched(quality.unmatched, codes),
    )


def withhold_ignored(ignored: Mapping[str, int]) -> dict[str, int | None]:
    """Return rows left out by family, None where there are too few.

    The persons behind them are not known; they are no more than the rows.
    """
    chosen = hidden(list(ignored.values()))
    return {
        what: None if choice else rows
        for (what, rows), choice in zip(ignored.items(), chosen, strict=True)
    }


def hidden(persons: Sequence[int], barred: Sequence[bool] | None = None) -> list[bool]:
    """Choose which cells of a table with a total to withhold.

    Parameters
    ----------
    persons
        The persons behind each cell.
    barred
        Cells that are withheld in any case.

    Returns
    -------
    list of bool
        The small cells, those barred, and the smallest other one unless they are several that
        hold one of at least k persons.
    """
    chosen = [
        bar or 0 < n < K for n, bar in zip(persons, barred or [False] * len(persons), strict=True)
    ]
    held = [n for n, choice in zip(persons, chosen, strict=True) if choice and n]
    others = [i for i, n in enumerate(persons) if n >= K and not chosen[i]]
    if held and others and (len(held) == 1 or max(held) < K):
        chosen[min(others, key=lambda i: persons[i])] = True
    return chosen


def _counts(counts: Counts, everybody: People) -> Counts:
    persons, stays = counts.persons or 0, counts.stays or 0
    if _is_small(counts.amended_persons):
        counts = replace(counts, rows=None)
    counts = replace(
        counts,
        amended_persons=None,
        absent=None if _is_small(counts.absent) else counts.absent,
        ignored=None if _is_small(counts.ignored) else counts.ignored,
    )
    if _is_small(persons):
        return replace(counts, persons=None, stays=None, rows=None, events=None)
    if _is_small(persons - (everybody.without_event or 0)):
        counts = replace(counts, rows=None, events=None)
    return replace(counts, stays=None) if _is_small(stays - persons) else counts


def _is_small(persons: int | None) -> bool:
    return persons is not None and 0 < persons < K


def _shown(cells: Sequence[Cell], barred: Sequence[bool] | None = None) -> list[Cell]:
    chosen = hidden([cell.persons or 0 for cell in cells], barred)
    return [
        Cell(None if choice else cell.events, None)
        for cell, choice in zip(cells, chosen, strict=True)
    ]


def _ignored(lines: Sequence[Ignored]) -> tuple[Ignored, ...]:
    shown = withhold_ignored({line.what: line.rows or 0 for line in lines})
    return tuple(Ignored(what, rows) for what, rows in shown.items())


def _teams(teams: Sequence[Team], barred: Sequence[bool], *, amended: bool) -> tuple[Team, ...]:
    return tuple(
        _nothing_of(team)
        if bar
        else replace(
            team,
            active=None,
            rows=None if amended else team.rows,
            # What these leave holds every person with a fact: it is not small.
            corrected=_told(team.corrected),
            deleted=_told(team.deleted),
            duplicates=_told(team.duplicates),
            delays=_delays(team.delays),
            levels=_levels(team),
            level_persons=(),
        )
        for team, bar in zip(teams, barred, strict=True)
    )


NOT_TOLD = Share(None, None)


def _told(share: Share) -> Share:
    """Withhold a share about too few; else round it, to 0 or 1 only where it is exactly that."""
    if share.share is None or _is_small(share.persons):
        return NOT_TOLD
    if share.share in (0, 1):
        return Share(share.share, None)
    return Share(min(max(round(share.share, 2), 0.01), 0.99), None)


def _delays(delays: Delays | None) -> Delays | None:
    """Withhold shares until none, nothing they leave and nothing between two is too small."""
    if delays is None:
        return None
    beyond_7, beyond_30, ahead = delays.beyond_7, delays.beyond_30, delays.ahead
    within, between = delays.within_7, delays.from_8_to_30
    # Where enough persons stand between the two, what either leaves holds them.
    if (within.persons or 0) < K and any(
        _is_small(share.persons) for share in (beyond_7, within, ahead)
    ):
        beyond_7 = beyond_30 = ahead = NOT_TOLD
    if _is_small(between.persons):
        beyond_30 = NOT_TOLD
    return replace(
        delays,
        beyond_7=_told(beyond_7),
        beyond_30=_told(beyond_30),
        ahead=_told(ahead),
        within_7=NOT_TOLD,
        from_8_to_30=NOT_TOLD,
    )


def _levels(team: Team) -> tuple[int | None, ...]:
    chosen = hidden([persons or 0 for persons in team.level_persons])
    return tuple(
        None if choice else level for level, choice in zip(team.levels, chosen, strict=True)
    )


def _nothing_of(team: Team) -> Team:
    return replace(
        team,
        persons=None,
        active=None,
        rows=None,
        corrected=NOT_TOLD,
        deleted=NOT_TOLD,
        duplicates=NOT_TOLD,
        delays=None,
        last_on=None,
        silent_days=None,
        stopped=None,
        gaps=None,
        levels=(None,) * len(team.levels),
        level_persons=(),
    )


def _people(people: Sequence[People], barred: Sequence[bool]) -> tuple[People, ...]:
    """Withhold each column of a table whose first line is everybody."""
    everybody = people[0]

    def column(name: str) -> list[int | None]:
        values = [getattr(line, name) or 0 for line in people]
        if name == "persons":  # all persons of a team are shown, or nothing of it is
            chosen = [_is_small(everybody.persons), *barred]
        else:
            rests = [
                _is_small((line.persons or 0) - n) for line, n in zip(people, values, strict=True)
            ]
            lower = [bar or rest for bar, rest in zip(barred, rests[1:], strict=True)]
            chosen = [_is_small(values[0]) or rests[0], *hidden(values[1:], lower)]
        return [None if choice else n for n, choice in zip(values, chosen, strict=True)]

    columns = [column(name) for name in PEOPLE]
    return tuple(People(line.team, *cells) for line, *cells in zip(people, *columns, strict=True))


def _codes(codes: Sequence[Code]) -> tuple[Code, ...]:
    cells = _shown([code.facts for code in codes])
    shown = (
        replace(code, facts=cell)
        if cell.events is not None
        else replace(code, code=_text(code), facts=cell, first_on=None, last_on=None)
        for code, cell in zip(codes, cells, strict=True)
    )
    # Last, since a place among the sorted texts tells something of the text.
    return tuple(sorted(shown, key=lambda code: code.code is None))


def _text(code: Code) -> str | None:
    return code.code if code.named or not _is_small(code.facts.persons) else None


def _unmatched(lines: Sequence[Unmatched], codes: Sequence[Code]) -> tuple[Unmatched, ...]:
    told = {code.code for code in codes}
    return tuple(
        line if line.resembles in told else replace(line, resembles=None) for line in lines
    )


def _appointments(
    lines: Sequence[Appointments], codes: Sequence[Code], barred: Sequence[bool]
) -> tuple[Appointments, ...]:
    """Withhold each code's column, whole where the code's own total is withheld."""
    withheld = {code.code for code in codes if code.facts.events is None}

    def column(code: str, cells: Sequence[Cell]) -> list[Cell]:
        return _shown(cells, [True] * len(cells) if code in withheld else barred)

    proposed = column(PROPOSED, [line.proposed for line in lines])
    kinds = [column(code, [line.kinds[i] for line in lines]) for i, code in enumerate(APPOINTMENTS)]
    return tuple(
        _appointments_of(line, proposed[i], tuple(kind[i] for kind in kinds), barred[i])
        for i, line in enumerate(lines)
    )


def _appointments_of(
    line: Appointments, proposed: Cell, kinds: tuple[Cell, ...], barred: bool
) -> Appointments:
    compared = (kinds[APPOINTMENTS.index(code)].events for code in (CANCELLED, MISSED))
    return replace(
        line,
        proposed=proposed,
        kinds=kinds,
        per_100=tuple(
            share if cell.events is not None and proposed.events is not None else None
            for share, cell in zip(line.per_100, kinds, strict=True)
        ),
        expected=None if None in compared else line.expected,
        unlike=None if barred else line.unlike,
    )


def as_html(quality: Quality, sentences: Sequence[str]) -> str:
    """Render the page of figures that may be shown."""
    page = ENGINE.get_template("quality.html.j2").render(
        quality=quality,
        sentences=sentences,
        bars=_bars(quality.months),
        top=_top(quality.months),
        ticks=_years(quality.months),
        activity=[(team, _activity(team, y=28 + _ROW * i)) for i, team in enumerate(quality.teams)],
        row=_ROW,
        intervals=_intervals(quality.teams),
        days=_days(_reach(quality.teams)),
        has_appointments=any(
            cell.events != 0
            for line in quality.appointments
            for cell in (line.proposed, *line.kinds)
        ),
        people=PEOPLE,
        reason=lambda given: REASONS_IN_FRENCH.get(given.split(" (")[0], given),
        k=K,
        gap_days=GAP_DAYS,
        silent_days=SILENT_DAYS,
        label=label,
        month=_month,
        day=day,
        count=count,
        number=number,
        percent=percent,
        decimal=decimal,
    )
    head, body, rest = page.partition("<body>")
    return head + body + _BEFORE.sub("\u00a0", rest)


_BEFORE = re.compile(r"(?<=«) | (?=[»:;?])")
"""The spaces at which French never breaks a line."""


def _month(name: str) -> str:
    """Write ``2026-03`` as ``mars 2026``."""
    year, month = name.split("-")
    return f"{MONTHS[int(month) - 1]} {year}"


_TALL = 120
_LOW = 36
_ROW = 76
"""Heights in pixels: a bar of the whole, a bar of a team, and a team's place."""


def _bars(months: Sequence[Month]) -> list[Bar]:
    """Place a bar for what occurred in each month, a tick for what was recorded in it."""
    scale = _TALL / max(_top(months), 1)

    def height(events: int | None) -> float | None:
        return None if events is None else round(events * scale, 1)

    return [
        Bar(*_place(i, len(months)), height(m.occurred.events), height(m.recorded.events))
        for i, m in enumerate(months)
    ]


def _top(months: Sequence[Month]) -> int:
    """Return the largest number of facts in a month that may be shown."""
    return max(n or 0 for m in months for n in (m.occurred.events, m.recorded.events))


def _activity(team: Team, y: int) -> list[Bar]:
    """Place a team's bars; before its first fact, and in a month not over, nothing is missing."""
    first = next((i for i, level in enumerate(team.levels) if level != 0), len(team.levels))
    last = len(team.levels) - 1
    return [
        Bar(*_place(i, len(team.levels)), None if level is None else _LOW * level / 10, y + _LOW)
        for i, level in enumerate(team.levels)
        if i >= first and (level != 0 or i < last)
    ]


def _place(index: int, bars: int) -> tuple[str, str]:
    return f"{100 * (index + 0.1) / bars:.2f}%", f"{80 / bars:.2f}%"


def _years(months: Sequence[Month]) -> list[tuple[str, str]]:
    """Return where each year begins, in percent of the width, and its name."""
    return [
        (f"{100 * i / len(months):.2f}%", m.month[:4])
        for i, m in enumerate(months)
        if m.month.endswith("-01") or (i == 0 and m.month[-2:] <= _ROOM_BEFORE_NEW_YEAR)
    ]


_ROOM_BEFORE_NEW_YEAR = "06"
"""A first year that begins later has no room for its name."""

_TICKS = (0, 7, 14, 30, 60, 90, 180, 365, 730, 1825, 3650)


def _reach(teams: Sequence[Team]) -> int:
    """Return the days at the right end of the picture of delays."""
    longest = max((team.delays.ninth_decile for team in teams if team.delays), default=0)
    return next((tick for tick in _TICKS[2:] if tick >= longest), longest)


def _days(reach: int) -> list[tuple[str, int]]:
    """Return ticks that stand at least an eighth of the width apart, right to left."""
    ticks: list[int] = [reach]
    for tick in reversed(_TICKS):
        if ticks[-1] - tick >= reach / 8:
            ticks.append(tick)
    return [(f"{100 * tick / reach:.2f}%", tick) for tick in reversed(ticks)]


def _intervals(teams: Sequence[Team]) -> list[Interval]:
    """Place every team's delays, or none where there is nothing but same days to see."""
    reach = _reach(teams)
    known = [(team.team, team.delays) for team in teams if team.delays]
    if all(delays.ninth_decile == 0 for _, delays in known):
        return []
    return [
        Interval(
            team=team,
            y=20 + 52 * i,
            dot=f"{100 * delays.median / reach:.2f}%",
            end=f"{100 * delays.ninth_decile / reach:.2f}%",
            text=_range(delays.median, delays.ninth_decile),
        )
        for i, (team, delays) in enumerate(known)
    ]


def _range(low: int, high: int) -> str:
    return f"{low} à {count(high, 'jour', 'jours')}" if low < high else count(high, "jour", "jours")
