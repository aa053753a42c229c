"""Models: what was trained, what refused it, who promoted it, its ratio study and its drift."""

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

from api.models import ModelAnswer, ModelsAnswer, RatioStudyAnswer
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/models"


@pytest.fixture(scope="module", autouse=True)
def written(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """The books of both tenants."""
    for tenant_id in properties_of:
        books.write_books(database.pipeline_url, tenant_id)


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant, in a role."""
    return lambda path="", tenant=LAKESIDE, role="viewer", **query: client.get(
        f"{PATH}{path}", headers=bearer(make_token(tenant, roles=[role])), query_string=query
    )


def ids(answer: Any) -> list[str]:
    assert ModelsAnswer.model_validate_json(answer.data)
    return [model["model_id"] for model in answer.json["models"]]


def test_models_come_the_newest_first_those_refused_included(get: Callable[..., Any]) -> None:
    answer = get()
    assert ids(answer) == [books.REFUSED_MODEL, world.MODEL]
    refused, serving = answer.json["models"]
    assert (refused["is_passed"], refused["refusal"], refused["is_serving"], refused["promoted_at"]) == (
        False, "cod 31.5 is above 20", False, None,
    )  # fmt: skip
    assert (serving["is_passed"], serving["refusal"], serving["is_serving"], serving["promoted_at"]) == (
        True, None, True, "2026-04-01T02:00:00Z",
    )  # fmt: skip
    assert refused["metrics"] == {"cod": 31.5}
    assert refused["links"]["data_docs"] == f"http://127.0.0.1:18000/data-docs/lakeside/models/{books.REFUSED_MODEL}.html"


def test_a_model_names_the_feature_service_that_it_was_trained_from(get: Callable[..., Any]) -> None:
    assert [model["feature_service"] for model in get().json["models"]] == [None, world.TRAINED_FROM]
    assert get(f"/{world.MODEL}").json["model"]["feature_service"] == world.TRAINED_FROM


def test_models_are_found_by_county_and_by_whether_they_serve(get: Callable[..., Any]) -> None:
    assert ids(get(is_serving="true")) == [world.MODEL]
    assert ids(get(is_serving="false")) == [books.REFUSED_MODEL]
    assert ids(get(county_fips="19169", is_serving="true")) == [world.MODEL]
    assert ids(get(county_fips="53033")) == []


def test_pages_of_models_follow_one_another(get: Callable[..., Any]) -> None:
    first = get(limit=1)
    second = get(limit=1, cursor=first.json["next_cursor"])
    assert (ids(first), ids(second), second.json["next_cursor"]) == ([books.REFUSED_MODEL], [world.MODEL], None)


def test_a_refused_model_says_which_expectation_refused_it_and_why(get: Callable[..., Any]) -> None:
    answer = get(f"/{books.REFUSED_MODEL}")
    assert ModelAnswer.model_validate_json(answer.data)
    body = answer.json
    assert body["verdict"]["is_passed"] is False
    assert [(failure["field_name"], failure["outcome"]) for failure in body["verdict"]["failures"]] == [("cod", "refused")]
    assert body["promotions"] == []
    assert [(snapshot["snapshot_id"], snapshot["batch"]) for snapshot in body["snapshots"]] == [
        (1, "/api/v1/batches/roll-1"), (2, f"/api/v1/batches/{books.REFUSED}"),
    ]  # fmt: skip


def test_a_promoted_model_says_who_let_it_serve_and_how_it_fares_since(get: Callable[..., Any]) -> None:
    answer = get(f"/{world.MODEL}")
    assert ModelAnswer.model_validate_json(answer.data)
    told = [(decision["promoted_by"], decision["is_rollback"], decision["reason"]) for decision in answer.json["promotions"]]
    assert told == [("ada", True, "because of 2"), ("training", False, "because of 1")]
    # Of each month what the last run of the watch found.
    assert [(drift["month"], drift["run_id"], drift["median_ratio"]) for drift in answer.json["drift"]] == [
        ("2026-03", "model_drift/scheduled__2", 0.95), ("all", "model_drift/scheduled__2", 0.95),
    ]  # fmt: skip


def test_a_rollback_sets_the_newer_model_aside(get: Callable[..., Any], database: Database) -> None:
    newer = "19169-2026-03-01-eeeeeeeeeeee"
    with books.psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(HARBORVIEW),))
        connection.execute(
            "INSERT INTO score.model SELECT (jsonb_populate_record(model, %s)).* FROM score.model WHERE model_id = %s",
            (json.dumps({"model_id": newer, "as_of_date": "2026-03-01"}), world.MODEL),
        )
        for number, (model_id, is_rollback) in enumerate(((newer, False), (world.MODEL, True))):
            assert ids(get(is_serving="true", tenant=HARBORVIEW)) == [world.MODEL if number == 0 else newer]
            connection.execute(
                "INSERT INTO score.promotion SELECT (jsonb_populate_record(promotion, %s)).* FROM score.promotion LIMIT 1",
                (
                    json.dumps(
                        {
                            "promotion_id": str(uuid.uuid4()),
                            "model_id": model_id,
                            "is_rollback": is_rollback,
                            "promoted_at": f"2026-05-0{number + 1}T00:00:00Z",
                        }
                    ),
                ),
            )
            connection.commit()
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(HARBORVIEW),))
        assert ids(get(is_serving="true", tenant=HARBORVIEW)) == [world.MODEL]


def test_a_ratio_study_comes_stratum_by_stratum_the_whole_first(get: Callable[..., Any]) -> None:
    answer = get(f"/{world.MODEL}/ratio-study")
    assert RatioStudyAnswer.model_validate_json(answer.data)
    assert answer.json["is_passed"] is True
    assert [(stratum["stratum_kind"], stratum["cod"]) for stratum in answer.json["strata"]] == [("all", 12.25), ("price_tenth", 21.5)]
    assert b'"rmse_usd":31000.50' in answer.data
    assert get(f"/{books.REFUSED_MODEL}/ratio-study").json["strata"] == []


HOSTILE = ["absent", "'", "..", "%2e%2e", "%00", f"{world.MODEL}%00", "%ff", "*", "x" * 101, "<script>", "{{7*7}}"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("below", ["", "/ratio-study"])
def test_whatever_is_no_model_of_the_tenant_is_one_and_the_same_404(
    client: FlaskClient, make_token: Callable[..., str], name: str, below: str
) -> None:
    answer = client.get(f"{PATH}/{name}{below}", headers=bearer(make_token()))
    assert (answer.status_code, json.loads(answer.data)["detail"]) == (404, "There is no such resource.")


def test_a_model_of_another_tenant_is_absent(get: Callable[..., Any]) -> None:
    for below in ("", "/ratio-study"):
        foreign, absent = get(f"/{world.MODEL}{below}", tenant=NEWCOMER), get(f"/19169-2026-01-01-000000000000{below}", tenant=NEWCOMER)
        assert foreign.status_code == absent.status_code == 404
        assert {**foreign.json, "instance": "", "request_id": ""} == {**absent.json, "instance": "", "request_id": ""}


def test_what_depends_on_the_day_is_not_answered_from_memory_and_a_study_may_be(
    client: FlaskClient, make_token: Callable[..., str]
) -> None:
    client.application.extensions["real-estate-os"].versions.await_change(LAKESIDE, None, 10)
    tagged = {
        below: "ETag" in client.get(f"{PATH}{below}", headers=bearer(make_token())).headers
        for below in ("", f"/{world.MODEL}", f"/{world.MODEL}/ratio-study")
    }
    assert list(tagged.values()) == [False, False, True]
