"""Personal data leaves the API when somebody who may see it asks for it, and after the read is written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app, g
from werkzeug.exceptions import Forbidden

from api.edge import caller
from api.resource import ROLES_THAT_MAY
from api.services import services
from estate.contracts import CONTRACTS

# (table, column) of everything that the contracts mark as personal: who owns, sells or buys, where he gets his post, and raw rows.
PERSONAL = frozenset((promise.name, column.name) for promise in CONTRACTS.values() for column in promise.columns if column.is_personal)
_CONFLICT = CONTRACTS["normalize.conflict"].name
_SAID = ("losing_value", "winning_value")


def personal_columns(table: str) -> tuple[str, ...]:
    """The personal columns of `table`, in the order of its contract."""
    return tuple(name for name in CONTRACTS[table].column_names if (table, name) in PERSONAL)


def personal_in(table: str, row: Mapping[str, Any]) -> frozenset[str]:
    """The columns of this `row` of `table` that hold personal data. A conflict says what its field holds: of an owner, it names him."""
    found = frozenset(personal_columns(table))
    if table == _CONFLICT and ("normalize.property", row["field_name"]) in PERSONAL:
        return found.union(_SAID)
    return found


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
