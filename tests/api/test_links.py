"""Addresses outside the API: whatever a name holds, it stays one part of the path."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, g
from issuer import HARBORVIEW, LAKESIDE

from api import links
from api.auth import Caller


@pytest.fixture
def asking(make_app: Callable[..., Flask]) -> Callable[..., Any]:
    """A request of a tenant, of an application with these settings."""

    @contextmanager
    def ask(tenant_id: uuid.UUID = LAKESIDE, **replaced: Any) -> Iterator[None]:
        with make_app(**replaced).test_request_context():
            g.caller = Caller("ada", tenant_id)
            yield

    return ask


@pytest.mark.parametrize(
    ("run_id", "address"),
    [
        ("ingest/manual__1", "https://airflow.test/x/dags/ingest/runs/manual__1"),
        (
            "ingest/scheduled__2026-01-01T00:00:00+00:00",
            "https://airflow.test/x/dags/ingest/runs/scheduled__2026-01-01T00%3A00%3A00%2B00%3A00",
        ),
        ("ingest/../../login?next=//evil", "https://airflow.test/x/dags/ingest/runs/..%2F..%2Flogin%3Fnext%3D%2F%2Fevil"),
        ('in"gest/<script>\n', "https://airflow.test/x/dags/in%22gest/runs/%3Cscript%3E%0A"),
        ("features_audit/manual__1#2", "https://airflow.test/x/dags/features_audit/runs/manual__1"),
        ("features_audit/manual__1#x", "https://airflow.test/x/dags/features_audit/runs/manual__1%23x"),
        ("ingest/..", None),
        ("ingest/..#2", None),
        ("../x", None),
        ("by hand", None),
        ("/x", None),
        ("", None),
        (None, None),
    ],
)
def test_a_run_is_linked_where_airflow_shows_it(asking: Callable[..., Any], run_id: str | None, address: str | None) -> None:
    with asking(airflow_base_url="https://airflow.test/x/"):
        assert links.airflow_run(run_id) == address


@pytest.mark.parametrize("base", ["", "javascript:alert(1)", "ftp://airflow.test", "airflow.test"])
def test_an_address_that_is_not_of_the_web_is_no_link(asking: Callable[..., Any], base: str) -> None:
    with asking(airflow_base_url=base, marquez_url=base, docs_base_url=base):
        assert links.airflow_run("ingest/manual__1") is None
        assert links.marquez_dataset("ingest.record") is None
        assert links.data_docs("index.html") is None


def test_a_page_is_linked_below_the_tenant_s_own_data_docs(asking: Callable[..., Any]) -> None:
    with asking(HARBORVIEW):
        base = "http://127.0.0.1:18000/data-docs/harborview"
        assert links.data_docs("validations/a b/run.html") == f"{base}/validations/a%20b/run.html"
        assert links.data_docs(f"{HARBORVIEW}/data-docs/validations/run.html") == f"{base}/validations/run.html"
        assert links.data_docs("../lakeside/index.html") is None
        assert links.data_docs(None) is None


def test_a_tenant_that_is_not_listed_has_neither_pages_nor_datasets(asking: Callable[..., Any]) -> None:
    with asking(uuid.uuid4(), marquez_url="http://marquez.test"):
        assert links.data_docs("index.html") is None
        assert links.marquez_dataset("ingest.record") is None


def test_an_address_of_ours_quotes_every_part() -> None:
    assert links.path("batches", "a/b?c", batch_id="d&e") == "/api/v1/batches/a%2Fb%3Fc?batch_id=d%26e"
