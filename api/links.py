"""Addresses of what lies outside the API, for people to open: pages of Data Docs, runs of Airflow, datasets of Marquez."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import current_app
from pydantic import Field

from api.edge import caller
from api.services import services

_AGAIN = re.compile(r"#[0-9]+\Z")  # no run of Airflow is called so


def data_docs(docs_key: str | None) -> str | None:
    """The address of a page below the caller's Data Docs; None where there is no page, or the tenant has no Data Docs."""
    base = services(current_app).docs_url(caller().tenant_id)
    # A key may name the whole object, beginning with the tenant; the address begins below it.
    return None if docs_key is None else _below(base, *(docs_key.partition("/data-docs/")[2] or docs_key).split("/"))


def airflow_run(run_id: str | None) -> str | None:
    """The address of a run that is named ``<dag>/<run>``, with ``#2`` where it did it again; None for what no run of Airflow did."""
    dag, _, run = _AGAIN.sub("", run_id or "").partition("/")
    return _below(services(current_app).settings.airflow_base_url, "dags", dag, "runs", run) if dag and run else None


def marquez_dataset(table: str) -> str | None:
    """The address of the lineage graph around the caller's `table`; None without Marquez, or for a tenant that is not listed."""
    platform = services(current_app)
    if not platform.settings.marquez_url:
        return None
    tenant = platform.tenant(caller().tenant_id)
    if tenant is None:
        return None
    # Only here: it brings frames and OpenLineage along, which no other route needs.
    from estate.lineage import namespace

    return _below(platform.settings.marquez_url, "lineage", "dataset", namespace(tenant.slug, table), table)


def path(*parts: object, **query: object) -> str:
    """The address of a resource of this API, below /api/v1, with `query`."""
    address = "/".join(["/api/v1", *(quote(str(part), safe="") for part in parts)])
    return f"{address}?{urlencode(query)}" if query else address


def link(about: str, *, may_be_absent: bool = True) -> Any:
    """A field of a model that holds an address, for `schemas.part`."""
    return (str | None if may_be_absent else str, Field(description=about))


def _below(base: str | None, *parts: str) -> str | None:
    # A browser would walk a dot upwards, out of the page that is meant.
    if not base or urlsplit(base).scheme not in {"http", "https"} or not {"", ".", ".."}.isdisjoint(parts):
        return None
    return "/".join([base.rstrip("/"), *(quote(part, safe="") for part in parts)])
