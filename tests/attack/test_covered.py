"""The suite reaches every route there is: a route, a method or a path parameter that is new fails here until the attacks know it."""

from __future__ import annotations

import pytest

from api.resource import ROUTES
from tests.attack.ground import Ground
from tests.attack.routes import FOREIGN, SHARED, UNGUARDED, covered, every, guarded, named_open, operations

pytestmark = pytest.mark.servers


def test_the_attacks_reach_every_endpoint_of_the_route_map(ground: Ground) -> None:
    assert covered(ground.app) == every(ground.app)
    assert {one.endpoint for one in operations(ground.app)} == guarded()
    assert set(UNGUARDED) == named_open()


def test_the_attacks_know_what_every_path_parameter_means(ground: Ground) -> None:
    assert {name for one in operations(ground.app) for name in one.path_names} == FOREIGN | set(SHARED)


def test_the_attacks_know_every_method(ground: Ground) -> None:
    routed = {
        (rule.endpoint, method)
        for rule in ground.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.endpoint in ROUTES
    }
    assert routed == {(one.endpoint, one.method) for one in operations(ground.app)}


def test_the_document_says_of_each_operation_the_role_that_the_route_needs(ground: Ground) -> None:
    assert {one.endpoint: one.role for one in operations(ground.app)} == {name: route.role for name, route in ROUTES.items()}


def test_an_unguarded_address_is_answered(ground: Ground) -> None:
    for endpoint, path in UNGUARDED.items():
        assert ground.ask(path, {}).status_code in ({200, 503} if endpoint in {"health.ready"} else {200, 401}), endpoint
