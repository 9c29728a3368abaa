"""What a data steward should look at first in an import: a few plain sentences, each with figures.

They are drawn from figures that may be shown, so that no sentence tells what a table withholds.
The order is that of the harm done: what makes a label or a feature blind comes first, then what
is missing, then what is wrongly attributed, then what comes late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from audits.report.numbers import number, percent
from audits.suppression import K
from features.french import count, day
from features.quality import (
    APPOINTMENTS,
    CANCELLED,
    MISSED,
    SILENT_DAYS,
    Code,
    Quality,
    Team,
    Unmatched,
)

LONG_GAP_DAYS = 21
"""A shorter gap stands in its table, but is no first thing to look at."""

LATE_MEDIAN_DAYS = 7
LATE_TENTH_DAYS = 30
"""A team records late if its median, or one fact in ten, is later than this."""

NOTABLE = 0.05
"""The share of persons or rows from which something is worth a sentence."""

_NAMED = 3
"""How many teams or codes a sentence names; the tables hold all of them."""


def findings(quality: Quality) -> tuple[str, ...]:
    """Return what to look at first, most harmful first; empty if nothing is striking.

    Parameters
    ----------
    quality
        With its small cells withheld.
    """
    return (
        *_blind(quality),
        *_silences(quality.teams),
        *_confusions(quality),
        *_new_codes(quality),
        *_delays(quality.teams),
        *_absent(quality),
        *_set_aside(quality),
        *_missing(quality),
        *_amended(quality.teams),
    )


def _blind(quality: Quality) -> Iterator[str]:
    """Codes of the protocol that no fact has: renamed, or not extracted."""
    facts = {code.code: code for code in quality.codes if code.code}
    rest = []
    for missing in quality.unmatched:
        if missing.place == "outcome":
            use = "qui définit l'issue du protocole"
        elif not (missing.known or missing.resembles):
            rest.append(missing.code)
            continue
        elif missing.place == "competing":
            use = "que le protocole lit comme événement concurrent"
        else:
            use = f"que lit la rubrique « {missing.place} »"
        yield (
            f"Aucun fait ne porte le code « {missing.code} », {use}{_before(missing)}."
            f"{_renamed(missing, facts.get(missing.resembles or ''))}"
        )
    if rest:
        codes = sorted(set(rest))
        lead = _count(
            len(codes), "code du protocole ne correspond", "codes du protocole ne correspondent"
        )
        yield f"{lead} à aucun fait, ici ni dans un import précédent : {_several(codes)}."


def _before(missing: Unmatched) -> str:
    return ", alors qu'un import précédent en contenait" if missing.known else ""


def _renamed(missing: Unmatched, code: Code | None) -> str:
    if code is None:
        return ""
    events = code.facts.events
    facts = "" if events is None else f" ({_count(events, 'fait', 'faits')})"
    return (
        f" Le code « {missing.resembles} »{facts}, que le protocole ne lit pas, "
        "est peut-être son nouveau nom."
    )


def _silences(teams: Sequence[Team]) -> Iterator[str]:
    for team in teams:
        if not team.stopped:
            continue
        if team.last_on is None or team.silent_days is None:
            yield (
                f"L'équipe « {team.team} » accompagne des personnes et n'a aucun fait : son "
                "export manque peut-être."
            )
        else:
            yield (
                f"L'équipe « {team.team} » n'a plus aucun fait après le {day(team.last_on)}, "
                f"{count(team.silent_days, 'jour', 'jours')} avant l'extraction, alors qu'elle "
                "accompagne encore des personnes : l'export est peut-être incomplet, ou la saisie "
                "interrompue."
            )
    for team in teams:
        for gap in team.gaps or ():
            if gap.days >= LONG_GAP_DAYS:
                yield (
                    f"L'équipe « {team.team} » n'a aucun fait du {day(gap.first)} au "
                    f"{day(gap.last)} ({count(gap.days, 'jour', 'jours')}), mais en a avant et "
                    "après : une période manque peut-être à l'export."
                )


def _confusions(quality: Quality) -> Iterator[str]:
    """Service cancellations out of step with the other teams', either way."""
    for line in quality.appointments:
        cancelled = line.kinds[APPOINTMENTS.index(CANCELLED)].events
        missed = line.kinds[APPOINTMENTS.index(MISSED)].events
        if not line.unlike or cancelled is None or missed is None or line.expected is None:
            continue
        lead = (
            f"L'équipe « {line.team} » enregistre "
            f"{_none_or(cancelled, 'annulation par le service', 'annulations par le service')} "
            f"pour {_count(missed, 'rendez-vous non honoré', 'rendez-vous non honorés')} ; à la "
            f"façon des autres équipes, on en attendrait environ {number(round(line.expected))}."
        )
        if cancelled < line.expected:
            yield (
                f"{lead} Des annulations du service y sont peut-être notées comme rendez-vous non "
                "honorés : elles compteraient à tort comme une absence de la personne."
            )
        else:
            yield f"{lead} Le même code y désigne peut-être autre chose."


