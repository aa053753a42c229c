"""Hazard layers: what hazards are read from, the same for everybody."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import books
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NEWCOMER, bearer

from api.hazard_layers import HazardLayerAnswer, HazardLayersAnswer
from estate.ingest.declaration import sources
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/hazard-layers"


@pytest.fixture(scope="module", autouse=True)
def written(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """Three versions of two hazards."""
    books.write_layers(database.pipeline_url)


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant, in a role."""
    return lambda path="", tenant=LAKESIDE, role="viewer", **query: client.get(
        f"{PATH}{path}", headers=bearer(make_token(tenant, roles=[role])), query_string=query
    )


def ids(answer: Any) -> list[int]:
    assert HazardLayersAnswer.model_validate_json(answer.data)
    return [layer["layer_id"] for layer in answer.json["hazard_layers"]]


def test_the_layers_that_new_batches_are_read_against_come_and_retired_ones_on_demand(get: Callable[..., Any]) -> None:
    assert ids(get()) == [books.HEAT_LAYER, world.FLOOD_LAYER]
    assert ids(get(include="retired")) == [books.HEAT_LAYER, books.RETIRED_LAYER, world.FLOOD_LAYER]
    assert ids(get(hazard="flood")) == [world.FLOOD_LAYER]
    assert ids(get(hazard="flood", include="retired")) == [books.RETIRED_LAYER, world.FLOOD_LAYER]
    assert ids(get(hazard="seismic")) == []


def test_a_layer_says_what_it_is_and_which_ground_it_covers(get: Callable[..., Any]) -> None:
    answer = get(f"/{world.FLOOD_LAYER}")
    assert HazardLayerAnswer.model_validate_json(answer.data)
    assert answer.json["hazard_layer"] == {
        "layer_id": 1, "hazard": "flood", "source_name": "demo_flood", "version": "v1", "vintage_date": "2026-01-01",
        "authority": "the project itself", "is_synthetic": True, "is_current": True, "file_name": "flood.geojson",
        "snapshot_sha256": "f" * 64, "feature_count": 9, "loaded_at": "2026-01-10T00:00:00Z",
        "title": None, "licence": None, "bbox": [-94.0, 42.0, -93.0, 43.0],
        "coverage": {"type": "Polygon", "coordinates": [[[-94, 42], [-93, 42], [-93, 43], [-94, 43], [-94, 42]]]},
        "links": {"self": "/api/v1/hazard-layers/1"},
    }  # fmt: skip


def test_a_layer_of_a_declared_source_has_its_title_and_its_licence(get: Callable[..., Any]) -> None:
    layer, declared = get(f"/{books.HEAT_LAYER}").json["hazard_layer"], sources()[books.HEAT_SOURCE]
    assert (layer["title"], layer["licence"]) == (declared.title, declared.licence)
    assert layer["bbox"] == [-100, 30, -90, 40.5]


def test_layers_are_the_same_for_all_tenants(get: Callable[..., Any]) -> None:
    assert get(tenant=LAKESIDE).data == get(tenant=HARBORVIEW).data == get(tenant=NEWCOMER).data


def test_pages_of_layers_follow_one_another(get: Callable[..., Any]) -> None:
    first = get(limit=1, include="retired")
    assert ids(first) == [books.HEAT_LAYER]
    second = get(limit=1, include="retired", cursor=first.json["next_cursor"])
    assert ids(second) == [books.RETIRED_LAYER]
    third = get(limit=1, include="retired", cursor=second.json["next_cursor"])
    assert (ids(third), third.json["next_cursor"]) == ([world.FLOOD_LAYER], None)
    assert get(limit=1, cursor=first.json["next_cursor"]).status_code == 400, "the cursor is of another query"


@pytest.mark.parametrize("name", ["99", "0", "2147483647", "2147483648", "9" * 40, "-1", "1.0", "one", "1%00", "01", "%D9%A1"])
def test_what_is_no_layer_is_a_404(client: FlaskClient, make_token: Callable[..., str], name: str) -> None:
    answer = client.get(f"{PATH}/{name}", headers=bearer(make_token()))
    assert (answer.status_code, json.loads(answer.data)["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize("query", [{"hazard": "fire"}, {"include": "all"}, {"hazard": ""}, {"as_of": "2026-01-01T00:00:00Z"}])
def test_what_cannot_be_asked_is_refused_by_name(get: Callable[..., Any], query: dict[str, str]) -> None:
    answer = get(**query)
    assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, next(iter(query)))
