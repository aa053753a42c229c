"""The hazards of one property: what is known, what is not, and the layer that says so."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import LAKESIDE, bearer

from api.hazards import HAZARD_FIELDS, HazardsAnswer
from tests.servers import Database

pytestmark = pytest.mark.servers


@pytest.fixture
def hazards(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The hazards of a property of Lakeside, the first without another."""

    def get(property_id: uuid.UUID | None = None, **query: Any) -> Any:
        path = f"/api/v1/properties/{property_id or properties_of[LAKESIDE][0]}/hazards"
        answer = client.get(path, headers=bearer(make_token()), query_string=query)
        assert answer.status_code != 200 or HazardsAnswer.model_validate_json(answer.data)
        return answer

    return get


def test_a_known_hazard_names_its_layer_and_an_unknown_one_says_nothing(hazards: Callable[..., Any]) -> None:
    said = hazards().json["hazards"]
    assert (said["flood"]["flood_zone"], said["flood"]["is_in_sfha"], said["flood"]["flood_probability_30y"]) == ("AE", True, 0.26)
    assert (said["flood"]["layer"]["layer_id"], said["flood"]["layer"]["feature_row"]) == (world.FLOOD_LAYER, 5)
    for hazard in ("wildfire", "heat", "seismic"):
        assert set(said[hazard].values()) == {None}, hazard
    assert said["unknown_hazards"] == ["wildfire", "heat", "seismic"]


def test_what_is_unknown_is_an_interval(hazards: Callable[..., Any]) -> None:
    body = hazards().json
    assert (body["hazards"]["composite_low"], body["hazards"]["composite_high"]) == (0.2, 0.9)
    assert (body["risk"]["risk_score_low"], body["risk"]["risk_score_high"], body["risk"]["risk_class"]) == (20, 90, "undetermined")


def test_it_is_what_the_property_whole_says(
    hazards: Callable[..., Any], client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    body = hazards().json
    whole = client.get(body["links"]["property"], headers=bearer(make_token())).json
    assert whole is not None
    assert (body["hazards"], body["risk"]) == (whole["hazards"], whole["risk"])


def test_a_property_that_no_stage_has_looked_at_has_neither(hazards: Callable[..., Any], database: Database) -> None:
    property_id = world.named(LAKESIDE, "unseen")
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        world.put(
            connection, "normalize.property", tenant_id=LAKESIDE, property_id=property_id, snapshot_ids=[1], row_numbers=[3],
            derivation_id=1, property_key="19169/unseen", publication_id=1, published_at=world.FIRST,
        )  # fmt: skip
    body = hazards(property_id).json
    assert (body["hazards"], body["risk"]) == (None, None)


def test_every_hazard_is_shown(hazards: Callable[..., Any]) -> None:
    assert set(HAZARD_FIELDS) <= set(hazards().json["hazards"])


@pytest.mark.parametrize(("as_of", "status"), [("2026-01-09T00:00:00Z", 404), ("2026-01-10T00:00:00Z", 200)])
def test_the_past_is_read_as_it_was(hazards: Callable[..., Any], as_of: str, status: int) -> None:
    assert hazards(as_of=as_of).status_code == status
