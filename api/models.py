"""Models: what was trained, how it did against sales it had not seen, who let it serve or what refused it, and how it fares since."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from psycopg import sql
from pydantic import BaseModel, Field

from api import links, paging
from api.database import Reading
from api.edge import caller
from api.parameters import BOOK_NAME, FiveDigits, PageQuery, Query, Truth
from api.problems import not_found
from api.quality import GateVerdict, verdict
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.contracts import CONTRACTS
from estate.sql import query as query_text

models = Resource("models", __name__, "/api/v1/models", "Trained models and their ratio studies.")

MODEL = (
    "model_id", "county_fips", "as_of_date", "trained_at", "method", "seed", "sale_count", "window_from_date", "window_to_date",
    "code_version", "parameters_sha256", "artefact_sha256", "metrics", "is_passed", "refusal", "feature_service", "run_id",
)  # fmt: skip
PROMOTION = ("promotion_id", "promoted_at", "promoted_by", "reason", "is_rollback", "run_id")
SNAPSHOT = ("snapshot_id", "source_name", "batch_id", "vintage_date")
STRATUM = tuple(name for name in CONTRACTS["score.ratio_study"].column_names if name not in {"tenant_id", "model_id"})
DRIFT = tuple(name for name in CONTRACTS["score.drift"].column_names if name not in {"tenant_id", "model_id"})

_ModelLinks = part(
    "ModelLinks",
    "Where to look next.",
    self=links.link("the model whole", may_be_absent=False),
    ratio_study=links.link("its ratio study, stratum by stratum", may_be_absent=False),
    data_docs=links.link("its page for people: how far its values can be trusted"),
    airflow_run=links.link("run that trained it, in Airflow"),
)
Model = part(
    "Model",
    "One trained model of one county.",
    columns("score.model", MODEL),
    metrics=(dict[str, Any], Field(description="figures of the out-of-time test, and the digest of the sales")),
    is_serving=(bool, Field(description="whether it gives the values of its county today")),
    promoted_at=(
        columns("score.promotion", ["promoted_at"])["promoted_at"][0] | None,
        Field(description="when it was last promoted (UTC); null if never"),
    ),
    links=(_ModelLinks, Field(description="where to look next")),
)
Promotion = part(
    "ModelPromotion",
    "One decision that the model serves.",
    columns("score.promotion", PROMOTION),
    airflow_run=links.link("run that decided, in Airflow"),
)
_Snapshot = part(
    "ModelSnapshot",
    "One file that the sales, or what was sold, were read from.",
    columns("ingest.snapshot", SNAPSHOT),
    batch=links.link("the batch that it made", may_be_absent=False),
)
Stratum = part("RatioStudyStratum", "One stratum of a ratio study.", columns("score.ratio_study", STRATUM))
Drift = part("ModelDrift", "How its values fared against the later sales of one month.", columns("score.drift", DRIFT))


class ModelsQuery(PageQuery):
    """Which models."""

    county_fips: FiveDigits | None = Field(None, description="of this county only", json_schema_extra={"example": "19169"})
    is_serving: Truth | None = Field(
        None, description="true: only those that give the values of their county today; false: only the others",
        json_schema_extra={"example": "false"},
    )  # fmt: skip


class ModelPath(BaseModel):
    """Which model."""

    model_id: str = Field(description="model, as the list and every value name it")


class ModelsAnswer(Answer):
    """One page of the tenant's models, the newest as-of date first."""

    models: list[Model] = Field(description="those that were refused included")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")


class ModelAnswer(Answer):
    """One model whole."""

    model: Model = Field(description="the model")  # type: ignore[valid-type]
    verdict: GateVerdict | None = Field(description="what the gate said of its ratio study: a refusal says there why")  # type: ignore[valid-type]
    promotions: list[Promotion] = Field(description="who let it serve and why, the newest first")  # type: ignore[valid-type]
    snapshots: list[_Snapshot] = Field(description="files that it was trained on")  # type: ignore[valid-type]
    drift: list[Drift] = Field(  # type: ignore[valid-type]
        description="what the drift watch found last of each month of sales, the oldest first; `all` stands for all months within reach"
    )


