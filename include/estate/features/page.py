"""The page of a tenant's features: what each means, how old, complete and steady it is, and whether online is what offline says.

One HTML file that loads nothing, not even from itself, as the page of a model; it links to the verdicts among which it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from estate import verdicts
from estate.contracts.model import Column
from estate.features import drift
from estate.features.definitions import PAGE, SERVICES, VIEWS, FeatureView
from estate.features.page_plot import shift, sparkline
from estate.features.pending import TABLES
from estate.settings import Tenant
from estate.warehouse import Warehouse

RUNS = 30  # that the small lines go back
_SHOWN_WORDS = 4
_PROFILE = "features.profile"
_OF_RUNS = frozenset({_PROFILE, *(view.contract.name for view in VIEWS.values())})  # judged by what puts features online
_MADE = {"copied": "taken as it is from", "inferred": "computed from", "assigned": ""}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """What is written down about one tenant's features; each list as its named query gives it.

    `profiles`: profile_history, oldest run first; `verdicts`: profile_verdict; `materializations`: api_feature_online; `parity`:
    api_feature_parity.
    """

    profiles: Sequence[Row] = ()
    verdicts: Sequence[Row] = ()
    materializations: Sequence[Row] = ()
    parity: Sequence[Row] = ()


def put_page(tenant: Tenant, warehouse: Warehouse) -> str:
    """Write the page of the tenant's features below its Data Docs, over the one before; returns its address."""
    books = Books(
        profiles=warehouse.rows("profile_history", run_limit=RUNS),
        verdicts=warehouse.rows("profile_verdict"),
        materializations=warehouse.rows("api_feature_online", table_names=sorted(TABLES)),
        parity=warehouse.rows("api_feature_parity"),
    )
    verdicts.put_page(tenant, PAGE, render(tenant.name, books).encode())
    return verdicts.page_address(tenant, PAGE)


