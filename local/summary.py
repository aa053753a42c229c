"""What a demonstration ends with: what became of the rows, one property shown whole, and where to look further."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import requests
from rich.markup import escape
from rich.table import Table

from estate.contracts import CONTRACTS, FLOWS
from estate.features.definitions import PAGE
from estate.settings import Tenant
from local import books, feature_summary, issuer
from local.environment import AIRFLOW_USERS
from local.layout import Layout
from local.progress import Progress
from local.tenants import docs_password, tenants

_SHOWN_FIELDS = ("living_area_sqft", "year_built", "situs_address", "estimated_value_usd", "flood_zone")
_SHOWN_COMPARABLES = 3
_SHOWN_CONTRIBUTIONS = 5


def show(machine: Layout, progress: Progress, run_ids: Sequence[str]) -> list[str]:
    """Print the summary of `run_ids`; returns what was not as expected."""
    problems: list[str] = []
    example: tuple[Tenant, str] | None = None
    for tenant in tenants().values():
        landings = books.read(machine, tenant, "summary_landings", run_ids)
        tables = books.read(machine, tenant, "summary_tables", run_ids)
        if not landings:
            continue
        progress.console.rule(f"[bold]{tenant.name}[/bold] ({tenant.slug})", align="left", style="dim")
        progress.console.print(_landings(landings))
        progress.console.print(_stages(tables))
        for line in _values(books.read(machine, tenant, "summary_values")):
            progress.console.print(line, soft_wrap=True, markup=False)
        problems += feature_summary.show(machine, progress, tenant, run_ids)
        found = books.read(machine, tenant, "summary_example")
        if found and example is None:
            example = tenant, str(found[0]["property_id"])
    if example is None:
        problems.append("no tenant has a property with a value")
    else:
        problems += _property(machine, progress, *example)
    _addresses(machine, progress, example)
    return problems


def _landings(rows: list[dict[str, Any]]) -> Table:
    table = Table("source", "file", "outcome", "rows", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for row in rows:
        outcome = f"{row['outcome']}: {row['reason']}" if row["reason"] else row["outcome"]
        table.add_row(row["source_name"], escape(row["file_name"]), escape(outcome), _number(row["row_count"]))
    return table


def _stages(rows: list[dict[str, Any]]) -> Table:
    """Per table: rows judged, published, unchanged, kept back; gates passed and refused. Several runs of one table are summed."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if CONTRACTS[row["table_name"]].kind != "published":  # feature views are judged, and published by no stage
            continue
        own = sums[row["table_name"]]
        own["rows_in"] += row["rows_in"]
        own["quarantined"] += row["rows_quarantined"]
        own["passed" if row["is_passed"] else "refused"] += 1
        if row["rows_published"] is not None:
            own["published"] += row["rows_published"]
            own["unchanged"] += row["rows_unchanged"]
        elif row["is_passed"]:  # the ledger has no entry for a publication that changes nothing
            own["unchanged"] += row["rows_in"] - row["rows_quarantined"]
    columns = ("rows_in", "published", "unchanged", "quarantined", "passed", "refused")
    table = Table("stage", "table", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for title in ("rows in", "published", "unchanged", "quarantined", "gates passed", "gates refused"):
        table.add_column(title, justify="right")
    for stage in FLOWS:
        for name in sorted(name for name in sums if name.startswith(f"{stage}.")):
            cells = [_number(sums[name][column]) for column in columns]
            cells[-1] = f"[red]{cells[-1]}[/red]" if sums[name]["refused"] else cells[-1]
            table.add_row(stage, name, *cells)
    return table


def _values(rows: list[dict[str, Any]]) -> list[str]:
    """How many properties have a value, and how many are refused one, with each reason: a refusal is an answer."""
    given = sum(row["property_count"] for row in rows if row["refusal_reason"] is None)
    refused = [row for row in rows if row["refusal_reason"] is not None]
    lines = [f"values     {given:,} given, {sum(row['property_count'] for row in refused):,} refused"]
    return lines + [f"           {row['property_count']:,} refused: {row['refusal_reason']}" for row in refused]


def _property(machine: Layout, progress: Progress, tenant: Tenant, property_id: str) -> list[str]:
    """Ask the API for one property, its value, its provenance and its features, and print what it says."""
    address = f"{machine.url('api')}/api/v1/properties/{property_id}"
    headers = {"Authorization": f"Bearer {issuer.token(machine, tenant.tenant_id, 'local:demo', ('analyst',))}"}
    answers = [requests.get(address + below, headers=headers, timeout=30) for below in ("", "/valuation", "/provenance", "/features")]
    if wrong := [f"{answer.url} answered {answer.status_code}: {answer.text[:300]}" for answer in answers if not answer.ok]:
        return wrong
    whole, valuation, provenance, features = (answer.json() for answer in answers)
    progress.console.rule(f"[bold]one property, whole[/bold] ({property_id})", align="left", style="dim")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for title, text in (
        *_described(whole),
        *_explained(valuation),
        *_hazards(whole["hazards"]),
        *_features(features),
        *_origins(provenance["fields"]),
    ):
        table.add_row(f"[dim]{title}[/dim]", escape(text))
    progress.console.print(table)
    return []


def _described(whole: dict[str, Any]) -> list[tuple[str, str]]:
    known = {name: value for name, value in whole["attributes"].items() if value is not None}
    lines = [("property", ", ".join(f"{name} {_short(value)}" for name, value in known.items()))]
    risk, trust = whole["risk"], whole["trust"]
    if risk:
        lines.append(("risk", f"{risk['risk_class']}, {risk['risk_score_low']:.0f} to {risk['risk_score_high']:.0f} of 100"))
    if trust:
        lines.append(("trust", f"{trust['property_trust']:.2f} of 1, {trust['traced_field_count']} fields traced to their source rows"))
    return lines


def _explained(valuation: dict[str, Any]) -> list[tuple[str, str]]:
    """A value, how sure it is, and why it is so much: the heaviest comparables, the largest contributions, what changes would come to."""
    value = valuation["value"]
    if value is None or value["estimated_value_usd"] is None:
        return []
    level = round(100 * value["interval_level"])
    narrow = f"{level} % interval {_usd(value['value_low_usd'])} to {_usd(value['value_high_usd'])}"
    wide = f"95 % interval {_usd(value['value_low_95_usd'])} to {_usd(value['value_high_95_usd'])}"
    lines = [
        ("value", f"{_usd(value['estimated_value_usd'])} on {value['valuation_date']}, {narrow}, {wide}"),
        ("confidence", f"{value['confidence_band']}, an error of {100 * value['fsd']:.0f} % is to be expected"),
    ]
    for comparable in valuation["comparables"][:_SHOWN_COMPARABLES]:
        where = f"{comparable['sale_age_days']:,} days before, {comparable['distance_m']:,.0f} m away"
        sold = f"sold {where}, for {_usd(comparable['sale_price_usd'])}"
        adjusted = f"adjusted {_usd(comparable['adjusted_price_usd'])}, weight {comparable['weight']:.2f}"
        lines.append((f"comparable {comparable['comparable_rank']} of {value['comparable_count']}", f"{sold}; {adjusted}"))
    told = valuation["contributions"]
    largest = sorted(told["parts"], key=lambda part: -abs(part["contribution_usd"]))[:_SHOWN_CONTRIBUTIONS]
    named = ", ".join(f"{part['name'].replace('_', ' ')} {_usd(part['contribution_usd'], signed=True)}" for part in largest)
    rest = f"and {len(told['parts']) - len(largest)} smaller parts"
    lines.append(("made of", f"{_usd(told['base_usd'])} for the typical sale; {named} {rest}"))
    for change in valuation["counterfactuals"]:
        before = "none" if change["field_value_from"] is None else f"{change['field_value_from']:g}"
        asked = f"{change['field_name']} {before} → {change['field_value_to']:g}"
        worth = f"{_usd(change['changed_value_usd'])}, {_usd(change['value_change_usd'], signed=True)}"
        lines.append((f"if {change['change_name'].replace('_', ' ')}", f"{asked}: {worth}. {change['assumption']}"))
    return lines


def _hazards(hazards: dict[str, Any] | None) -> list[tuple[str, str]]:
    lines = []
    for name in ("flood", "wildfire", "heat", "seismic"):
        found = (hazards or {}).get(name) or {}
        known = [f"{key} {_short(value)}" for key, value in found.items() if key != "layer" and value is not None]
        layer = found.get("layer")
        source = f" (layer {layer['source_name']}{', synthetic' if layer['is_synthetic'] else ''})" if layer else ""
        lines.append((name, (", ".join(known) or "unknown") + source))
    return lines


def _features(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """How many features are fresh, stale and unknown: a value is never passed off as newer than it is."""
    counts = answer["counts"]
    return [("features", f"{counts['fresh']} fresh, {counts['stale']} older than their time to live, {counts['unknown']} unknown")]


def _origins(fields: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    for name in _SHOWN_FIELDS:
        answer = fields.get(name)
        if not answer or answer["value"] is None:
            continue
        source = answer["source"]
        where = (
            f"{source['file_name']} row {source['row_number']}"
            if source
            else f"{answer['made']} from {', '.join(answer['made_from'][:3])} …"
        )
        trust = f", trust {answer['trust_pct']} %" if answer["trust_pct"] is not None else ""
        lines.append((f"where {name} comes from", f"{_short(answer['value'])}: {where}{trust}"))
    return lines


def _addresses(machine: Layout, progress: Progress, example: tuple[Tenant, str] | None) -> None:
    def print_line(text: str) -> None:
        progress.console.print(text, soft_wrap=True, markup=False)

    progress.console.rule("[bold]look further", align="left", style="dim")
    users = ", ".join(f"{user} / {machine.secrets[f'{user}_password']}" for user in AIRFLOW_USERS)
    print_line(f"Airflow    {machine.url('airflow')}  (user / password: {users})")
    for tenant in tenants().values():
        password = docs_password(machine, tenant.slug)
        docs = f"{machine.url('api')}/data-docs/{tenant.slug}"
        print_line(f"Data Docs  {docs}/  (user / password: {tenant.slug} / {password})")
        for model in books.read(machine, tenant, "summary_models"):
            about = f"county {model['county_fips']}, {model['sale_count']:,} sales before {model['as_of_date']}"
            judged = "passed its ratio study" if model["is_passed"] else "refused by its ratio study"
            print_line(f"Model      {docs}/{model['page_key']}  ({about}; {judged})")
        print_line(f"Features   {docs}/{PAGE}  (definition, freshness, null share and drift of each)")
    tenant, property_id = example or (next(iter(tenants().values())), "")
    address = f"{machine.url('api')}/api/v1/properties" + (f"/{property_id}" if property_id else "")
    print_line(f"API        {machine.url('api')}/docs  (Authorize with what `make -s token TENANT={tenant.slug} ROLE=analyst` prints)")
    command = f'curl -H "Authorization: Bearer $(make -s token TENANT={tenant.slug})" {address}'
    print_line(f"           {command}")
    if property_id:
        print_line(f"           {command}/features")
    print_line("stop       make down")


def _usd(value: float, *, signed: bool = False) -> str:
    """Whole dollars."""
    sign = "-" if round(value) < 0 else "+" if signed else ""
    return f"{sign}${abs(value):,.0f}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _short(value: object) -> object:
    """A number as people write it: three significant digits below a thousand, whole above."""
    if not isinstance(value, float):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.3g}"
