"""The sales of one property: what is found of each, by whom, and from which row."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.property_sales import PropertySalesAnswer
from tests.servers import Database

pytestmark = pytest.mark.servers
DATES = [None, None, "2020-01-01", "2024-05-05", "2024-05-05", "2024-05-05", "2025-12-31"]


@pytest.fixture
def sales(client: FlaskClient, make_token: Callable[..., str], properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> Callable[..., Any]:
    """The sales of the numbered property (the first is 1) of Lakeside."""

    def get(number: int, tenant: uuid.UUID = LAKESIDE, **query: Any) -> Any:
        path = f"/api/v1/properties/{properties_of[LAKESIDE][number - 1]}/sales"
        answer = client.get(path, headers=bearer(make_token(tenant)), query_string=query)
        assert answer.status_code != 200 or PropertySalesAnswer.model_validate_json(answer.data)
        return answer

    return get


def test_a_sale_says_what_is_found_of_it_and_its_own_records_word_before_anything_is(sales: Callable[..., Any]) -> None:
    names = ("is_arms_length", "exclusion_reasons", "decided_by")
    found, before, unjudged = (
        sales(number, **query).json["sales"][0] for number, query in ((2, {}), (2, {"as_of": "2026-02-01T00:00:00Z"}), (1, {}))
    )
    assert [found[name] for name in names] == [False, ["short_term_flip", "high_price"], "rules"]
    assert [before[name] for name in names] == [True, [], "rules"]
    assert [unjudged[name] for name in names] == [True, [], None]


def test_a_sale_leads_to_the_row_that_tells_of_it(sales: Callable[..., Any]) -> None:
    (sale,) = sales(2).json["sales"]
    assert (sale["sale_price_usd"], sale["sale_date"], sale["published_at"]) == (250000.5, "2025-12-03", "2026-01-10T00:00:00Z")
    assert sale["source"] == {
        "source_name": "roll", "file_name": "roll.csv", "snapshot_sha256": world.SHA256, "snapshot_id": 1, "row_number": 2,
        "vintage_date": "2026-01-01", "batch_id": "roll-1",
    }  # fmt: skip


def test_a_property_that_was_never_sold_has_an_empty_list(
    sales: Callable[..., Any], database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("DELETE FROM normalize.sale WHERE property_id = %s", (properties_of[LAKESIDE][2],))
    assert sales(3).json == {"sales": [], "next_cursor": None}


@pytest.fixture
def often_sold(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> list[str | None]:
    """The days on which the third property was sold, newest first and the unknown last."""
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("DELETE FROM normalize.sale WHERE property_id = %s", (properties_of[LAKESIDE][2],))
        for place, day in enumerate(DATES):
            world.put(
                connection, "normalize.sale", tenant_id=LAKESIDE, property_id=properties_of[LAKESIDE][2], snapshot_id=7, row_number=place,
                source_name="roll", sale_id=world.named(LAKESIDE, f"often {place}"), sale_price_usd=Decimal(place), sale_date=day,
                is_arms_length=True, exclusion_reasons=[], publication_id=1, published_at=world.FIRST,
            )  # fmt: skip
    return DATES[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("as_of", [{}, {"as_of": "2026-02-01T00:00:00Z"}])
def test_pages_join_without_gap_or_repeat(
    sales: Callable[..., Any], often_sold: list[str | None], limit: int, as_of: dict[str, str]
) -> None:
    seen, cursor = [], None
    while True:
        answer = sales(3, limit=limit, **as_of, **({"cursor": cursor} if cursor else {}))
        seen += [(sale["sale_date"], sale["sale_id"]) for sale in answer.json["sales"]]
        assert len(answer.json["sales"]) <= limit
        cursor = answer.json["next_cursor"]
        if not cursor:
            break
    assert [day for day, _ in seen] == often_sold
    assert len(set(seen)) == len(often_sold)


def test_a_sale_whose_file_is_not_known_has_no_source(sales: Callable[..., Any], often_sold: list[str | None]) -> None:
    assert {sale["source"] for sale in sales(3).json["sales"]} == {None}


def test_a_cursor_of_one_property_is_none_of_another(sales: Callable[..., Any], often_sold: list[str | None]) -> None:
    cursor = sales(3, limit=1).json["next_cursor"]
    assert sales(1, cursor=cursor).json["type"] == "/problems/invalid-cursor"


def test_the_sales_of_another_tenants_property_are_absent(sales: Callable[..., Any]) -> None:
    assert sales(1, HARBORVIEW).status_code == 404
