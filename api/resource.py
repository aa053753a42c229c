"""A resource: one module of the API. It says of each route what it answers, who may ask, and what asking costs.

Adding a resource is one module with one `Resource`, its queries, its models and its tests, and its name in `api.RESOURCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from api.problems import PROBLEM_ANSWERS
from estate.api_key import ROLES, Role
from estate.settings import CostClass

# Who may do what somebody less trusted may do.
ROLES_THAT_MAY: dict[Role, frozenset[str]] = {role: frozenset(ROLES[place:]) for place, role in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Route:
    """What the edge has to know of a route.

    role: the least that may ask. cost: the class of the rate limit. is_versioned: the answer depends on nothing but the tenant's
    data, the address, the roles and the code, so it carries an ETag and is not read again while the data stands. is_cached: it is dear
    enough to be kept in Redis until the next publication.
    """

    role: Role = "viewer"
    cost: CostClass = "read"
    is_versioned: bool = False
    is_cached: bool = False


# By endpoint. A route that is not here needs a token like any other, and gets the defaults.
ROUTES: dict[str, Route] = {}
UNLISTED = Route()
# What routes answer, for the document.
ANSWERS: list[type[BaseModel]] = []


class Resource(APIBlueprint):
    """A blueprint whose routes are documented, guarded and counted by what they say of themselves."""

    def __init__(self, name: str, import_name: str, url_prefix: str, about: str) -> None:
        """`about` heads the resource in the document."""
        super().__init__(
            name,
            import_name,
            url_prefix=url_prefix,
            abp_tags=[Tag(name=name, description=about)],
            abp_security=[{"bearer": []}],
            abp_responses=PROBLEM_ANSWERS,
            operation_id_callback=_operation_id,
        )

    def read(
        self,
        rule: str,
        *,
        answer: type[BaseModel] | dict[str, Any],
        role: Role = "viewer",
        cost: CostClass = "read",
        is_versioned: bool = True,
        is_cached: bool = False,
        **documented: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A GET route that answers `answer`: a model, or what the document says of a stream. `documented` goes to flask-openapi3."""
        route = Route(role, cost, is_versioned, is_cached)
        if isinstance(answer, type):
            ANSWERS.append(answer)
        return self._listed(route, super().get(rule, responses={200: answer}, **_said(route, documented)))

    def compute(
        self, rule: str, *, answer: type[BaseModel], role: Role = "viewer", **documented: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A POST route that computes from its body and writes nothing."""
        route = Route(role, "compute")
        ANSWERS.append(answer)
        return self._listed(route, super().post(rule, responses={200: answer}, **_said(route, documented)))

    def _listed(
        self, route: Route, register: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            ROUTES[f"{self.name}.{view.__name__}"] = route
            return register(view)

        return decorate


def _said(route: Route, documented: dict[str, Any]) -> dict[str, Any]:
    """The role and the class of the limit, where a reader of the document looks for them."""
    extensions = {"x-role": route.role, "x-rate-limit-class": route.cost, **documented.pop("openapi_extensions", {})}
    return {**documented, "openapi_extensions": extensions}


def _operation_id(*, bp_name: str = "", name: str = "", path: str = "", method: str = "") -> str:  # noqa: ARG001 - flask-openapi3's signature
    return f"{bp_name}.{name}"