def render(tenant_name: str, books: Books) -> str:
    """The page as HTML. What is not known yet is said to be so; the same books give the same bytes."""
    environment = Environment(
        loader=PackageLoader("estate.features"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": "{:,}".format, "moment": _moment}
    newest = books.profiles[-1] if books.profiles else None
    judged = {str(row["table_name"]): _verdict(row) for row in books.verdicts}
    return environment.get_template("features_page.html").render(
        tenant_name=tenant_name,
        profiled=newest,
        judged=_headline(books.verdicts),
        views=[_view(view, books, judged) for view in VIEWS.values()],
        services=[(service, len(service.names)) for service in SERVICES.values()],
        materializations=books.materializations,
        parity=_parity(books.parity),
        psi_noticed=drift.PSI_NOTICED,
        least_values=drift.LEAST_VALUES,
    )


def _view(view: FeatureView, books: Books, judged: Mapping[str, Any]) -> dict[str, Any]:
    newest_run = books.profiles[-1]["run_id"] if books.profiles else None
    history: dict[str, list[Row]] = {}
    for row in books.profiles:
        if row["view_name"] == view.name:
            history.setdefault(str(row["feature_name"]), []).append(row)
    compared = {row["feature_name"]: row for row in books.parity if row["view_name"] == view.name}
    features = []
    for column in view.features:
        runs = history.get(column.name, [])
        now = runs[-1] if runs and runs[-1]["run_id"] == newest_run else None
        features.append(_definition(view, column) | _found(column, now, runs) | {"parity": compared.get(column.name)})
    counts = [row["entity_count"] for rows in history.values() for row in rows if row["run_id"] == newest_run]
    return {
        "name": view.name, "about": view.about, "owner": view.owner, "ttl": view.ttl_words, "entity": view.entity,
        "entity_count": counts[0] if counts else None, "features": features, "judged": judged.get(view.contract.name),
    }  # fmt: skip


def _definition(view: FeatureView, column: Column) -> dict[str, Any]:
    return {
        "name": column.name, "meaning": column.meaning, "unit": column.unit, "type": column.sql_type,
        "made": _MADE.get(column.made, f"{column.made} from") if column.made_from else "", "made_from": column.made_from,
        "services": view.services_of(column.name),
        "absent": view.absent.get(column.name),
    }  # fmt: skip


def _found(column: Column, now: Row | None, runs: Sequence[Row]) -> dict[str, Any]:
    """What the newest run found of one feature, and the runs before it; `found` is none where it was not profiled."""
    if now is None:
        return {"found": None}
    psi, missing = [row["psi"] for row in runs], [row["null_rate"] for row in runs]
    against = (now["bins"] or {}).get("against")
    return {
        "found": {
            "missing": share(now["null_rate"]),
            "missing_before": None if now["previous_null_rate"] is None else share(now["previous_null_rate"]),
            "missing_line": sparkline(missing, "share without a value", share, most=1),
            "oldest": now["oldest_observed_at"],
            "newest": now["newest_observed_at"],
            "stale": None if now["stale_rate"] is None else share(now["stale_rate"]),
            "is_stale": bool(now["stale_rate"]),
            "spread": _spread(column, now),
            "psi": now["psi"],
            "js": now["js_divergence"],
            "is_drifted": now["psi"] is not None and now["psi"] > drift.PSI_NOTICED,
            "is_apart": now["js_divergence"] is not None and now["js_divergence"] > drift.JS_NOTICED,
            "psi_line": sparkline(psi, "population stability index", "{:.2f}".format, bound=drift.PSI_NOTICED),
            "shift": shift(against, lambda edge: number(edge, column.unit)) if against else "",
        }
    }


def _spread(column: Column, now: Row) -> list[tuple[str, str]]:
    """What the values are: least, median and greatest number, or the most frequent words with their shares."""
    if now["median"] is not None:
        return [(title, number(now[name], column.unit)) for title, name in (("low", "low"), ("median", "median"), ("high", "high"))]
    bins = now["bins"] or {}
    total = sum(bins.get("counts", ()))
    named = list(zip(bins.get("words", ()), bins.get("counts", ()), strict=False))
    shown = [(word, share(count / total)) for word, count in named[:_SHOWN_WORDS]]
    rest = total - sum(count for _, count in named[:_SHOWN_WORDS])
    return [*shown, ("others", share(rest / total))] if rest else shown


def _headline(rows: Sequence[Row]) -> dict[str, Any] | None:
    """What the newest run was judged: refused when any of its tables was, and passed only once its profile was; None before that."""
    of_runs = [row for row in rows if row["table_name"] in _OF_RUNS]
    newest = max(of_runs, key=lambda row: row["judged_at"], default=None)
    # A table that this run did not touch shows the verdict of an earlier one.
    own = [row for row in of_runs if newest is not None and row["run_id"] == newest["run_id"]]
    refused = [row for row in own if not row["is_passed"]]
    if newest is None or not (refused or any(row["table_name"] == _PROFILE for row in own)):
        return None
    failures = [{"table": row["table_name"]} | failure for row in own for failure in row["failures"] or ()]
    return {
        "is_passed": not refused,
        "judged_at": newest["judged_at"],
        "tables": [_verdict(row) | {"name": row["table_name"]} for row in refused or own if row["docs_key"]],
        "refused": [failure for failure in failures if failure["outcome"] == "refused"],
        "noticed": [failure for failure in failures if failure["outcome"] != "refused"],
    }


def _verdict(row: Row) -> dict[str, Any]:
    return {
        "is_passed": row["is_passed"], "judged_at": row["judged_at"],
        "link": f"../{quote(row['docs_key'])}" if row["docs_key"] else None,
    }  # fmt: skip


def _parity(rows: Sequence[Row]) -> dict[str, Any] | None:
    if not rows:
        return None
    return {
        "audited_at": rows[0]["audited_at"], "as_of_at": rows[0]["as_of_at"], "run_id": rows[0]["run_id"], "feature_count": len(rows),
        "compared_count": max(row["compared_count"] for row in rows), "differing": [row for row in rows if row["mismatch_count"]],
    }  # fmt: skip


def share(rate: float) -> str:
    """A share in percent; what is not quite none or all is never shown as such."""
    if 0 < rate < 0.001:
        return "< 0.1 %"
    if 0.999 < rate < 1:
        return "> 99.9 %"
    return f"{rate:.1%}".replace(".0%", "%").replace("%", " %")


def number(value: float, unit: str = "") -> str:
    """A number with four digits that count, or all of a large one; years without separators, and nothing nearer to zero than 0.001."""
    if unit == "year":
        return f"{value:.0f}"
    if 0 < abs(value) < 0.001:
        return "< 0.001" if value > 0 else "> −0.001"
    shown = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return shown.replace("-", "−")


def _moment(at: datetime | None, form: str = "%Y-%m-%d %H:%M UTC") -> str:
    return at.strftime(form) if at else "not known"
