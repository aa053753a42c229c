"""Every route of the API as the attacks need it, from the route map and the OpenAPI document: with own, foreign and absent identifiers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import books
import world
from flask import Flask
from issuer import HARBORVIEW, LAKESIDE

from api.edge import BASIC_ENDPOINTS, OPEN_ENDPOINTS
from api.resource import ROUTES, Role
from api.valuations import EXAMPLE
from tests.attack.ground import ONLY_LAKESIDE_BATCH, ONLY_LAKESIDE_ZIP, Ground

SOLD = {"latitude": 47.6, "longitude": -122.3, "county_fips": "53033"}
# The document's own house, in the county that has a model.
HOUSE: dict[str, Any] = {**EXAMPLE, **SOLD, "valuation_date": "2024-06-30"}
# Without these an operation has no answer.
NEEDED: dict[str, dict[str, Any]] = {"comparables.find": SOLD}
TOGETHER = {"near": {"radius_m": 2000}, "radius_m": {"near": "42.02,-93.62"}}
# What path parameters mean to the attacker: Lakeside's alone, or the same for everybody. A new one must be added here.
FOREIGN = {"property_id", "quarantine_id", "batch_id", "model_id", "market_area"}
SHARED = {"layer_id": "1", "table": "normalize.property", "field": "bedroom_count"}
# Routes without a bearer token, each with an address that it answers.
UNGUARDED = {
    "health.live": "/health/live", "health.ready": "/health/ready", "problems.explain": "/problems/not-found",
    "telemetry.exposition": "/metrics", "document.openapi": "/openapi.json", "document.page": "/docs",
    "document.asset": "/docs/assets/docs.js", "data_docs.index": "/data-docs/lakeside", "data_docs.page": "/data-docs/lakeside/",
    "data_docs.asset": "/data-docs/lakeside/_assets/jquery/jquery.min.js",
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    endpoint: str
    method: str
    template: str
    role: Role
    parameters: tuple[dict[str, Any], ...]
    has_body: bool

    @property
    def path_names(self) -> list[str]:
        """Its path parameters."""
        return [one["name"] for one in self.parameters if one["in"] == "path"]

    @property
    def queries(self) -> list[dict[str, Any]]:
        """Its query parameters as the document says them."""
        return [one for one in self.parameters if one["in"] == "query"]

    def path(self, values: dict[str, str]) -> str:
        """Its address with these path parameters."""
        return self.template.format(**values)

    def body(self) -> dict[str, Any] | None:
        """A body that it takes."""
        return dict(HOUSE) if self.has_body else None


@dataclass(frozen=True)
class Probe:
    """One way to ask an operation."""

    operation: Operation
    kind: str
    query: dict[str, Any]


@cache
def operations(app: Flask) -> tuple[Operation, ...]:
    """The operations of the document."""
    document: Any = app.test_client().get("/openapi.json").json
    return tuple(
        Operation(
            said["operationId"], method.upper(), template, said["x-role"], tuple(said.get("parameters", ())), "requestBody" in said
        )
        for template, methods in document["paths"].items()
        for method, said in methods.items()
    )  # fmt: skip


@cache
def lakeside_model(ground: Any) -> str:
    """The model that only Lakeside has."""
    ((model_id,),) = ground.rows("SELECT model_id FROM score.model WHERE tenant_id = %s AND county_fips = '53033'", LAKESIDE)
    return str(model_id)


def own(ground: Ground, tenant_id: uuid.UUID = LAKESIDE) -> dict[str, str]:
    """Path parameters under which this tenant finds something; for Lakeside, what nobody else finds."""
    is_lakeside = tenant_id == LAKESIDE
    return {
        **SHARED, "property_id": str(world.named(tenant_id, "0001")), "quarantine_id": str(world.named(tenant_id, "kept back")),
        "batch_id": ONLY_LAKESIDE_BATCH if is_lakeside else books.WAITING,
        "model_id": lakeside_model(_Hashed(ground)) if is_lakeside else world.MODEL,
        "market_area": ONLY_LAKESIDE_ZIP if is_lakeside else "98102",
    }  # fmt: skip


def absent(ground: Ground) -> dict[str, str]:
    """Path parameters of the same form under which nobody finds anything."""
    nothing = {"batch_id": "county_roll-ffffffffffff", "market_area": "60699", "model_id": own(ground)["model_id"][:-12] + "f" * 12}
    return {**SHARED, "property_id": str(uuid.UUID(int=5)), "quarantine_id": str(uuid.UUID(int=6)), **nothing}


class _Hashed:
    """The ground by identity, so that what is asked of it once is kept."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def __hash__(self) -> int:
        return id(self._ground)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and other._ground is self._ground

    def rows(self, *asked: Any) -> list[Any]:
        """As the ground's."""
        return self._ground.rows(*asked)


def values(parameter: dict[str, Any]) -> list[Any]:  # noqa: PLR0911 - one a kind
    """Values that the document allows for a query parameter; cursors have none of their own."""
    schema = parameter["schema"]
    if parameter["name"] == "cursor":
        return []
    found: list[Any] = [parameter["example"]] if "example" in parameter else []
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    found += [choice for choice in choices if choice not in found]
    kind, form = schema.get("type"), schema.get("format")
    if kind == "boolean":
        return ["true", "false"]
    if form == "date-time":
        return [at.isoformat().replace("+00:00", "Z") for at in (world.FIRST, world.SECOND, books.AT)]
    if found:
        return found
    if form == "date":
        return ["2025-06-01"]
    if kind in {"integer", "number"}:
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        return [schema.get("default", least + 1 if schema.get("maximum", least + 1) >= least + 1 else least)]
    return ["98102" if "[0-9]{5}" in str(schema.get("pattern")) else "AE" if parameter["name"] == "flood_zone" else "ames"]


def probes(app: Flask) -> Iterator[Probe]:
    """Each operation bare, with each of its parameters alone in each value, and with all examples together."""
    for operation in operations(app):
        needed = NEEDED.get(operation.endpoint, {})
        yield Probe(operation, "bare", needed)
        for parameter in operation.queries:
            name = parameter["name"]
            for value in values(parameter):
                kind = name if name in {"sort", "format", "include", "as_of", "fields", "has_total"} else "filter"
                beside = {"near": "42.02,-93.62", "radius_m": 9000} if "distance_m" in str(value) else TOGETHER.get(name, {})
                yield Probe(operation, kind, {**needed, **beside, name: value})
        together = {one["name"]: one["example"] for one in operation.queries if "example" in one}
        if together:
            yield Probe(operation, "filter", {**needed, **together})


def covered(app: Flask) -> set[str]:
    """The endpoints that the attacks reach."""
    return {one.endpoint for one in operations(app)} | set(UNGUARDED)


def every(app: Flask) -> set[str]:
    """The endpoints that there are."""
    return {rule.endpoint for rule in app.url_map.iter_rules()}


def guarded() -> set[str]:
    """The endpoints that take a bearer token."""
    return set(ROUTES)


def named_open() -> frozenset[str]:
    """The endpoints that take none."""
    return OPEN_ENDPOINTS | BASIC_ENDPOINTS


ATTACKER, ATTACKED = HARBORVIEW, LAKESIDE
