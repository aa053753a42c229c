"""The registry: every trained model as immutable objects and one row, and which of them serves a county on a day.

A model's identifier is made from its county, its day and its bytes, so the same training always has the same name, and
registering it again writes nothing. Objects are written first and the row last: what a killed run leaves behind is not
registered, is seen by nobody, and is completed by the next run.

**Which model serves.** A model never serves a day before its as-of date. Of the promoted ones the newest as-of date serves:
training a model for an old batch therefore changes old days only. A person promotes an older model to roll back; that sets
aside every model of the same or a later as-of date promoted before, until one of them is promoted again or a newer one comes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import orjson
import pandas as pd

from estate import landing
from estate.batch import content_sha256
from estate.errors import ModelRefused
from estate.settings import Tenant
from estate.sql import query
from estate.verdicts import docs_key, page_address
from estate.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One row of score.model, without its tenant."""

    model_id: str
    county_fips: str
    as_of_date: date
    trained_at: datetime
    method: str
    seed: int
    sale_count: int
    window_from_date: date
    window_to_date: date
    snapshot_ids: list[int]
    code_version: str
    parameters_sha256: str
    artefact_sha256: str
    object_key: str
    card_key: str
    page_key: str
    metrics: dict[str, Any]
    verdict_id: uuid.UUID
    is_passed: bool
    refusal: str | None
    run_id: str
    feature_service: str | None = None


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a training made, as bytes: the model, the parameters it was trained with, its card (JSON) and its page (HTML)."""

    model: bytes
    parameters: bytes
    card: bytes
    page: bytes


def model_id_of(county_fips: str, as_of_date: date, model: bytes) -> str:
    """The identifier of a model: ``<county>-<as-of date>-<first 12 digits of its SHA-256>``."""
    return f"{county_fips}-{as_of_date.isoformat()}-{content_sha256(model)[:12]}"


def object_key(tenant: Tenant, model_id: str, name: str) -> str:
    """Where one object of a model lies."""
    return f"{tenant.tenant_id}/models/{model_id}/{name}"


def page_of(model_id: str) -> str:
    """The model's page, below the tenant's Data Docs."""
    return f"models/{model_id}.html"


def page_url(tenant: Tenant, row: ModelRow) -> str:
    """The address of the model's page."""
    return page_address(tenant, row.page_key)


def known(warehouse: Warehouse, model_id: str) -> ModelRow | None:
    """The registered model of that identifier; none for another tenant's."""
    found = warehouse.rows("model_known", model_id=model_id)
    return ModelRow(**found[0]) if found else None


def serving(warehouse: Warehouse, county_fips: str, day: date) -> ModelRow | None:
    """The model that serves `county_fips` on `day`; none where nothing promoted is old enough (see the module)."""
    found = warehouse.rows("model_serving", county_fips=county_fips, valuation_date=day)
    return ModelRow(**found[0]) if found else None


def load(row: ModelRow) -> bytes:
    """The artefact of a registered model. Raises ModelRefused when it is gone or its bytes are not those that were registered."""
    remedy = "Restore the object, or train the county again as of that day: the same bytes take its place"
    try:
        body = landing.get(row.object_key)
    except FileNotFoundError as absence:
        raise ModelRefused(f"{row.model_id}: {absence}. {remedy}") from None
    digest = content_sha256(body)
    if digest != row.artefact_sha256:
        where = landing.address(row.object_key)
        raise ModelRefused(f"{row.model_id}: {where} has SHA-256 {digest[:12]}… and not {row.artefact_sha256[:12]}…. {remedy}")
    return body


def register(warehouse: Warehouse, row: ModelRow, artefact: Artefact, beside: Mapping[str, pd.DataFrame] | None = None) -> ModelRow:
    """Store a trained model and write it down; returns the registered row, which is the older one where it is known already.

    `beside` holds rows of other record tables (its verdict, its ratio study) that are written in the same transaction. Of a
    model that is known, nothing is written, unless its artefact was damaged: then the bytes that its name states take its place.
    Raises ValueError when the row does not describe the artefact.
    """
    stated = (row.model_id, row.artefact_sha256, row.parameters_sha256)
    if stated != _stated(row, artefact):
        raise ValueError(f"{row.model_id} does not describe its artefact")
    tenant = warehouse.tenant
    former = known(warehouse, row.model_id)
    _put_once(row.object_key, artefact.model, "application/zip")
    if former is not None:
        return former
    _put_once(object_key(tenant, row.model_id, "parameters.json"), artefact.parameters, "application/json")
    _put_once(row.card_key, artefact.card, "application/json")
    _put_once(docs_key(tenant, row.page_key), artefact.page, "text/html; charset=utf-8")
    own = asdict(row) | {"metrics": orjson.dumps(row.metrics).decode(), "verdict_id": str(row.verdict_id)}
    with warehouse.transaction() as connection:
        for table, frame in (beside or {}).items():
            warehouse.insert(table, frame.assign(tenant_id=str(tenant.tenant_id)), connection)
        warehouse.insert("score.model", pd.DataFrame([own | {"tenant_id": str(tenant.tenant_id)}]), connection)
    return row


def promote(tenant: Tenant, model_id: str, *, reason: str, by: str, run_id: str, is_rollback: bool = True) -> ModelRow:
    """Let a registered model serve, from its as-of date on; returns it.

    `is_rollback` says that the decision also sets aside what was promoted before it with the same or a later as-of date, as a
    person means it who names a model; a training's own promotion does not, and happens once only: what a person set aside
    does not come back because somebody trained it again. The same run promotes once.

    Raises ModelRefused, changing nothing, when the model is unknown, failed its ratio study, or is not intact.
    """
    with Warehouse(tenant) as warehouse:
        row = known(warehouse, model_id)
        if row is None:
            raise ModelRefused(f"{tenant.slug} has no model {model_id}. The models are listed at {page_address(tenant, '')}")
        if not row.is_passed:
            raise ModelRefused(
                f"{model_id} failed its ratio study and cannot serve: {row.refusal}. Promote one that passed, or train again with other "
                f"sales; see {page_url(tenant, row)}"
            )
        load(row)
        decision = {
            "tenant_id": tenant.tenant_id,
            "promotion_id": uuid.uuid5(tenant.tenant_id, f"{model_id}/{run_id if is_rollback else 'first'}"),
            "model_id": model_id,
            "county_fips": row.county_fips,
            "is_rollback": is_rollback,
            "promoted_by": by,
            "reason": reason,
            "run_id": run_id,
        }
        with warehouse.transaction() as connection:
            lock = f"{tenant.tenant_id}/promotion/{row.county_fips}"
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (lock,))
            connection.execute(query("model_promote"), decision)
    return row


def _stated(row: ModelRow, artefact: Artefact) -> tuple[str, str, str]:
    own = model_id_of(row.county_fips, row.as_of_date, artefact.model)
    return own, content_sha256(artefact.model), content_sha256(artefact.parameters)


def _put_once(key: str, body: bytes, content_type: str) -> None:
    """Store what is not there yet. Other bytes under the key are what a killed or damaged write left; they never were registered."""
    if not landing.exists(key) or content_sha256(landing.get(key)) != content_sha256(body):
        landing.put(key, body, content_type)
