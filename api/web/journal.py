"""The journal as the data protection officer and the committee read it, and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from api.journal_watch import JournalWatch
from api.web.access import GuardedRoute, Visit, may
from api.web.rendering import render
from revue import journal
from revue.permissions import Permission
from revue.records import JournalEntry

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

SHOWN_ENTRIES = 100

ACT_LABELS = {
    "answer_contestation": "répond à une contestation",
    "ask_second_look": "demande un second regard",
    "assign": "attribue une situation",
    "claim": "prend une situation",
    "contest": "note une contestation",
    "digest": "prépare les points de file",
    "end_absence": "retire une absence",
    "follow_up": "note la suite",
    "import_services": "importe l'annuaire des services",
    "note_absence": "note une absence",
    "note_observation": "note une observation",
    "put_off": "reporte une situation",
    "release": "rend une situation",
    "resume_situation": "reprend une situation",
    "seal_broken": "n'a pas pu ouvrir un nom",
    "second_view": "donne un second regard",
    "take_back_observation": "retire une observation",
    "withdraw": "retire une situation",
    "without_signal": "continue sans signal",
    "approve": "approuve un modèle",
    "reject": "n'approuve pas un modèle",
    "suspend": "suspend un modèle",
    "resume": "reprend un modèle",
    "checkpoint": "clôt le mois précédent",
    "confirm_wording": "confirme une formulation",
    "create_user": "crée un compte",
    "decide": "décide",
    "fill": "remplit la file",
    "hand_over": "transmet une situation",
    "handled_elsewhere": "traite hors de cet outil",
    "import": "importe des données",
    "lift_identity": "lit un nom",
    "open_own": "ouvre une situation",
    "practise": "fait un exercice de prise en main",
    "propose_wording": "propose une formulation",
    "read": "lit une situation",
    "read_person": "lit la page d'une personne",
    "read_signal": "lit un signal",
    "record_audit": "enregistre un audit",
    "upgrade": "met la base à niveau",
    "register_model": "enregistre un modèle",
    "reveal": "demande le signal",
    "sign_in": "se connecte",
    "sign_in_refused": "connexion refusée",
    "store_identities": "range des noms",
    "sync_people": "met à jour les accompagnements",
    "view": "donne son avis",
    "waiver_ended": "remet un audit au vote : une acceptation a pris fin",
    "backup": "fait une sauvegarde",
    "restore": "restaure une sauvegarde",
    "restrict": "limite le traitement pour une personne",
    "lift_restriction": "lève une limitation",
    "object": "enregistre une opposition",
    "rectify": "rectifie des données",
    "erase": "efface les données d'une personne",
    "make_access": "prépare l'accès d'une personne à ses données",
    "import_notices": "reprend les informations données aux personnes",
    "note_request": "note une demande de droits",
    "answer_request": "répond à une demande de droits",
    "note_notice": "note qu'une personne a été informée",
    "seal_expired": "scelle un signal arrivé à son terme",
    "open_sealed_copy": "ouvre une copie scellée",
    "purge": "supprime ce qui n'est plus à garder",
    "rotate_keys": "renouvelle les clés",
    "lend_keys": "prête des clés",
    "open_contacts": "ouvre l'accès à des coordonnées",
    "read_contacts": "lit des coordonnées",
    "contacts_refused": "coordonnées refusées : trop de demandes",
    "lift_refused": "noms refusés : trop de personnes",
    "sign_assessment": "signe l'analyse d'impact",
    "export_assessment": "exporte l'analyse d'impact",
    "reset_user": "renouvelle le mot de passe d'un compte",
    "close_user": "ferme un compte",
    "change_password": "change son mot de passe",
    "add_second_factor": "ajoute un second facteur",
    "remove_second_factor": "retire un second facteur",
    "keep_key": "garde sa clé de signature",
    "votes_unsigned": "remet un audit au vote : des voix sans signature",
    "votes_withdrawn": "remet un audit au vote : des voix retirées avant la restauration",
    "carry_stop": "arrête un modèle à la restauration",
    "carry_account": "reprend un compte à la restauration",
    "apply_standings": "applique les droits enregistrés",
}
"""The acts of the journal as people read them."""

SUBJECT_LABELS = {
    "vault": "coffre des identités",
    "directory": "liste des accompagnements",
    "services": "annuaire des services",
    "mail": "courriel",
    "files": "fichiers",
    "assessment": "analyse d'impact",
    "home": "toutes les données",
}
"""The subjects that are neither a situation, a model, an account nor a date."""


MONTH, BEFORE = r"^[0-9]{4}-[0-9]{2}$", r"^[0-9]{4}-[0-9]{2}/[0-9]{1,15}$"


@dataclass(frozen=True)
class Asked:
    """Which entries somebody wants to see; an empty word asks for all."""

    month: str = ""
    act: str = ""
    before: str = ""

    @property
    def place(self) -> tuple[str, int] | None:
        """The entry before which the page ends."""
        if not self.before:
            return None
        month, position = self.before.split("/")
        return month, int(position)

    def older_than(self, entry: JournalEntry) -> str:
        """Return the query of the next page: the same, before its last entry."""
        said = {"month": self.month, "act": self.act, "before": f"{entry.month}/{entry.position}"}
        return urlencode({name: value for name, value in said.items() if value})


def read_entries(visit: Visit, asked: Asked) -> tuple[tuple[JournalEntry, ...], bool]:
    """Read one page of entries, and whether there are older ones."""
    with visit.home.reading() as session:
        found = journal.entries(
            session,
            SHOWN_ENTRIES + 1,
            month=asked.month or None,
            act=asked.act or None,
            before=asked.place,
        )
    return found[:SHOWN_ENTRIES], len(found) > SHOWN_ENTRIES


@router.get("/journal")
def journal_page(
    request: Request,
    visit: Annotated[Visit, may(Permission.READ_JOURNAL)],
    month: str = "",
    act: str = "",
    before: str = "",
) -> Response:
    """Show whether the journal holds, its newest checkpoint, and its entries page by page."""
    watch: JournalWatch = request.app.state.journal
    checked = watch.look()
    holds = checked is not None and checked.report.ok
    asked = Asked(
        month=month if re.match(MONTH, month) else "",
        act=act if act in ACT_LABELS else "",
        before=before if re.match(BEFORE, before) else "",
    )
    # Rows that were changed are not read out as if they had happened.
    entries, more = read_entries(visit, asked) if holds else ((), False)
    with visit.home.reading() as session:
        months = journal.months(session) if holds else ()
        checkpoint = journal.checkpoint(session, visit.home.log_key) if holds else ""
    return render(
        request,
        "journal.html",
        checked=checked,
        key=visit.home.log_key.text,
        checkpoint=checkpoint,
        months=months,
        asked=asked,
        entries=entries,
        older=asked.older_than(entries[-1]) if more else "",
        act_labels=ACT_LABELS,
        subject_labels=SUBJECT_LABELS,
    )


@router.get("/journal/checkpoint")
def checkpoint_file(visit: Annotated[Visit, may(Permission.READ_JOURNAL)]) -> Response:
    """Give the newest checkpoint as a file, to be kept where nobody else can change it."""
    with visit.home.reading() as session:
        text = journal.checkpoint(session, visit.home.log_key)
    origin, size, *_ = text.splitlines()
    name = f"checkpoint-{origin.rsplit('/', 1)[-1]}-{size}.txt"
    return PlainTextResponse(
        text, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
