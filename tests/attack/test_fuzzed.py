"""Requests made from the OpenAPI document by Schemathesis: whatever the document allows, and what it does not, is answered as it says."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from issuer import HARBORVIEW, LAKESIDE
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.attack.ground import ROLES, Ground
from tests.attack.report import Attack, Held, attacks
from tests.attack.routes import operations

pytestmark = pytest.mark.servers
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
EXAMPLES = 15


@attacks(
    "P5",
    Attack(
        "p5-fuzz-allowed",
        "requests that the document allows, made by Schemathesis for every operation, by both tenants in every role",
        "what the document says: status, type, headers, schema",
        GenerationMode.POSITIVE,
    ),
    Attack(
        "p5-fuzz-not-allowed",
        "requests that the document does not allow, likewise",
        "what the document says, never 5xx",
        GenerationMode.NEGATIVE,
    ),
)
def test_what_is_made_from_the_document_is_answered_as_it_says(ground: Ground, attack: Attack, held: Held) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", ground.app)
    callers = [(tenant_id, role) for tenant_id in (LAKESIDE, HARBORVIEW) for role in ROLES]
    failed, reached = [], 0
    for found in schema.get_all_operations():
        operation = found.ok()
        reached += 1

        @seed(7)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=attack.payload), who=strategies.sampled_from(callers))
        def ask(case: Any, who: tuple[uuid.UUID, str]) -> None:
            tenant_id, role = who
            # What is compressed would be compared as it is.
            headers = {**ground.who(tenant_id, role), "Accept-Encoding": "identity"}
            answer = case.call(headers=headers)
            assert ground.foreign_to(tenant_id, answer.text.replace(answer.request.url, "")) == set()
            case.validate_response(answer, checks=CHECKS, headers=headers)

        try:
            ask()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            failed.append(f"{operation.label}: {error}")
    assert failed == [], "\n\n".join(failed)
    assert reached == len(operations(ground.app))
    held("as the document says")