def _new_codes(quality: Quality) -> Iterator[str]:
    new = [code for code in quality.codes if code.new]
    if not new:
        return
    lead = (
        "Un code n'avait jamais été vu dans cette base"
        if len(new) == 1
        else f"{number(len(new))} codes n'avaient jamais été vus dans cette base"
    )
    idle = sum(not code.used for code in new)
    if idle == 0:
        tail = "Le protocole les lit." if len(new) > 1 else "Le protocole le lit."
    elif len(new) == 1:
        tail = "Le protocole ne le lit pas."
    else:
        tail = (
            "Le protocole n'en lit aucun."
            if idle == len(new)
            else f"Le protocole n'en lit pas {number(idle)}."
        )
    named = [code.code for code in new if code.code]
    rare = len(new) - len(named)
    if not named:
        said = ", trop rare pour être nommé" if rare == 1 else ", trop rares pour être nommés"
    else:
        said = f" : {_several(named)}"
        if rare:
            said += (
                f", et {_count(rare, 'trop rare pour être nommé', 'trop rares pour être nommés')}"
            )
    yield f"{lead}{said}. {tail}"


def _delays(teams: Sequence[Team]) -> Iterator[str]:
    known = [team.delays for team in teams if team.delays]
    # So prompt everywhere is a copied date, not a fast service.
    if known and all(delay.ninth_decile == 0 and delay.beyond_7.share == 0 for delay in known):
        yield (
            "Dans toutes les équipes, les faits sont enregistrés le jour même : l'extrait ne dit "
            "sans doute pas quand ils l'ont été, et les délais restent inconnus."
        )
    for team in teams:
        delay = team.delays
        if delay and (delay.median > LATE_MEDIAN_DAYS or delay.ninth_decile > LATE_TENTH_DAYS):
            yield (
                f"L'équipe « {team.team} » enregistre la moitié de ses faits après "
                f"{count(delay.median, 'jour', 'jours')} ou plus, un sur dix après "
                f"{count(delay.ninth_decile, 'jour', 'jours')} ou plus : à une date de revue, les "
                "plus récents ne sont pas encore connus."
            )


def _absent(quality: Quality) -> Iterator[str]:
    """Persons who vanish from an extract without having left; None is one to ten of them."""
    absent = quality.counts.absent
    if absent == 0:
        return
    lead = f"Moins de {K} personnes" if absent is None else _persons(absent)
    yield (
        f"{lead} d'imports précédents, dont le séjour est ouvert, ne figurent pas dans cet "
        "extrait : leur séjour reste ouvert, tel que dit la dernière fois. Si elles sont parties, "
        "donner leur date de sortie (left_on) dans le prochain extrait."
    )


def _set_aside(quality: Quality) -> Iterator[str]:
    rows = quality.counts.quarantined
    if rows:
        files = sorted({faults.file for faults in quality.quarantined})
        yield (
            f"{_count(rows, 'ligne a été mise', 'lignes ont été mises')} de côté "
            f"({', '.join(files)}) ; leurs motifs sont dans ce rapport."
        )


def _missing(quality: Quality) -> Iterator[str]:
    everybody = quality.people[0]
    if not everybody.persons:
        return
    if everybody.without_event and everybody.without_event >= NOTABLE * everybody.persons:
        yield (
            f"{_persons(everybody.without_event)} sur {number(everybody.persons)} n'ont aucun fait "
            "dans cet extrait."
        )
    present = everybody.present
    if present and everybody.silent and everybody.silent >= NOTABLE * present:
        yield (
            f"{_persons(everybody.silent)} dont le séjour est ouvert, sur {number(present)}, n'ont "
            f"aucun fait depuis plus de {SILENT_DAYS} jours : un séjour terminé n'a peut-être pas "
            "été clos."
        )
    if present and everybody.without_referent and everybody.without_referent >= NOTABLE * present:
        yield (
            f"{_persons(everybody.without_referent)} dont le séjour est ouvert, sur "
            f"{number(present)}, n'ont pas de référent : leur situation ne peut être présentée à "
            "personne."
        )
    if everybody.not_informed and everybody.not_informed >= NOTABLE * everybody.persons:
        yield (
            f"{_persons(everybody.not_informed)} sur {number(everybody.persons)} n'ont pas de date "
            "d'information : sans elle, aucun signal n'est calculé."
        )


def _amended(teams: Sequence[Team]) -> Iterator[str]:
    for team in teams:
        for share, words in (
            (team.duplicates.share, "sont la répétition exacte d'une autre"),
            (team.corrected.share, "corrigent une ligne précédente"),
            (team.deleted.share, "suppriment une ligne précédente"),
        ):
            if share is not None and share >= NOTABLE:
                yield f"Dans l'équipe « {team.team} », {percent(share)} des lignes {words}."


def _persons(persons: int) -> str:
    return _count(persons, "personne", "personnes")


def _count(value: int, one: str, many: str) -> str:
    """Write a number, with its thousands apart, and the noun that agrees with it."""
    return f"{number(value)} {one if value < 2 else many}"  # noqa: PLR2004 - French grammar


def _none_or(value: int, one: str, many: str) -> str:
    return _count(value, one, many) if value else f"0 {one}"


def _several(codes: Iterable[str]) -> str:
    named = [f"« {code} »" for code in codes]
    more = len(named) - _NAMED
    if more <= 0:
        return ", ".join(named)
    return f"{', '.join(named[:_NAMED])} et {count(more, 'autre', 'autres')}"
