"""What truly happens to invented people: stays, events, and the latent level behind them.

Each person carries a latent level that drifts from one 28-day period to the next. A higher
level makes missed appointments and messages without effect more frequent, incoming calls
less so, and raises the rate at which contact stops. Contact that stops for 60 days is the
outcome; elsewhere no 60 days pass without a reciprocal contact, so the recorded outcome is
what its definition says. Days are integers counted from the first simulated day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PERIOD = 28
"""Days during which the latent level of a person stays the same."""

SILENCE = 60
"""Days without reciprocal contact that make an interruption."""

YEAR = 365.25


@dataclass(frozen=True)
class Team:
    """One team: share of the adults, interruptions within 90 days, situations per educator."""

    id: str
    login: str
    adults: int
    interrupted: float
    caseload: int


TEAMS = (
    Team("insertion-rsa", "insertion", 640, 0.08, 50),
    Team("logement-accompagne", "logement", 480, 0.04, 30),
    Team("chrs", "chrs", 240, 0.06, 18),
    Team("accueil-de-jour", "accueil", 240, 0.14, 35),
    Team("jeunes-18-25", "jeunes", 220, 0.11, 28),
    Team("savs", "savs", 180, 0.03, 24),
)

INTERPRETER_SHARE = 0.18
AGREED = "fin//concertee"
ENDINGS = {
    AGREED: 0.25,
    "fin//relais": 0.08,
    "fin//demenagement": 0.06,
    "fin//deces": 0.01,
}
INTERRUPTION, RETURN = "lien//interruption", "lien//reprise"
RETURN_SHARE, RETURN_DAYS = 0.40, (15, 180)

HONOURED, MISSED, EXCUSED = "rdv//honore", "rdv//non_honore", "rdv//excuse"
CANCELLED, PROPOSED = "rdv//annule_service", "rdv//propose"
PUT_OFF = "rdv//reporte_personne"
CALL_IN, NO_ANSWER = "contact//appel_entrant", "contact//sans_reponse"
MESSAGE, VISIT, ABSENCE = "contact//message", "contact//visite", "absence//prevue"
INTERPRETER = "langue//interprete_present"

RECIPROCAL = (HONOURED, CALL_IN, VISIT, "contact//passage_spontane")
"""Codes in which both sides were there; their absence for 60 days is the outcome."""

APPOINTMENTS = {
    HONOURED: (9.0, -0.10),
    MISSED: (1.48, 0.50),
    EXCUSED: (1.2, 0.0),
    CANCELLED: (0.9, 0.0),
    "rdv//reporte_service": (0.7, 0.0),
    PUT_OFF: (0.8, 0.25),
}
"""What becomes of a proposed appointment: a year's number, and how the latent tilts it.

