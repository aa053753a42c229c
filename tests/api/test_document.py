"""The OpenAPI document: valid, complete, kept, and every example in it works as it stands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
import world
from flask import Flask
from flask.testing import FlaskClient
from issuer import LAKESIDE, bearer

from api import RESOURCES, create_app
from api.edge import BASIC_ENDPOINTS, OPEN_ENDPOINTS
from api.resource import ROUTES
from estate.contracts import CONTRACTS
from estate.settings import Settings


@pytest.fixture(scope="module")
def document(jwks_file: Any) -> dict[str, Any]:
    settings = Settings(
        database_url="postgresql://nowhere.invalid/x", api_database_url="postgresql://nowhere.invalid/x", jwt_issuer="https://issuer.test",
        jwks_url=jwks_file.as_uri(), cursor_secret="x" * 32,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(create_app(settings, {}).test_client().get("/openapi.json").data)
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": document["components"]}


def test_every_resource_is_in_the_document_and_says_what_it_is(document: dict[str, Any], make_app: Callable[..., Flask]) -> None:
    app = make_app()
    with app.test_request_context():
        served = {rule.endpoint for rule in app.url_map.iter_rules()} - OPEN_ENDPOINTS - BASIC_ENDPOINTS
    assert served == set(ROUTES)
    assert {operation["operationId"] for _, _, operation in operations(document)} == served
    assert len({resource.name for resource in RESOURCES}) == len(RESOURCES)
    for method, path, operation in operations(document):
        said = f"{method} {path}"
        assert operation["summary"], said
        assert operation["security"] == [{"bearer": []}], said
        assert operation["x-role"] in {"viewer", "analyst", "admin"}, said
        assert {"200", "400", "401", "403", "404", "429", "503"} <= set(operation["responses"]), said
        assert operation["responses"]["200"]["headers"].keys() >= {"X-Request-ID", "X-RateLimit-Remaining"}, said
        if method == "POST":
            assert "writes nothing" in json.dumps(operation).lower(), said
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), f"{said}: {parameter['name']}"


def test_the_document_is_openapi_3_1_and_its_models_are_sound(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "$defs" not in schema, name
    named = set(document["components"]["schemas"])
    for reference in json.dumps(document).split('"#/components/schemas/')[1:]:
        assert reference.split('"')[0] in named


def test_what_a_field_means_comes_from_its_contract(document: dict[str, Any]) -> None:
    traced = 0
    for schema in document["components"]["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            if column := field.get("x-column"):
                table, _, column_name = column.rpartition(".")
                assert column_name == name
                assert table in CONTRACTS
                traced += 1
    assert traced > 200


SAMPLES = {
    "field": "bedroom_count", "batch_id": "roll-1", "layer_id": "1", "table": "normalize.property", "model_id": world.MODEL,
    "market_area": "50010",
}  # fmt: skip


@pytest.fixture
def ask(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    samples = {
        **SAMPLES,
        "property_id": str(properties_of[LAKESIDE][0]),
        "quarantine_id": str(world.named(LAKESIDE, "kept back")),
    }
    headers = bearer(make_token(LAKESIDE, roles=["admin"]))

    def send(method: str, path: str, operation: dict[str, Any]) -> Any:
        query = {p["name"]: p["example"] for p in operation.get("parameters", ()) if p["in"] == "query" and "example" in p}
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        return client.open(path.format(**samples), method=method, headers=headers, query_string=query, json=body, buffered=True)

    return send


def test_every_example_works_and_every_answer_is_as_its_model_says(document: dict[str, Any], ask: Callable[..., Any]) -> None:
    asked = 0
    for method, path, operation in operations(document):
        answer = ask(method, path, operation)
        said = f"{method} {path}: {answer.status_code} {answer.data[:400]!r}"
        assert answer.status_code == 200, said
        content = operation["responses"]["200"]["content"]
        assert answer.mimetype in content, said
        if answer.mimetype == "application/json":
            jsonschema.Draft202012Validator(resolved(document, content["application/json"]["schema"])).validate(answer.json)
        asked += 1
    assert asked == len(ROUTES)


def test_the_pages_load_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "http" not in page.text.replace("http-equiv", "")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "swagger.svg", "docs.js"):
        assert f"docs/assets/{name}" in page.text or name == "swagger.svg"
        assert client.get(f"/docs/assets/{name}").status_code == 200
    for hostile in ("..%2f..%2fapi%2fauth.py", "docs.js%00", "nothing.js"):
        assert client.get(f"/docs/assets/{hostile}").status_code in {401, 404}
