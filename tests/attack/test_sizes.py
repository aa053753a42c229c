"""More than there should be: every limit of size and number is a refusal that says so, and costs little."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.attack.ground import Ground
from tests.attack.report import Attack, Held, attacks, one, seen
from tests.attack.routes import NEEDED, operations, own
from tests.attack.test_payloads import harmless

pytestmark = pytest.mark.servers
SEARCH = "/api/v1/properties"


def ring(count: int) -> str:
    """A polygon of so many vertices around the properties."""
    points = [(-93.6 + 0.1 * math.cos(2 * math.pi * at / count), 42 + 0.1 * math.sin(2 * math.pi * at / count)) for at in range(count)]
    return ";".join(f"{longitude:.4f},{latitude:.4f}" for longitude, latitude in points)


SEARCHES: dict[str, tuple[str, dict[str, Any], int]] = {
    "limit-zero": ("a page of no rows", {"limit": 0}, 400),
    "limit-large": ("a page of 501 rows", {"limit": 501}, 400),
    "limit-huge": ("a page of a billion rows", {"limit": 10**9}, 400),
    "polygon-many": ("a polygon of 101 vertices", {"within": ring(101)}, 400),
    "polygon-two": ("a polygon of two vertices", {"within": "-93.7,42;-93.5,42"}, 400),
    "polygon-bow-tie": ("a polygon that crosses itself", {"within": "-93.7,42;-93.5,42.1;-93.5,42;-93.7,42.1"}, 400),
    "polygon-flat": ("a polygon without an area", {"within": "-93.7,42;-93.6,42;-93.5,42"}, 400),
    "polygon-point": ("a polygon that is a point", {"within": "1,1;1,1;1,1;1,1"}, 400),
    "polygon-digits": ("a polygon of endless digits", {"within": f"-93.{'7' * 40},42;-93.5,42;-93.5,42.1"}, 400),
    "polygon-beyond": ("a polygon beyond the poles", {"within": "-93.7,91;-93.5,91;-93.5,95"}, 400),
    "box-earth": ("the box of the whole earth, 18,000 rows of cells", {"bbox": "-180,-90,180,90", "limit": 1}, 200),
    "box-turned": ("a box turned inside out", {"bbox": "10,10,-10,-10"}, 400),
    "box-beyond": ("a box beyond the earth", {"bbox": "-181,-91,181,91"}, 400),
    "radius-large": ("a circle of more than 100 km", {"near": "42,-93", "radius_m": 100_001}, 400),
    "radius-zero": ("a circle of no radius", {"near": "42,-93", "radius_m": 0}, 400),
    "radius-pole": ("a circle that holds a pole", {"near": "89.99,0", "radius_m": 100_000}, 400),
    "radius-meridian": ("a circle across the 180th meridian", {"near": "0,179.99", "radius_m": 100_000}, 400),
    "radius-widest": ("the widest circle of all, close to a pole", {"near": "88,0", "radius_m": 100_000}, 200),
    "all-areas": (
        "a box, a circle and the largest polygon at once",
        {"bbox": "-180,-90,180,90", "near": "42,-93", "radius_m": 1e5, "within": ring(100)},
        200,
    ),
    "words-many": ("fifty words over addresses, each a scan", {"q": " ".join(["a"] * 50)}, 200),
    "words-long": ("a word of 101 letters", {"q": "a" * 101}, 400),
    "fields-repeated": ("a field asked for three hundred times", {"fields": ",".join(["apn"] * 300)}, 200),
    "fields-unknown": ("a field that is not shown", {"fields": "tenant_id,publication_id"}, 400),
    "fields-star": ("all fields by a star", {"fields": "*"}, 400),
    "fields-owner": ("the owner as a field, without include", {"fields": "owner_name"}, 400),
    "sort-unknown": ("a sort by a column that is not one", {"sort": "tenant_id"}, 400),
    "sort-two": ("a sort by two columns", {"sort": "year_built,owner_name"}, 400),
    "sort-owner": ("a sort by the owner, which would tell the order of names", {"sort": "owner_name"}, 400),
    "range-turned": ("a range whose least is above its greatest", {"year_built_min": 2000, "year_built_max": 1900}, 400),
    "year-large": ("a year of six digits", {"year_built_min": 100_000}, 400),
    "future": ("as of tomorrow", {"as_of": "2999-01-01T00:00:00Z"}, 400),
    "deep-past": ("as of the year one", {"as_of": "0001-01-01T00:00:00Z"}, 200),
    "query-long": ("a query of 4,097 bytes", {"q": "a" * 4097}, 414),
    "all-filters": ("every numeric filter at once", {}, 200),
}


@attacks(
    "P5",
    *(Attack(f"p5-size-{name}", f"a search for {said}", str(status), (query, status)) for name, (said, query, status) in SEARCHES.items()),
)
def test_a_search_has_limits(ground: Ground, attack: Attack, held: Held) -> None:
    query, status = attack.payload
    if attack.name == "p5-size-all-filters":
        query = widest(ground)
    found = {harmless(ground.ask(path, query=query), path) for path in (SEARCH,)}
    assert found == {status}
    held(seen(found))


def widest(ground: Ground) -> dict[str, Any]:
    """Every numeric filter of the search."""
    search = next(one for one in operations(ground.app) if one.endpoint == "properties.page")
    numbers = [one["name"] for one in search.queries if one["schema"].get("type") in {"number", "integer"}]
    found = {name: 0 if name.endswith("_min") else 1 for name in numbers if name.endswith(("_min", "_max"))}
    assert len(found) > 20
    return found


@attacks(
    "P5",
    Attack("p5-many-parameters", "five hundred parameters on every route", "400", "parameters"),
    Attack("p5-long-query", "a query of 5,000 bytes on every route", "414", "query"),
    Attack("p5-large-body", "a body of 70,000 bytes on every route, GET or POST", "413", "body"),
    Attack("p5-semicolons", "parameters with semicolons between them on every route", "400", "semicolons"),
    Attack("p5-deep-path", "five hundred segments behind every address", "404", "path"),
    Attack("p5-no-value", "parameters without values, and values without parameters, on every route", "400", "no-value"),
)
def test_every_route_has_limits(ground: Ground, attack: Attack, held: Held) -> None:
    statuses = set()
    for operation in operations(ground.app):
        path, how = operation.path(own(ground)), operation.method
        needed = "&".join(f"{name}={value}" for name, value in NEEDED.get(operation.endpoint, {}).items())
        if how == "POST" and attack.payload in {"parameters", "semicolons", "no-value"}:
            continue
        body: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
        if attack.payload == "body":
            body = {"data": b"x" * 70_000, "content_type": "application/json"}
        made = {
            "parameters": f"{path}?" + "&".join(f"x{number}=1" for number in range(500)),
            "query": f"{path}?x={'a' * 5000}",
            "semicolons": f"{path}?{needed}&x=1;limit=1;tenant_id=2",
            "path": path + "/x" * 500,
            "no-value": f"{path}?&&=&=1&x",
        }.get(attack.payload, path)
        statuses.add(harmless(ground.ask(made, ground.who(), how, **body), operation.endpoint))
    assert statuses <= {400, 404, 413, 414}
    held(seen(statuses))


@one(
    "P5",
    "p5-numbers-at-the-edge",
    "every number of every route at its least, its greatest, and one beyond either",
    "200 within, 400 beyond",
)
def test_numbers_are_taken_up_to_their_edge_and_no_further(ground: Ground, attack: Attack, held: Held) -> None:
    within, beyond = set(), set()
    for operation in operations(ground.app):
        for parameter in operation.queries:
            schema, name = parameter["schema"], parameter["name"]
            if "minimum" not in schema or "maximum" not in schema or name == "radius_m":
                continue
            least, greatest = schema["minimum"], schema["maximum"]
            for value in (least, greatest, least - 1, greatest + 1):
                text = str(int(value)) if schema["type"] == "integer" else repr(float(value))
                answer = ground.ask(operation.path(own(ground)), query={**NEEDED.get(operation.endpoint, {}), name: text})
                (within if least <= value <= greatest else beyond).add(harmless(answer, (operation.endpoint, name, text)))
    assert (within, beyond) == ({200}, {400})
    held("200 within, 400 beyond")
