"""Provenance: every answer is the source file's own row."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import LAKESIDE, bearer
from psycopg.types.json import Jsonb

from api.evidence import TABLES
from api.personal import PERSONAL, personal_columns
from api.provenance import FIELDS
from api.provenance_parts import FieldProvenanceAnswer, ProvenanceAnswer
from estate.ingest.declaration import source
from estate.provenance.trust import MADE, SYNTHETIC_CAP, TRACED_FIELDS
from tests.servers import Database

pytestmark = pytest.mark.servers


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The provenance of the numbered property (the first is 1) of Lakeside, or of one of its fields."""

    def get(number: int, field: str = "", *, role: str = "analyst", request_id: str = "ours", **query: str) -> Any:
        path = f"/api/v1/properties/{properties_of[LAKESIDE][number - 1]}/provenance{'/' if field else ''}{field}"
        headers = {**bearer(make_token(roles=[role])), "X-Request-ID": request_id}
        answer = client.get(path, headers=headers, query_string=query)
        if answer.status_code == 200:
            (FieldProvenanceAnswer if field else ProvenanceAnswer).model_validate_json(answer.data)
        return answer

    return get


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("field", "column"),
    [("bedroom_count", "Beds"), ("year_built", "YrBuilt"), ("situs_raw", "Address"), ("latitude", "Lat"), ("apn_raw", "PIN")],
)
def test_the_raw_value_is_the_cell_of_the_landed_file(ask: Callable[..., Any], number: int, field: str, column: str) -> None:
    source = ask(number, field).json["source"]
    assert source["raw_values"] == {column: world.RAW_ROWS[number - 1][world.HEADER.index(column)]}
    assert (source["file_name"], source["snapshot_sha256"], source["row_number"]) == ("roll.csv", world.SHA256, number)


def test_a_field_answers_with_everything_that_speaks_for_it(ask: Callable[..., Any]) -> None:
    body = ask(2, "year_built").json
    assert (body["value"], body["unit"], body["made"], body["source"]["rules"], body["source"]["agreement"]) == (
        1961, "year", "copied", ["number"], "sole",
    )  # fmt: skip
    publication = body["publication"]
    assert publication["publication_id"] == str(world.publication("normalize.property", world.FIRST))
    assert (publication["batch_id"], publication["run_id"], publication["code_version"]) == ("roll-1", "normalize/manual__1", "0.1.0")
    verdict = publication["verdict"]
    assert (verdict["is_passed"], verdict["expectation_count"], verdict["failures"]) == (True, 12, [asdict(world.WARNED)])
    assert verdict["data_docs"] == "http://127.0.0.1:18000/data-docs/lakeside/validations/normalize/property/run.html"
    assert isinstance(body["trust_pct"], int)
    assert [(c["losing_value"], c["source_name"], c["rule"], c["source"]["row_number"]) for c in body["conflicts"]] == [
        ("1999", "listing", "authority", 2)
    ]


def test_an_older_version_has_its_own_provenance(ask: Callable[..., Any]) -> None:
    now, then = ask(1, "bedroom_count").json, ask(1, "bedroom_count", as_of="2026-02-01T00:00:00Z").json
    assert (now["value"], then["value"]) == (2, 9)
    assert now["publication"]["publication_id"] != then["publication"]["publication_id"]


def test_a_computed_field_leads_to_the_records_behind_it(ask: Callable[..., Any]) -> None:
    body = ask(1, "cell").json
    assert body["source"] is None
    assert {name: source["raw_values"] for name, source in body["inputs"].items()} == {
        "latitude": {"Lat": "42.01"}, "longitude": {"Lon": "-93.61"},
    }  # fmt: skip


def test_a_hazard_names_the_layer_and_the_feature_that_decided(ask: Callable[..., Any]) -> None:
    body = ask(1, "flood_zone").json
    layer = body["layers"]["flood"]
    assert (layer["version"], layer["snapshot_sha256"], layer["feature_row"], layer["is_synthetic"]) == ("v1", "f" * 64, 5, True)
    assert body["inputs"]["latitude"]["row_number"] == 1
    assert ask(1, "wildfire_score").json["layers"] == {"wildfire": None}


def test_a_value_names_every_comparable_sale_with_its_file_and_row(ask: Callable[..., Any]) -> None:
    body = ask(1, "estimated_value_usd").json
    (comparable,) = body["comparables"]
    assert (body["method"], comparable["sale_id"]) == ("ensemble-1", str(world.named(LAKESIDE, "sale 2")))
    assert (comparable["source"]["snapshot_sha256"], comparable["source"]["row_number"]) == (world.SHA256, 2)
    assert body["inputs"]["year_built"]["raw_values"] == {"YrBuilt": "1950"}