class RatioStudyAnswer(Answer):
    """The ratio study of one model: its values against sales that it had not seen (IAAO Standard on Ratio Studies)."""

    model_id: str = Field(description="model studied")
    is_passed: bool = Field(description="whether the study lies within the declared bounds")
    strata: list[Stratum] = Field(description="the whole first, then by kind of stratum")  # type: ignore[valid-type]


# Which model serves a county today is another tomorrow, also when nothing is published: neither of these two is versioned.
@models.read("", answer=ModelsAnswer, is_versioned=False, summary="Trained models, those refused included")
def page(query: ModelsQuery) -> Response:
    """What was trained: each model with its figures, whether it serves, and what refused it if anything did."""
    asked = paging.asked("models", query)
    filters = {"county_fips": query.county_fips, "is_serving": query.is_serving}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        rows = _rows(reading, page_size=asked.fetched, **asked.key("after_date", "after_id"), **filters)
    return paging.answer(asked, "models", rows, lambda row: [row["as_of_date"].isoformat(), row["model_id"]], _model)


@models.read("/<model_id>", answer=ModelAnswer, is_versioned=False, summary="One model whole")
def one(path: ModelPath, query: Query) -> Response:  # noqa: ARG001 - none is known here
    """One model: on what it was trained, its figures, its verdict, who promoted it and why, and its drift since."""
    asked = _asked(path)
    with services(current_app).database.reading(caller().tenant_id) as reading:
        found = _found(reading, asked)
        judged = reading.row("api_verdict", {"verdict_id": found["verdict_id"]})
        promotions = reading.rows("api_model_promotions", asked)
        snapshots = reading.rows("api_model_snapshots", asked)
        drift = reading.rows("api_model_drift", asked)
    body = {
        "model": _model(found),
        "verdict": judged and verdict(judged),
        "promotions": [{**row, "airflow_run": links.airflow_run(row["run_id"])} for row in promotions],
        "snapshots": [{**row, "batch": links.path("batches", row["batch_id"])} for row in snapshots],
        "drift": drift,
    }
    return json_response(body)


@models.read("/<model_id>/ratio-study", answer=RatioStudyAnswer, is_cached=True, summary="The ratio study of one model")
def ratio_study(path: ModelPath, query: Query) -> Response:  # noqa: ARG001 - none is known here
    """Level, uniformity and vertical equity of the model's values over sales that it had not seen, stratum by stratum."""
    asked = _asked(path)
    with services(current_app).database.reading(caller().tenant_id) as reading:
        found = _found(reading, asked)
        strata = reading.rows("api_ratio_study", asked)
    return json_response({**picked(found, "model_id", "is_passed"), "strata": strata})


def _asked(path: ModelPath) -> dict[str, str]:
    if not BOOK_NAME.fullmatch(path.model_id):
        raise not_found()
    return {"model_id": path.model_id}


def _found(reading: Reading, asked: dict[str, str]) -> dict[str, Any]:
    """The model that is asked for. Raises NotFound where the tenant has none of this name."""
    rows = _rows(reading, page_size=1, **asked)
    if not rows:
        raise not_found()
    return rows[0]


def _rows(reading: Reading, **asked: Any) -> list[dict[str, Any]]:
    # Composed, that is planned for what was asked: one model is found by its key.
    names = ("after_date", "after_id", "model_id", "county_fips", "is_serving")
    return reading.rows(sql.SQL(query_text("api_model_page")).format(), dict.fromkeys(names) | asked)


def _model(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, *MODEL, "is_serving", "promoted_at"),
        "links": {
            "self": links.path("models", row["model_id"]),
            "ratio_study": links.path("models", row["model_id"], "ratio-study"),
            "data_docs": links.data_docs(row["page_key"]),
            "airflow_run": links.airflow_run(row["run_id"]),
        },
    }