The missed ones are fewer here than announced (1.8): silences add theirs.
"""

LOOSENING = {
    MESSAGE: 8.0,
    VISIT: 1.5,
    NO_ANSWER: 3.0,
    "droits//piece_demandee": 1.2,
    "droits//refus": 0.3,
    "droits//suspension_organisme": 0.15,
    "ressources//aide_demandee": 0.9,
    "ressources//impaye_declare": 0.5,
    "logement//changement": 0.4,
    "logement//relance": 0.4,
    "emploi//fin_contrat": 0.2,
    "numerique//difficulte_declaree": 0.4,
    "service//changement_referent": 0.3,
    "service//aucun_creneau": 0.7,
}
"""Codes that grow more frequent with the latent level, per person and year."""

HOLDING = {
    CALL_IN: 6.0,
    "contact//passage_spontane": 2.0,
    "projet//signe": 0.8,
    "projet//bilan": 1.0,
    "projet//objectif_atteint": 0.7,
    "droits//demande": 2.0,
    "droits//ouverture": 1.3,
    "numerique//demarche_ensemble": 0.8,
    "activite//collective": 1.5,
    "emploi//debut_contrat": 0.25,
    "formation//entree": 0.1,
}
"""Codes that grow rarer with it."""

INDIFFERENT = {
    "contact//appel_sortant": 7.0,
    "ressources//aide_accordee": 0.6,
    "ressources//echeancier": 0.15,
    "logement//attribution": 0.12,
    INTERPRETER: 0.5 / INTERPRETER_SHARE,  # drawn for all, kept for those who need one
    "partenaire//orientation": 1.0,
    ABSENCE: 0.3,
    "equipe//synthese": 0.6,
}
"""Codes that do not depend on it."""

CODES = (
    PROPOSED,
    *APPOINTMENTS,
    *LOOSENING,
    *HOLDING,
    *INDIFFERENT,
    *ENDINGS,
    INTERRUPTION,
    RETURN,
)
"""Every code a simulated history may hold; events keep their index in it."""

INDEX = {code: i for i, code in enumerate(CODES)}

# How strongly the latent level moves things, and what a silence does to appointments (one
# factor each, in their order) and messages: set so that honest models see AUC .66 to .74.
_PERSISTENCE = 0.88
_STATIC_SHARE = 0.35
_HAZARD_TILT = 0.51
_LOOSENING_TILT = 0.47
_HOLDING_TILT = -0.10
_ACTIVITY_SHAPE = 1.0
_WHEN_SILENT = np.array([0.0, 1.0, 0.3, 0.7, 0.7, 0.3])
_CHASING_PER_YEAR = 7.0

# The rate of silence is set a little above a team's target: nobody has been silent for 60
# days before the 60th, though review begins at the 28th, and endings cut silences short.
_HAZARD_SCALE = 1.17

_FORTNIGHTS, _THREE_WEEKS = 6, 21
_PRESENT_SHARE = 0.40
_PRESENT_WITHIN = 60
_AUGUST, _CHRISTMAS = (801, 831), (1220, 103)
_SLOW_SEASON_LOSS, _SLOW_SEASON_SHARE = 0.40, 46 / 365.25
_WORKING_DAYS = 5
_ABSENCE_DAYS = 21


@dataclass(frozen=True)
class Calendar:
    """The simulated days, 0 to ``last`` included; ``first`` is day 0 in days since 1970."""

    first: int
    last: int

    @property
    def periods(self) -> int:
        """How many latent periods cover the days."""
        return self.last // PERIOD + 1

    def dates(self, days: Ints) -> npt.NDArray[np.datetime64]:
        """Turn day numbers into dates, shape as given."""
        return (days + self.first).astype("datetime64[D]")

    def day(self, day: int) -> date:
        """Turn one day number into a date."""
        return date(1970, 1, 1) + timedelta(days=self.first + day)

    def weekday(self, days: Ints) -> Ints:
        """Return 0 for Monday to 6 for Sunday."""
        return (days + self.first + 3) % 7


@dataclass(frozen=True)
class Persons:
    """Who they are; one entry per person, ``latent`` one row per person.

    Attributes
    ----------
    team
        Index into :data:`TEAMS`.
    interpreter
        Needs an interpreter.
    activity
        How much happens around this person, mean 1; one in five makes half of the events.
    entry
        Day of the first entry.
    latent
        Shape (persons, periods), standard normal at every period.
    """

    team: Ints
    interpreter: Bools
    activity: Floats
    entry: Ints
    latent: Floats


@dataclass(frozen=True)
class Stays:
    """One entry per stay, in the order of their drawing.

    ``end`` is the day of the ending or the last simulated day; ``ending`` indexes into
    :data:`CODES`, -1 while open. ``silent_from`` is the last contact before a silence, or
    a day beyond all others. ``again`` is the day of a later stay of the same person.
    """

    person: Ints
    start: Ints
    end: Ints
    ending: Ints
    silent_from: Ints
    again: Ints
    returned: Bools


@dataclass(frozen=True)
class Events:
    """True events: ``stay`` indexes into :class:`Stays`, ``code`` into :data:`CODES`."""

    stay: Ints
    day: Ints
    code: Ints

    def __getitem__(self, which: Ints | Bools) -> Events:
        return Events(self.stay[which], self.day[which], self.code[which])

    def __add__(self, other: Events) -> Events:
        return Events(
            np.concatenate([self.stay, other.stay]),
            np.concatenate([self.day, other.day]),
            np.concatenate([self.code, other.code]),
        )


def draw_persons(rng: np.random.Generator, number: int, calendar: Calendar) -> Persons:
    """Draw people with their team, their level of activity and their latent path."""
    adults = np.array([team.adults for team in TEAMS])
    bounds = np.round(np.cumsum(adults) / adults.sum() * number)
    team = rng.permutation(np.searchsorted(bounds, np.arange(number), side="right"))
    drift = np.empty((number, calendar.periods))
    drift[:, 0] = rng.standard_normal(number)
    fresh = np.sqrt(1 - _PERSISTENCE**2)
    for k in range(1, calendar.periods):
        drift[:, k] = _PERSISTENCE * drift[:, k - 1] + fresh * rng.standard_normal(number)
    static = rng.standard_normal((number, 1))
    return Persons(
        team=team,
        interpreter=rng.random(number) < INTERPRETER_SHARE,
        activity=rng.gamma(_ACTIVITY_SHAPE, 1 / _ACTIVITY_SHAPE, number),
        entry=_draw_entries(rng, number, calendar),
        latent=np.sqrt(_STATIC_SHARE) * static + np.sqrt(1 - _STATIC_SHARE) * drift,
    )


def _draw_entries(rng: np.random.Generator, number: int, calendar: Calendar) -> Ints:
    """Draw first days in a service long open: some are there at the start, others follow."""
    present = rng.random(number) < _PRESENT_SHARE
    reach = np.where(present, min(_PRESENT_WITHIN, calendar.last), calendar.last)
    return _working_day(np.floor(rng.random(number) * reach).astype(np.int64), calendar)


def draw_stays(rng: np.random.Generator, persons: Persons, calendar: Calendar) -> Stays:
    """Draw first stays, then the stays of those who come back, until nobody does."""
    drawn: list[Stays] = []
    person, start = np.arange(len(persons.team)), persons.entry
    while len(person):
        stays = _draw_one_each(rng, persons, person, start, calendar, returned=bool(drawn))
        drawn.append(stays)
        back = stays.again <= calendar.last
        person, start = stays.person[back], stays.again[back]
    return Stays(
        *(np.concatenate([getattr(s, field) for s in drawn]) for field in Stays.__annotations__)
    )


def _draw_one_each(
    rng: np.random.Generator,
    persons: Persons,
    person: Ints,
    start: Ints,
    calendar: Calendar,
    *,
    returned: bool,
) -> Stays:
    number, beyond = len(person), np.int64(10 * calendar.last + 10 * SILENCE)
    silent_from = _working_day(_first_silence(rng, persons, person, start, beyond), calendar)
    rates = np.array(list(ENDINGS.values()))
    lasting = rng.exponential(YEAR / rates.sum(), number)
    leaving = _working_day(start + 1 + np.minimum(lasting, beyond).astype(np.int64), calendar)
    why = rng.choice([INDEX[c] for c in ENDINGS], number, p=rates / rates.sum())
    # A silence that an ending cuts short is none: somebody was there to decide the ending.
    silent_from = np.where(silent_from + SILENCE < leaving, silent_from, beyond)
    interrupted = silent_from + SILENCE
    end = np.minimum(leaving, interrupted)
    ending = np.where(interrupted < leaving, INDEX[INTERRUPTION], why)
    ending[end > calendar.last] = -1
    comes_back = (ending == INDEX[INTERRUPTION]) & (rng.random(number) < RETURN_SHARE)
    again = _working_day(end + rng.integers(*RETURN_DAYS, number, endpoint=True), calendar)
    return Stays(
        person=person,
        start=start,
        end=np.minimum(end, calendar.last),
        ending=ending,
        silent_from=silent_from,
        again=np.where(comes_back, again, beyond),
        returned=np.full(number, returned),
    )


def _first_silence(
    rng: np.random.Generator, persons: Persons, person: Ints, start: Ints, beyond: np.int64
) -> Ints:
    """Draw the last contact before a silence, by inverting each person's summed hazard."""
    daily = -np.log1p(-np.array([team.interrupted for team in TEAMS])) / 90 * _HAZARD_SCALE
    tilt = np.exp(_HAZARD_TILT * persons.latent[person] - _HAZARD_TILT**2 / 2)
    hazard = daily[persons.team[person]][:, None] * tilt
    summed = np.cumsum(hazard * PERIOD, axis=1)
    before = summed - hazard * PERIOD
    row, period = np.arange(len(person)), start // PERIOD
    spent = before[row, period] + hazard[row, period] * (start - period * PERIOD)
    target = spent + rng.standard_exponential(len(person))
    reached = (summed <= target[:, None]).sum(axis=1)
    inside = reached < summed.shape[1]
    k = np.minimum(reached, summed.shape[1] - 1)
    day = k * PERIOD + np.floor((target - before[row, k]) / hazard[row, k]).astype(np.int64)
    return np.where(inside, np.maximum(day, start + 1), beyond)


