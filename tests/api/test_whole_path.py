"""The whole path: a landed file, five stages, and answers that are compared with the file's own rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from issuer import LAKESIDE
from whole_path import PORTFOLIO, ROWS, every_property

from estate.batch import Batch
from estate.ingest.declaration import source
from estate.provenance.trust import SYNTHETIC_CAP
from estate.score.stage import TOO_FEW_SALES
from estate.score.training import ensure_models

pytestmark = pytest.mark.servers


def test_every_number_of_every_property_is_traced_to_the_files_own_cell(get: Callable[..., Any]) -> None:
    declared, checked = source(PORTFOLIO).columns, 0
    for home in every_property(get):
        fields = get(f"/{home['property_id']}/provenance").json["fields"]
        for name, mapping in declared.items():
            said = fields.get(name)
            if said is None or said["value"] is None or not said["source"] or not mapping.raw:
                continue
            row = ROWS[said["source"]["row_number"] - 1]
            assert said["source"]["raw_values"] == {column: row[column] for column in mapping.raw}, name
            assert said["source"]["rules"][: len(mapping.rules)] == list(mapping.rules)
            assert isinstance(said["trust_pct"], int)
            checked += 1
    assert checked > 2_500


def test_a_copied_number_is_the_number_in_the_file(get: Callable[..., Any]) -> None:
    for home in every_property(get):
        said = get(f"/{home['property_id']}/provenance/living_area_sqft").json
        if said["value"] is not None:
            assert said["value"] == float(ROWS[said["source"]["row_number"] - 1]["living_area_sqft"])


def test_a_market_of_too_few_sales_gets_no_value_and_is_told_why(get: Callable[..., Any], landed: Batch) -> None:
    (trained,) = ensure_models(landed)
    assert trained.row is None
    assert re.fullmatch(
        r"harborview: county 19169 before 2026-06-30: \d+ sales are too few; a model and its trial need 200\. Land more sales .*",
        trained.refusal or "",
    )
    reasons = []
    for home in every_property(get):
        said = get(f"/{home['property_id']}/valuation").json
        value = said["value"]
        reasons.append(value["refusal_reason"])
        assert said["refusal"]["reason"] == value["refusal_reason"]
        assert [value[name] for name in ("estimated_value_usd", "value_low_usd", "value_high_95_usd", "confidence_band")] == [None] * 4
        assert (value["model"], said["comparables"], said["contributions"], said["counterfactuals"]) == (None, [], None, [])
    assert all(reasons)
    # What is wrong with the property itself goes before what is wrong with its market.
    assert reasons.count(TOO_FEW_SALES) > 100


def test_ground_that_no_layer_maps_is_unknown_and_synthetic_layers_say_so(get: Callable[..., Any]) -> None:
    wholes = [get(f"/{home['property_id']}").json for home in every_property(get)]
    unknown = [whole["hazards"] for whole in wholes if whole["hazards"]["unknown_hazards"]]
    assert unknown
    assert all(hazards["composite_low"] < hazards["composite_high"] for hazards in unknown)
    assert all(whole["hazards"]["uses_synthetic_layer"] for whole in wholes)


def test_nothing_that_rests_on_a_synthetic_layer_is_trusted_like_an_observation(get: Callable[..., Any]) -> None:
    tables, checked = {"hazard.exposure", "score.valuation", "score.risk"}, set()
    for home in list(every_property(get))[::10]:
        for field, said in get(f"/{home['property_id']}/provenance").json["fields"].items():
            if said["table"] not in tables or said["value"] is None or field in {"valuation_date", "interval_level", "method"}:
                continue
            assert said["trust_pct"] <= 100 * SYNTHETIC_CAP, field
            checked.add(field)
    assert {"flood_zone", "flood_score", "heat_score", "composite_low", "refusal_reason", "risk_class"} <= checked


def test_the_other_tenant_sees_nothing_of_it(get: Callable[..., Any]) -> None:
    home = next(every_property(get))
    assert get("", LAKESIDE).json["properties"] == []
    foreign = get(f"/{home['property_id']}", LAKESIDE)
    absent = get("/00000000-0000-4000-8000-000000000000", LAKESIDE)
    assert (foreign.status_code, foreign.json["title"], foreign.json["detail"]) == (404, absent.json["title"], absent.json["detail"])


def test_markup_in_an_address_is_kept_as_text(get: Callable[..., Any]) -> None:
    addresses = [get(f"/{home['property_id']}").json["address"]["situs_raw"] for home in every_property(get)]
    nasty = [row["address"] for row in ROWS if "<" in row["address"] or "DROP" in row["address"]]
    assert nasty
    assert set(nasty) <= set(addresses)