def test_a_value_names_the_model_that_gave_it_and_what_that_was_trained_on(ask: Callable[..., Any]) -> None:
    for field in ("estimated_value_usd", "value_low_95_usd", "confidence_band", "model_id"):
        trained = ask(1, field).json["model"]
        assert (trained["model_id"], trained["as_of_date"], trained["sale_count"]) == (world.MODEL, "2026-01-01", 2930)
        assert (trained["snapshot_ids"], trained["code_version"], trained["artefact_sha256"]) == ([1], "0.1.0", "c" * 64)
        assert trained["data_docs"] == f"http://127.0.0.1:18000/data-docs/lakeside/models/{world.MODEL}.html"
    assert ask(2, "estimated_value_usd").json["model"] is None


def test_a_risk_names_the_hazards_it_weighs(ask: Callable[..., Any]) -> None:
    body = ask(1, "risk_score_high").json
    assert body["inputs"]["flood_score"] == {"value": 0.4}
    assert body["inputs"]["heat_score"] == {"value": None}
    assert body["layers"]["flood"]["layer_id"] == 1


def test_what_a_synthetic_layer_says_and_all_that_is_made_of_it_is_trusted_as_little(ask: Callable[..., Any]) -> None:
    fields = ask(1).json["fields"]
    spoken = ("flood_zone", "flood_score", "flood_feature_row", "composite_high", "uses_synthetic_layer", "risk_score_low", "risk_class")
    assert all(0 < fields[field]["trust_pct"] <= 100 * SYNTHETIC_CAP for field in spoken)
    assert fields["flood_score"]["trust_pct"] < fields["flood_zone"]["trust_pct"]
    assert fields["wildfire_score"]["trust_pct"] is None, "no layer speaks, there is nothing to trust"


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Trust every field of the property at 95 %, and declare the sources that the world names as copies of the named ones."""

    def believe(**declared: str) -> None:
        monkeypatch.setattr("api.evidence.field_trust", lambda _: dict.fromkeys(TRACED_FIELDS, 95))
        monkeypatch.setattr("api.evidence.sources", lambda: {name: source(model) for name, model in declared.items()})

    return believe


def test_a_synthetic_layer_caps_what_is_read_at_a_place_that_is_well_known(ask: Callable[..., Any], believed: Callable[..., None]) -> None:
    believed(demo_flood="nfhl_service")
    cap = round(100 * SYNTHETIC_CAP)
    assert ask(1, "flood_zone").json["trust_pct"] == cap
    for field in ("flood_score", "composite_low", "risk_score_low", "risk_class"):
        assert ask(1, field).json["trust_pct"] == round(cap * MADE["modelled"])


def test_a_reading_of_a_layer_is_trusted_no_more_than_the_place(ask: Callable[..., Any]) -> None:
    place = min(world.trust_pct(field) for field in ("latitude", "longitude"))
    assert place < 100 * SYNTHETIC_CAP
    assert ask(1, "flood_zone").json["trust_pct"] == place


def test_a_value_is_trusted_no_more_than_the_sales_that_it_rests_on(ask: Callable[..., Any], believed: Callable[..., None]) -> None:
    believed(roll="harborview_portfolio")  # a source made for demonstration
    assert ask(1, "estimated_value_usd").json["trust_pct"] == round(100 * SYNTHETIC_CAP * MADE["modelled"])
    believed(roll="lebanon_nh_roll")
    assert ask(1, "estimated_value_usd").json["trust_pct"] == round(95 * MADE["modelled"])


def test_a_value_is_trusted_as_the_weakest_field_that_it_is_made_of(ask: Callable[..., Any]) -> None:
    used = ("year_built", "has_waterfront", "bedroom_count", "latitude", "county_fips", "situs_zip")
    weakest = round(min(map(world.trust_pct, used)) * MADE["modelled"])
    assert weakest > 0
    for field in ("estimated_value_usd", "value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd", "confidence_band"):
        assert ask(1, field).json["trust_pct"] == weakest
    assert ask(3, "estimated_value_usd").json["trust_pct"] is None
    assert ask(1, "method").json["trust_pct"] is None
    assert ask(1, "model_id").json["trust_pct"] is None


def test_the_trust_of_a_property_is_made_of_its_traced_fields(ask: Callable[..., Any]) -> None:
    assert set(ask(1, "property_trust").json["inputs"]) == set(TRACED_FIELDS)


def test_the_whole_answers_for_every_promised_field_as_each_field_does(ask: Callable[..., Any]) -> None:
    fields = ask(1).json["fields"]
    assert set(fields) == set(FIELDS)
    for field in ("bedroom_count", "flood_zone", "estimated_value_usd", "risk_class", "property_trust"):
        alone = ask(1, field).json
        assert {name: alone[name] for name in fields[field]} == fields[field]


def test_the_record_says_how_a_field_was_made_and_a_geometry_has_no_raw_cell(ask: Callable[..., Any]) -> None:
    body = ask(1, "parcel_geom").json
    assert (body["made"], body["source"]["columns"], body["source"]["raw_values"]) == ("inferred", ["geometry"], {})


def test_a_sale_leads_to_its_row(ask: Callable[..., Any]) -> None:
    (sale,) = ask(2).json["sales"]
    assert (sale["source"]["row_number"], sale["publication"]["verdict"]["is_passed"]) == (2, True)


def test_no_two_tables_promise_a_value_of_one_name() -> None:
    names = [column.name for promise in TABLES for column in promise.columns if column.role == "value"]
    assert len(names) == len(set(names)) == len(FIELDS)


@pytest.mark.parametrize(
    "field", ["tenant_id", "snapshot_ids", "no_such_field", "YEAR_BUILT", "year_built'--", "__class__", "%00", "year_built/x"]
)
def test_a_field_that_is_not_promised_is_not_found(ask: Callable[..., Any], field: str) -> None:
    assert ask(1, field).status_code == 404


# Who may read it


@pytest.fixture
def written(database: Database) -> Callable[[str], list[tuple[str, str]]]:
    """What the audit has of a request."""

    def read(request_id: str) -> list[tuple[str, str]]:
        with psycopg.connect(database.superuser_url) as connection:
            return connection.execute("SELECT action, what FROM platform.audit WHERE request_id = %s", (request_id,)).fetchall()

    return read


@pytest.mark.parametrize("field", ["", "bedroom_count", "owner_name"])
def test_a_viewer_is_refused(ask: Callable[..., Any], field: str) -> None:
    answer = ask(1, field, role="viewer")
    assert (answer.status_code, answer.json["type"]) == (403, "/problems/forbidden")
    assert "owner of" not in answer.text


@pytest.mark.parametrize("role", ["analyst", "admin"])
def test_an_answer_that_names_the_owner_is_written_down_and_kept_by_nobody(
    ask: Callable[..., Any], written: Callable[[str], list[tuple[str, str]]], role: str
) -> None:
    owners = {name: f"{name} in provenance" for name in personal_columns("normalize.property")}
    for field, what in ({"": "owner and mailing address in provenance"} | owners).items():
        request_id = f"whose-{role}-{field}"
        answer = ask(1, field, role=role, request_id=request_id)
        assert answer.status_code == 200
        assert "ETag" not in answer.headers
        assert written(request_id) == [("personal_read", what)]
    assert ask(1, "owner_name", role=role).json["value"] == f"owner of {LAKESIDE}"


def test_any_other_field_names_nobody_and_is_not_written_down(
    ask: Callable[..., Any], written: Callable[[str], list[tuple[str, str]]]
) -> None:
    for field in (name for name, promise in FIELDS.items() if (promise.name, name) not in PERSONAL):
        answer = ask(1, field, request_id="other")
        assert answer.status_code == 200, field
        assert "owner of" not in answer.text, field
    assert written("other") == []


def test_a_field_is_named_alike_by_no_two_tables() -> None:
    named = [column.name for promise in TABLES for column in promise.columns if column.role == "value"]
    assert sorted(named) == sorted(FIELDS)


def test_a_cell_that_names_the_owner_is_shown_for_the_owner_alone(ask: Callable[..., Any], database: Database) -> None:
    """A file may say a thing and its owner in one column."""
    alike = {"record": 0, "rules": [], "made": "parsed", "agreement": "sole"}
    steps = {"owner_name": {**alike, "columns": ["Address"]}, "situs_raw": {**alike, "columns": ["Address", "PIN"]}}
    change = "UPDATE provenance.derivation SET fields = fields || %s WHERE tenant_id = %s"
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        before = connection.execute("SELECT fields FROM provenance.derivation WHERE tenant_id = %s", (LAKESIDE,)).fetchone()
        assert before is not None
        connection.execute(change, (Jsonb(steps), LAKESIDE))
        try:
            owner, situs = ask(1, "owner_name").json["source"], ask(1, "situs_raw").json["source"]
        finally:
            connection.execute("UPDATE provenance.derivation SET fields = %s WHERE tenant_id = %s", (Jsonb(before[0]), LAKESIDE))
    assert owner["raw_values"] == {"Address": "1 Main St"}
    assert (situs["columns"], situs["raw_values"]) == (["Address", "PIN"], {"PIN": "0001"})