def draw_events(
    rng: np.random.Generator, persons: Persons, stays: Stays, calendar: Calendar
) -> Events:
    """Draw everything that happens during the stays, sorted by person, day and code."""
    events = _appointments(rng, persons, stays, calendar)
    for rates, tilt in (
        (LOOSENING, _LOOSENING_TILT),
        (HOLDING, _HOLDING_TILT),
        (INDIFFERENT, 0.0),
    ):
        drawn = _around(rng, persons, stays, calendar, rates, tilt)
        drawn = _in_season(rng, drawn, stays, calendar)
        events += drawn[~_lost_to_season(rng, drawn.day, calendar)]
    events = events[
        (events.day >= stays.start[events.stay])
        & (events.day <= stays.end[events.stay])
        & ((events.code != INDEX[INTERPRETER]) | persons.interpreter[stays.person[events.stay]])
        & ~_silenced(events, stays)
    ]
    events = events[~_during_absence(events)]
    events += _chasing(rng, stays, calendar)
    events += _last_contacts(rng, stays)
    events += _found_again(rng, events, stays, calendar)
    ended = np.flatnonzero(stays.ending >= 0)
    back = np.flatnonzero(stays.returned)
    events += Events(ended, stays.end[ended], stays.ending[ended])
    events += Events(back, stays.start[back], np.full(len(back), INDEX[RETURN]))
    order = np.lexsort((events.code, events.day, stays.person[events.stay]))
    return events[order]


