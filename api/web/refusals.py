"""How the JSON API describes what it refuses: one meaning a status, one shape for all."""

from __future__ import annotations

from typing import Any

from api.web.access import CSRF_HEADER
from api.web.answers import ErrorAnswer

_MEANINGS = {
    401: "No open session: sign in at `/api/v1/login`.",
    403: f"Not for this role, or `{CSRF_HEADER}` is missing.",
    404: "Unknown, or not yours.",
    409: "Not now: the steps are own view, signal, decision; or a colleague holds it.",
    413: "Larger than any request needs to be.",
    415: "A form in another character set than UTF-8.",
    422: "The request does not say what it must.",
    429: "Too many failed sign-ins.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe refusals for the API's description."""
    return {status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in statuses}


ALWAYS = refusals(401, 403, 409, 413, 415, 422)
OF_A_SITUATION = refusals(404)
OF_A_MODEL = refusals(404)
