"""The letter that goes with a person's file: what is known, what was computed, what they can do.

It is written from the file alone (:func:`api.access.access_export`), so that nothing stands in
one that the other does not say. Sentences are short and address the person; numbers are few
until the pages at the end, where every line of the sum stands.

References
----------
CRPA R311-3-1-2: degree and mode of contribution to the decision; data and sources; parameters
and their weighting, applied to the situation; operations carried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.access import lacking
from audits.report.numbers import signed
from features.french import count, day

PARIS = ZoneInfo("Europe/Paris")

_DAYS_A_MONTH = 30
_SHOWN_LINES = 8
"""Lines of the sum told in the letter itself; all of them stand on its last pages."""
_SMALLEST = 0.005
"""Points that are written as zero."""
MODEL_FILE = {
    "same": "Le modèle conservé aujourd'hui est encore celui qui a servi.",
    "other": "Le modèle conservé aujourd'hui sous ce numéro n'est plus celui qui a servi. Cette "
    "lettre s'appuie sur la copie faite le jour du calcul.",
    "gone": "Le modèle qui a servi n'est plus conservé. Cette lettre s'appuie sur la copie faite "
    "le jour du calcul.",
}

Plain = Mapping[str, Any]


def letter_of(export: Plain) -> dict[str, Any]:
    """Write the letter as the template takes it: blocks of French text, every number written.

    Parameters
    ----------
    export
        The person's file.
    """
    identity = export["identity"]
    made_on = date.fromisoformat(export["made_on"])
    signals = export["signals"]
    return {
        "title": "Vos données et les signaux d'attention qui vous concernent",
        "service": export["service"],
        "controller": export["controller"],
        "date": day(made_on),
        "year": made_on.year,
        "month": made_on.month,
        "day": made_on.day,
        "name": identity["display_name"] or "",
        "number": identity["person_id"] or "",
        "brief": list(_brief(export)),
        "held": list(_held(export)),
        "signals": [_signal(one) for one in signals],
        "rights": _rights(export),
        "parts": [
            {"name": name, "said": said, "rows": _rows(export, name)}
            for name, said in export["descriptions"].items()
        ],
        "basis": export["basis"],
        "dpo": export["dpo"],
    }


def _brief(export: Plain) -> Iterator[str]:
    events = len(export["events"])
    yield (
        "Nous vous remettons tout ce que l'outil Rebond sait de vous : "
        + (
            count(events, "fait enregistré", "faits enregistrés")
            if events
            else "aucun fait enregistré"
        )
        + ". Rien n'a été laissé de côté."
    )
    number = len(export["signals"])
    if number:
        yield (
            f"L'outil a calculé {count(number, 'signal', 'signaux')} d'attention à votre sujet, "
            + (
                "conservé à ce jour. Cette lettre explique ce calcul."
                if number == 1
                else "conservés à ce jour. Cette lettre explique chaque calcul."
            )
        )
    else:
        yield (
            "Aucun signal d'attention n'est conservé à votre sujet. Il n'y a donc aucun calcul à "
            "expliquer."
        )
    yield "Aucune décision n'a été prise par une machine. L'outil ne décide de rien."


def _held(export: Plain) -> Iterator[str]:
    stays = export["stays"]
    for stay in stays:
        start = day(_date(stay["entered_on"]))
        if stay.get("left_on"):
            yield f"Accompagnement du {start} au {day(_date(stay['left_on']))}."
        else:
            yield f"Accompagnement depuis le {start}."
    days = sorted(event["occurred_at"] for event in export["events"])
    if days:
        yield (
            f"{count(len(days), 'fait enregistré', 'faits enregistrés')}, du "
            f"{day(_date(days[0]))} au {day(_date(days[-1]))}."
        )
    looked_at = export["records"].get("situations", ())
    if looked_at:
        drawn = sum(row["kind"] == "control" for row in looked_at)
        yield (
            f"Votre situation a été placée {count(len(looked_at), 'fois', 'fois')} parmi celles à "
            "regarder" + (f", dont {drawn} au hasard, sans aucun signal." if drawn else ".")
        )
    if export["identity"]["household"]:
        yield (
            "Un foyer est indiqué. Il sert seulement à vérifier le modèle ; rien n'est dit ici "
            "des autres personnes du foyer."
        )
    lifts = export["records"].get("lifts", ())
    if lifts:
        times = count(len(lifts), "fois", "fois")
        yield f"Votre nom a été montré {times} à des personnes du service ; les jours y sont."
    yield export["standing"]["said"]


def _signal(signal: Plain) -> dict[str, Any]:
    as_of = date.fromisoformat(signal["as_of"])
    workings = signal["workings"]
    return {
        "title": f"Le signal du {day(as_of)}",
        "frequency": _frequency(signal),
        "until": _until(signal),
        "degree": list(_degree(signal["contribution"])),
        "data": list(_data(signal["data"])),
        "why": _why(signal),
        "sum": None if workings is None else _sum(workings, signal["score"]),
        "lines": [] if workings is None else [_line(line) for line in workings["lines"]],
        "operations": signal["operations"],
        "again": [] if workings is None else list(_again(signal, workings)),
        "model": _model(signal, workings),
        "lacking": list(_lacking(signal)),
    }


def _until(signal: Plain) -> str:
    last = day(date.fromisoformat(signal["valid_until"]))
    if signal["sealed"]:
        return f"Il pouvait être lu jusqu'au {last}. Depuis, sa copie est scellée."
    return f"Il peut être lu jusqu'au {last}."


def _frequency(signal: Plain) -> str:
    estimate, workings = signal["estimate"], signal["workings"]
    what, when = "l'événement suivi", "les mois suivants"
    if workings is not None:
        label = workings["outcome"]
        what = "une interruption" if label.startswith("interruption") else f"« {label} »"
        months, rest = divmod(workings["horizon_days"], _DAYS_A_MONTH)
        when = (
            f"les {count(workings['horizon_days'], 'jour', 'jours')}"
            if rest or months == 1
            else f"les {count(months, 'mois', 'mois')}"
        )
    told = (
        f"Sur 100 situations ayant reçu la même estimation, environ {estimate['per_100']} "
        f"({estimate['low']} à {estimate['high']}) ont connu {what} dans {when}."
    )
    rest_of = 100 - estimate["per_100"]
    return f"{told} Les {rest_of} autres, non. Ce chiffre ne dit pas ce qui vous arrivera."


def _degree(contribution: Plain) -> Iterator[str]:
    yield contribution["degree"]
    for view in contribution["views"]:
        why = f" : {view['why'].strip()}" if view["why"].strip() else ""
        yield (
            f"Le {_moment(view['at'])}, son avis avant de lire le signal : "
            f"« {view['opinion']} »{why}"
        )
    for decision in contribution["decisions"]:
        offers = f" ({', '.join(decision['offers'])})" if decision["offers"] else ""
        yield (
            f"Le {_moment(decision['at'])}, sa décision : « {decision['said']} »{offers}. "
            f"Le motif écrit : {decision['reason'].strip()}"
        )
        if decision["words"].strip():
            yield f"Vos mots, tels qu'ils ont été notés : « {decision['words'].strip()} »"
    yield contribution["mode"]


def _data(data: Plain) -> Iterator[str]:
    if data["events"]:
        first, last = (date.fromisoformat(data[name]) for name in ("first_on", "last_on"))
        yield (
            f"{count(data['events'], 'fait vous concernant', 'faits vous concernant')}, du "
            f"{day(first)} au {day(last)} : {', '.join(data['labels'])}."
        )
    else:
        yield "Aucun fait n'était enregistré à cette date."
    yield data["sources"]


def _why(signal: Plain) -> dict[str, list[str]]:
    return {
        "reasons": [reason["text"] for reason in signal["reasons"]],
        "against": [reason["text"] for reason in signal["against"]],
        "missing": list(signal["missing"]),
    }


def _sum(workings: Plain, score: float) -> dict[str, Any]:
    """Tell the sum: the lines that weigh most, all others together, and the total."""
    facts = _facts(workings["lines"])
    if workings["point"] is not None:
        given = sorted((f for f in facts if f["whole"]), key=lambda fact: -fact["whole"])
        total = sum(fact["whole"] for fact in given)
        hidden = len(facts) - len(given)
        return {
            "rows": [_shown(fact) for fact in given],
            "rest": f"{_others(hidden)} : 0 point." if hidden else "",
            "start": "",
            "total": count(total, "point", "points"),
        }
    heavy = sorted(facts, key=lambda fact: -abs(fact["points"]))
    shown = [fact for fact in heavy if abs(fact["points"]) >= _SMALLEST][:_SHOWN_LINES]
    others = sum(fact["points"] for fact in heavy[len(shown) :])
    hidden = len(facts) - len(shown)
    return {
        "rows": [_shown(fact) for fact in shown],
        "rest": f"{_others(hidden)}, ensemble : {signed(others)}." if hidden else "",
        "start": signed(workings["intercept"]),
        "total": signed(score),
    }


def _facts(lines: Sequence[Plain]) -> list[dict[str, Any]]:
    """Add up the lines that ask about the same fact, in the order of the table."""
    facts: dict[str, dict[str, Any]] = {}
    for line in lines:
        fact = facts.setdefault(
            line["column"], {"text": line["text"], "points": 0.0, "whole": None}
        )
        fact["points"] += line["points"]
        if line["whole"] is not None:
            fact["whole"] = (fact["whole"] or 0) + line["whole"]
    return list(facts.values())


def _others(number: int) -> str:
    return (
        "L'autre fait que le modèle regarde"
        if number == 1
        else (f"Les {number} autres faits que le modèle regarde")
    )


def _shown(line: Plain) -> dict[str, str]:
    return {"fact": line["text"], "points": _points(line)}


def _line(line: Plain) -> dict[str, str]:
    return {
        "title": line["title"],
        "value": _value(line["value"]),
        "place": line["place"] or "sur une droite",
        "points": _points(line),
    }


def _points(line: Plain) -> str:
    return signed(line["points"]) if line["whole"] is None else str(line["whole"])


def _value(value: float | None) -> str:
    if value is None:
        return "sans valeur"
    return f"{value:.4g}".replace(".", ",").replace("-", "−")


def _again(signal: Plain, workings: Plain) -> Iterator[str]:
    number = _exact
    if workings["point"] is not None:
        yield (
            "Additionnez les points de la colonne de droite, multipliez par "
            f"{number(workings['point'])}, puis {_adding(workings['start'])}."
        )
    else:
        yield (
            f"Partez de {number(workings['intercept'])}, ajoutez les points de la colonne de "
            "droite."
        )
    yield f"Vous trouvez le total du modèle, s = {number(signal['score'])}."
    above = (
        f" ; si s dépasse {number(workings['knot'])}, ajoutez à u {number(workings['bend'])} × "
        f"(s{_term(-workings['knot'])})"
        if workings["bend"]
        else ""
    )
    yield (
        f"Calculez u = {number(workings['slope'])} × s{_term(workings['shift'])}{above}. Puis "
        "calculez 100 ÷ (1 + e⁻ᵘ). Le résultat, ramené entre "
        f"{number(100 * workings['low'])} et {number(100 * workings['high'])}, est le nombre sur "
        f"100 : environ {signal['estimate']['per_100']}."
    )
    yield (
        "Toutes les valeurs, avec toutes leurs décimales, sont dans data.json, à la partie "
        "« signals » ; les faits eux-mêmes, à la partie « events »."
    )


def _adding(value: float) -> str:
    return f"ajoutez {_exact(value)}" if value >= 0 else f"retirez {_exact(-value)}"


def _term(value: float) -> str:
    return f" + {_exact(value)}" if value >= 0 else f" − {_exact(-value)}"


def _exact(value: float) -> str:
    return f"{value:.6g}".replace(".", ",").replace("-", "−")


def _model(signal: Plain, workings: Plain | None) -> list[dict[str, str]]:
    facts = [{"name": "Modèle", "said": f"version {signal['model']}"}]
    if workings is not None:
        facts += [
            {"name": "Appris jusqu'au", "said": day(date.fromisoformat(workings["trained_until"]))},
            {"name": "Empreinte du modèle", "said": workings["table_hash"]},
            {"name": "Empreinte du protocole", "said": workings["protocol_hash"]},
        ]
    return [*facts, {"name": "Aujourd'hui", "said": MODEL_FILE[signal["model_file"]]}]


def _lacking(signal: Plain) -> Iterator[str]:
    missing = lacking(signal)
    if missing:
        yield (
            "Cette copie est incomplète : une version antérieure de l'outil ne conservait pas tout "
            f"le calcul. Il y manque : {', '.join(missing)}."
        )


def _rights(export: Plain) -> list[dict[str, str]]:
    dpo = export["dpo"]
    return [
        {
            "name": "Contester",
            "said": "Dites-le à la personne qui vous accompagne. Le signal est mis en pause "
            "jusqu'à la réponse.",
        },
        {"name": "Corriger", "said": "Si un fait est inexact, demandez sa correction."},
        {
            "name": "Vous opposer",
            "said": "Vos données sortent de l'outil. Votre accompagnement et vos droits ne "
            "changent pas.",
        },
        {"name": "Limiter", "said": "Vos données sont mises de côté ; personne ne les lit plus."},
        {"name": "Effacer", "said": "Vos données sont détruites dans l'outil, copies comprises."},
        {
            "name": "À qui le demander",
            "said": (
                f"À la déléguée ou au délégué à la protection des données : {dpo}. "
                if dpo
                else "À la personne qui vous accompagne, ou à la déléguée ou au délégué à la "
                "protection des données du service. "
            )
            + "La réponse vous est due en un mois.",
        },
        {
            "name": "Si la réponse ne vous convient pas",
            "said": "Vous pouvez adresser une plainte à la CNIL (cnil.fr, ou 3 place de Fontenoy, "
            "TSA 80715, 75334 Paris Cedex 07), et saisir le juge. C'est gratuit auprès de la CNIL.",
        },
    ]


def _rows(export: Plain, part: str) -> str:
    held = export.get(part, export["records"].get(part))
    if isinstance(held, Mapping):
        return ""
    number = len(held) if isinstance(held, Sequence) else 0
    return str(number)


def _date(text: str) -> date:
    return datetime.fromisoformat(text).date()


def _moment(text: str) -> str:
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:  # as it lies in the database: UTC
        told = told.replace(tzinfo=UTC)
    return day(told.astimezone(PARIS).date())