def _appointments(
    rng: np.random.Generator, persons: Persons, stays: Stays, calendar: Calendar
) -> Events:
    """Fortnightly for three months, then every three to five weeks; busy people more often."""
    pace = np.clip(persons.activity[stays.person] ** 0.3, 1.0, 1.6)[:, None]
    longest = int((stays.end - stays.start).max())
    first = rng.integers(12, 17, (len(stays.start), _FORTNIGHTS))
    later = rng.random((len(stays.start), longest // _THREE_WEEKS + 1)) ** pace
    gaps = np.hstack([first, _THREE_WEEKS + np.floor(15 * later)])
    days = stays.start[:, None] + np.cumsum(gaps, axis=1).astype(np.int64)
    stay, column = np.nonzero(days <= stays.end[:, None])
    day = days[stay, column]
    keep = ~_lost_to_season(rng, day, calendar)
    stay, day = stay[keep], _on_weekday(day[keep], calendar)

    latent = persons.latent[stays.person[stay], np.minimum(day, calendar.last) // PERIOD]
    shares, tilts = np.array(list(APPOINTMENTS.values())).T
    weights = shares * np.exp(tilts * latent[:, None])
    weights[day > stays.silent_from[stay]] *= _WHEN_SILENT
    summed = np.cumsum(weights, axis=1)
    outcome = (rng.random(len(stay)) * summed[:, -1] >= summed.T).sum(axis=0)
    met = Events(stay, day, outcome + INDEX[HONOURED])
    proposed = _on_weekday(
        np.maximum(day - rng.integers(5, 15, len(day)), stays.start[stay]), calendar
    )
    proposed = np.minimum(proposed, day)
    # Fewer are proposed in the slow season; those for a day in it were thinned with that day.
    kept = _in_slow_season(day, calendar) | ~_lost_to_season(rng, proposed, calendar)
    return met + Events(stay[kept], proposed[kept], np.full(kept.sum(), INDEX[PROPOSED]))


def _around(
    rng: np.random.Generator,
    persons: Persons,
    stays: Stays,
    calendar: Calendar,
    rates: dict[str, float],
    tilt: float,
) -> Events:
    """Draw the codes that share one tilt, as one Poisson process cut up by code."""
    edges = np.arange(calendar.periods) * PERIOD
    spent = np.minimum(stays.end[:, None], edges + PERIOD) - np.maximum(stays.start[:, None], edges)
    level = np.exp(tilt * persons.latent[stays.person] - tilt**2 / 2)
    yearly = sum(rates.values()) / (1 - _SLOW_SEASON_LOSS * _SLOW_SEASON_SHARE)
    scale = persons.activity[stays.person][:, None] * yearly / YEAR
    number = rng.poisson(np.clip(spent, 0, PERIOD) * level * scale)
    stay, period = np.nonzero(number)
    times = number[stay, period]
    stay, period = np.repeat(stay, times), np.repeat(period, times)
    low = np.maximum(stays.start[stay], period * PERIOD)
    high = np.minimum(stays.end[stay], (period + 1) * PERIOD)
    day = _on_weekday(
        low + np.floor(rng.random(len(low)) * (high - low)).astype(np.int64), calendar
    )
    codes = np.array([INDEX[c] for c in rates])
    bounds = np.cumsum(list(rates.values()))
    code = codes[np.searchsorted(bounds, rng.random(len(day)) * bounds[-1], side="right")]
    return Events(stay, day, code)


def _in_season(
    rng: np.random.Generator, events: Events, stays: Stays, calendar: Calendar
) -> Events:
    """Move what has its time of the month or year: money, rent, declarations, housing."""
    month = calendar.dates(events.day).astype("datetime64[M]")
    day = events.day.copy()
    for codes, anchor, first, width in (
        (("ressources//aide_demandee", "ressources//aide_accordee"), month, 23, 6),
        (("ressources//impaye_declare", "ressources//echeancier"), month, 4, 6),
        (("droits//piece_demandee", "droits//suspension_organisme"), _quarter(month), 0, 28),
        (("logement//relance",), month.astype("datetime64[Y]").astype("datetime64[M]") + 2, 15, 30),
    ):
        moved = np.isin(events.code, [INDEX[c] for c in codes])
        if anchor is not month:  # half of them only: declarations and evictions are not all
            moved &= rng.random(len(moved)) < 1 / 2
        base = anchor[moved].astype("datetime64[D]").astype(np.int64) - calendar.first + first
        to = base + rng.integers(0, width, len(base))
        off = calendar.weekday(to) - (_WORKING_DAYS - 1)
        monday = to + 3 - off
        day[moved] = np.where(off <= 0, to, np.where(monday < base + width, monday, to - off))
    # Whose stay does not reach that far keeps the day there was.
    inside = (day >= stays.start[events.stay]) & (day <= stays.end[events.stay])
    return Events(events.stay, np.where(inside, day, events.day), events.code)


def _quarter(month: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Return the first month of each month's quarter, when resources are declared."""
    number = month.astype(np.int64)
    return (number - number % 3).astype("datetime64[M]")


def _lost_to_season(rng: np.random.Generator, day: Ints, calendar: Calendar) -> Bools:
    """Say which days of August and around Christmas nothing happened after all."""
    lost: Bools = _in_slow_season(day, calendar) & (rng.random(len(day)) < _SLOW_SEASON_LOSS)
    return lost


def _in_slow_season(day: Ints, calendar: Calendar) -> Bools:
    dates = calendar.dates(day)
    month = dates.astype("datetime64[M]")
    number = month.astype(np.int64) % 12 + 1
    of_month = (dates - month.astype("datetime64[D]")).astype(np.int64) + 1
    in_year = 100 * number + of_month
    august = (in_year >= _AUGUST[0]) & (in_year <= _AUGUST[1])
    christmas = (in_year >= _CHRISTMAS[0]) | (in_year <= _CHRISTMAS[1])
    slow: Bools = august | christmas
    return slow


def _on_weekday(day: Ints, calendar: Calendar) -> Ints:
    """Move a Saturday or Sunday back to a day of its own week, spread over the five."""
    weekday = calendar.weekday(day)
    return np.where(weekday < _WORKING_DAYS, day, day - weekday + day % _WORKING_DAYS)


def _working_day(day: Ints, calendar: Calendar) -> Ints:
    """Put off a Saturday or Sunday to the Monday."""
    weekday = calendar.weekday(day)
    return np.where(weekday < _WORKING_DAYS, day, day + 7 - weekday)


def _silenced(events: Events, stays: Stays) -> Bools:
    """Say which events cannot be: a contact in a silence, an absence that would explain it."""
    silent_from = stays.silent_from[events.stay]
    met = np.isin(events.code, [INDEX[c] for c in RECIPROCAL]) & (events.day > silent_from)
    away = (events.code == INDEX[ABSENCE]) & (events.day > silent_from - _ABSENCE_DAYS)
    cannot_be: Bools = met | away
    return cannot_be


def _during_absence(events: Events) -> Bools:
    """Say which appointments fall into a planned absence: they were not made."""
    key = events.stay << 20
    absences = np.sort((key + events.day)[events.code == INDEX[ABSENCE]])
    if not len(absences):
        return np.zeros(len(key), bool)
    last = absences[np.maximum(np.searchsorted(absences, key + events.day, "right") - 1, 0)]
    made = np.isin(events.code, [INDEX[c] for c in (PROPOSED, *APPOINTMENTS)])
    # The last absence before an event may be another stay's: then it lies below the key.
    since = key + events.day - last
    away: Bools = made & (last >= key) & (since >= 0) & (since <= _ABSENCE_DAYS)
    return away


def _chasing(rng: np.random.Generator, stays: Stays, calendar: Calendar) -> Events:
    """Draw the messages that the service sends into a silence."""
    silent = np.flatnonzero(stays.silent_from < stays.end)
    number = rng.poisson(_CHASING_PER_YEAR / YEAR * SILENCE, len(silent))
    stay = np.repeat(silent, number)
    day = stays.silent_from[stay] + rng.integers(7, SILENCE, len(stay))
    day = _on_weekday(day, calendar)
    known = day <= stays.end[stay]
    return Events(stay[known], day[known], np.full(known.sum(), INDEX[MESSAGE]))


def _last_contacts(rng: np.random.Generator, stays: Stays) -> Events:
    """Draw the contact after which silence begins."""
    silent = np.flatnonzero(stays.silent_from <= stays.end)
    codes = rng.choice([INDEX[c] for c in RECIPROCAL], len(silent), p=[0.5, 0.3, 0.1, 0.1])
    return Events(silent, stays.silent_from[silent], codes)


def _found_again(
    rng: np.random.Generator, events: Events, stays: Stays, calendar: Calendar
) -> Events:
    """Draw a contact wherever 60 days would pass without one though nobody fell silent."""
    met = np.isin(events.code, [INDEX[c] for c in RECIPROCAL])
    everyone = np.arange(len(stays.start))
    stay = np.concatenate([everyone, events.stay[met], everyone])
    day = np.concatenate([stays.start, events.day[met], np.minimum(stays.end, stays.silent_from)])
    order = np.lexsort((day, stay))
    stay, day = stay[order], day[order]
    same = stay[1:] == stay[:-1]
    stay, since, until = stay[1:][same], day[:-1][same], day[1:][same]
    found = Events(*(np.empty(0, np.int64) for _ in range(3)))
    codes = [INDEX[CALL_IN], INDEX["contact//passage_spontane"]]
    while True:
        long = until - since >= SILENCE
        if not long.any():
            return found
        stay, since, until = stay[long], since[long], until[long]
        since = _on_weekday(since + rng.integers(SILENCE // 2, SILENCE, len(since)), calendar)
        found += Events(stay, since, rng.choice(codes, len(stay), p=[0.7, 0.3]))
