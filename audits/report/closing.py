"""The end of the report: what the audit cannot see, how it was made, what exactly it is about."""

from __future__ import annotations

from collections.abc import Iterator

from audits.records import SIGNIFICANCE, AuditResult
from audits.report import document as doc
from audits.report.context import AuditContext
from audits.report.pen import Pen
from audits.suppression import BASE, K

LIMITS = (
    (
        "Seule l'issue enregistrée compte.",
        "Si elle est moins bien ou plus tard enregistrée dans un groupe, l'audit hérite de cette "
        "erreur et peut déclarer égal ce qui ne l'est pas.",
        "Only the recorded outcome counts.",
        "If it is recorded less well or later in one group, the audit inherits that error and may "
        "call equal what is not.",
    ),
    (
        "Les personnes aidées brouillent la mesure.",
        "Une personne aidée à temps n'a pas connu l'issue qu'elle aurait connue sans aide : la "
        "liste peut sembler se tromper là où elle a été utile.",
        "Persons who were helped blur the measure.",
        "Somebody who was helped in time did not have the outcome they would have had without "
        "help: the list may look wrong where it was useful.",
    ),
    (
        "L'audit porte sur la liste, pas sur les actes.",
        "Ce que les équipes proposent ensuite, à qui et comment, se mesure à part et se discute.",
        "The audit is about the list, not about what is done.",
        "What the teams offer afterwards, to whom and how, is measured apart and talked about.",
    ),
    (
        "« Inconnu » est un groupe.",
        "Les personnes dont un attribut n'est pas connu forment le groupe « inconnu » ; personne "
        "n'est écarté, mais on ne sait pas de qui ce groupe est fait.",
        "“Unknown” is a group.",
        "Persons of whom an attribute is not known form the group “unknown”; nobody is left out, "
        "but nobody knows who is in that group.",
    ),
    (
        "Le reste n'est pas comparé.",
        "La comparaison ne porte que sur les attributs prévus ; un écart selon un autre attribut "
        "n'y apparaît pas.",
        "Nothing else is compared.",
        "Only the attributes that were to be audited are compared; a gap by any other attribute "
        "does not show.",
    ),
    (
        "L'égalité des parts n'est pas toute la justice.",
        "Une liste également juste entre les groupes peut rester mauvaise pour tous, ou manquer ce "
        "qu'aucune donnée ne dit.",
        "Equal shares are not all of justice.",
        "A list that treats groups alike may still be poor for everybody, or miss what no data "
        "say.",
    ),
)


def limits(pen: Pen, context: AuditContext) -> doc.Section:
    """Write what this audit cannot see, in plain words."""
    said = [doc.Paragraph(pen.say(fr, en), pen.say(lead, first)) for lead, fr, first, en in LIMITS]
    if context.kind == "file":
        said.append(
            doc.Paragraph(
                pen.say(
                    "Si y figurer mène à un contrôle ou à une sanction, une autre question passe "
                    "d'abord : la part « Sur la liste sans issue » de chaque groupe.",
                    "If being on it leads to a check or a sanction, another question comes first: "
                    "the share “Listed without the outcome” of every group.",
                ),
                pen.say("La liste est supposée aider.", "The list is taken to help."),
            )
        )
    said += [doc.Paragraph(own[pen.language]) for own in context.limits]
    return doc.Section(
        pen.say("Ce que cet audit ne peut pas voir", "What this audit cannot see"),
        (doc.Bullets(tuple(said)),),
    )


