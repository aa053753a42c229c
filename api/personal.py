"""Personal data leaves the API when somebody who may see it asks for it, and after the read is written down."""

from __future__ import annotations

from flask import current_app, g
from werkzeug.exceptions import Forbidden

from api.edge import caller
from api.resource import ROLES_THAT_MAY
from api.services import services
from estate.contracts import CONTRACTS

# The columns of a property that name a person or say where he gets his post; the contract says so in their meaning.
PERSONAL_FIELDS = tuple(column.name for column in CONTRACTS["normalize.property"].columns if column.meaning.endswith("(personal data)"))


def disclose(what: str) -> None:
    """Let this answer hold the personal data called `what`.

    Raises Forbidden for a caller who is no analyst, and psycopg.OperationalError when the read cannot be written into the audit: nothing
    is answered then. The answer is neither kept nor given a version, so that every read of it passes here.
    """
    who = caller()
    if not who.roles & ROLES_THAT_MAY["analyst"]:
        raise Forbidden("Personal data are read by analysts.")
    services(current_app).audit.personal_read(who, what=what)
    g.is_personal = True