def method(pen: Pen, result: AuditResult, context: AuditContext) -> doc.Section:
    """Write how the audit was made, and the fingerprints of what it is about."""
    draws, level = pen.number(result.replicates), pen.percent(SIGNIFICANCE)
    blocks: list[doc.Block] = [
        doc.Paragraph(
            pen.say(
                f"Intervalles par rééchantillonnage des personnes ({draws} tirages, graine "
                f"{result.seed}) : les lignes d'une même personne restent ensemble. Pour chaque "
                "attribut, un test de permutation par personne demande si tous les groupes ont la "
                "même part repérée, chaque groupe étant comparé à tous les autres ensemble ; ses "
                "probabilités sont corrigées du nombre d'attributs (Holm). L'intervalle du plus "
                "grand écart, lui, vient des comparaisons deux à deux et vaut pour toutes à la "
                "fois : le test peut conclure là où il atteint encore zéro. De même, les "
                "intervalles d'un groupe aux autres valent pour tous les groupes à la fois.",
                f"Intervals by resampling persons ({draws} draws, seed {result.seed}): the rows of "
                "one person stay together. For each attribute a permutation test by person asks "
                "whether all groups have the same share found, each compared with all others "
                "together; its probabilities are corrected for the number of attributes (Holm). "
                "The interval of the largest gap comes from groups two by two and holds for all "
                "pairs at once: the test can tell where it still reaches zero. Likewise, the "
                "intervals of a group against the others hold for all groups at once.",
            )
        ),
        doc.Bullets(
            (
                doc.Paragraph(
                    pen.say(
                        f"probabilité inférieure à {level} et écart au-delà de la tolérance.",
                        f"probability below {level} and gap beyond the tolerance.",
                    ),
                    lead=pen.say("Non :", "No:"),
                ),
                doc.Paragraph(
                    pen.say(
                        "borne haute de l'écart dans la tolérance, tous les groupes comparés.",
                        "upper bound of the gap within the tolerance, all groups compared.",
                    ),
                    lead=pen.say("Oui :", "Yes:"),
                ),
                doc.Paragraph(
                    pen.say("tout le reste.", "everything else."),
                    lead=pen.say("Pas de conclusion :", "No conclusion:"),
                ),
            )
        ),
        *_rows_as_persons(pen, result, context),
        doc.Paragraph(
            pen.say(
                "Le nombre de personnes qu'il faudrait est celui avec lequel des groupes repérés "
                "également recevraient un « oui » quatre fois sur cinq : un ordre de grandeur.",
                "The number of persons that it would take is that with which groups found alike "
                "would get a “yes” four times in five: an order of magnitude.",
            )
        ),
        doc.Paragraph(
            pen.say(
                f"Tout effectif inférieur à {K} personnes est tu, ainsi que ceux qui permettraient "
                "de le retrouver. Les parts sont alors calculées sur des nombres arrondis à des "
                f"multiples de {BASE}, celles de tous les attributs s'il y en a plusieurs ; leurs "
                "intervalles se déplacent avec elles et s'élargissent au point entier. Les courbes "
                "de calibration, et les parts d'un groupe dont l'effectif est tu, sont dites par "
                "pas, plus larges là où il y a moins de personnes. "
                "Les réponses sont données avant tout arrondi : un écart montré peut tomber "
                "juste de l'autre côté de la tolérance.",
                f"Any number of fewer than {K} persons is withheld, and so are those from which it "
                "could be found. Shares are then made of counts rounded to multiples of "
                f"{BASE}, those of all attributes where there are several; their intervals move "
                "along with them and are widened to whole points. Calibration curves, and the "
                "shares of a group whose number is withheld, are told in steps, wider where there "
                "are fewer persons. The answers are given before any rounding: a gap that is "
                "shown may fall just on the other side of the tolerance.",
            )
        ),
    ]
    if result.tie_break is not None:
        blocks.append(doc.Paragraph(_ties(pen, result)))
    hashes = (
        (pen.say("Données", "Data"), context.data_hash),
        (pen.say("Modèle", "Model"), context.model_hash),
        (pen.say("Protocole", "Protocol"), context.protocol_hash),
    )
    known = tuple((name, value) for name, value in hashes if value)
    if known:
        blocks += [
            doc.Paragraph(
                pen.say(
                    "Empreintes (SHA-256) de ce qui a été audité : une seule lettre changée donne "
                    "une autre empreinte.",
                    "Fingerprints (SHA-256) of what was audited: one changed letter gives another "
                    "fingerprint.",
                )
            ),
            doc.Facts(known, code=True),
        ]
    return doc.Section(pen.say("Méthode et empreintes", "Method and fingerprints"), tuple(blocks))


def _rows_as_persons(
    pen: Pen, result: AuditResult, context: AuditContext
) -> Iterator[doc.Paragraph]:
    """Say what a file without repeated persons, or without their column, was taken for."""
    if context.kind == "file" and result.persons == result.rows:
        yield doc.Paragraph(
            pen.say(
                "Chaque ligne du fichier a été comptée comme une autre personne. Si plusieurs "
                "lignes parlaient d'une même personne, les intervalles seraient trop étroits.",
                "Every row of the file was counted as another person. If several rows were about "
                "one person, the intervals would be too narrow.",
            )
        )


def _ties(pen: Pen, result: AuditResult) -> str:
    tie = result.tie_break
    if tie is None:
        return ""
    said = pen.say(
        f"La liste a été tirée des valeurs fournies : les {pen.number(tie.k)} plus élevées.",
        f"The list was drawn from the values given: the {pen.number(tie.k)} highest.",
    )
    if tie.tied:
        places = pen.count(
            tie.places, ("dernière place", "dernières places"), ("last place", "last places")
        )
        said += pen.say(
            f" {pen.number(tie.tied)} lignes à égalité se partageaient {places} ; une empreinte "
            f"que chacun peut rejouer les a départagées (graine {tie.seed}).",
            f" {pen.number(tie.tied)} rows with equal values shared {places}; a hash that anybody "
            f"can replay drew among them (seed {tie.seed}).",
        )
    else:
        said += pen.say(
            " Aucune égalité à la dernière place.", " No equal values at the last place."
        )
    if tie.unscored:
        rows = pen.count(
            tie.unscored,
            ("ligne sans valeur n'a pas été retenue", "lignes sans valeur n'ont pas été retenues"),
            ("row without a value was not listed", "rows without a value were not listed"),
        )
        said += f" {rows}."
    return said
