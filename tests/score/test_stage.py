"""The stage asks the model that serves, uses nothing of the valuation date or later, and returns one frame per contract."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from estate.contracts import published_by
from estate.score import registry
from estate.score.stage import NO_MODEL, TOO_FEW_SALES, build
from tests.score.market import DAY, county, model, subjects

OUTCOMES = [
    "sale_id", "property_id", "sale_date", "sale_price_usd", "is_arms_length", "valuation_date", "valued_published_at", "model_id",
    "estimated_value_usd", "value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd",
]  # fmt: skip
BATCH = SimpleNamespace(vintage_date=DAY, batch_id="b", source_name="s")
HOUSES = subjects(8)


class Recorded:
    """Stands in for the database: answers the stage's named queries."""

    def __init__(self, valued_on=None, sales=None, decisions=None):
        self.valued_on = valued_on
        self.sales = _as_recorded(county() if sales is None else sales)
        self.decisions = (
            pd.DataFrame(columns=["decision_id", "sale_id", "is_arms_length", "decided_at"]) if decisions is None else decisions
        )

    def property_pieces(self, _batch):
        yield HOUSES[["property_id"]]

    def frame(self, name, keys=None, **_parameters):
        assert (keys is None) == (name in {"score_sales", "sale_decisions"})
        exposure = pd.DataFrame({"property_id": ["h0000"], "composite_low": [0.0], "composite_high": [0.2], "unknown_hazards": [["heat"]]})
        exposure = exposure.assign(flood_score=0.0, wildfire_score=0.0, heat_score=float("nan"), seismic_score=0.0)
        return {
            "score_subjects": HOUSES.assign(valued_on=self.valued_on), "score_sales": self.sales, "sale_decisions": self.decisions,
            "score_exposure": exposure, "score_outcomes": pd.DataFrame(columns=OUTCOMES),
        }[name]  # fmt: skip


def _as_recorded(sales):
    return sales.assign(recorded_reasons=[[] for _ in range(len(sales))])


@pytest.fixture(autouse=True)
def serving(monkeypatch):
    """The model of the county serves from its day on, and no other."""
    asked = []

    def answer(_warehouse, county_fips, day):
        asked.append((county_fips, day))
        return SimpleNamespace(model_id="model-1") if county_fips == "53033" and day >= DAY else None

    monkeypatch.setattr(registry, "serving", answer)
    body = model().to_bytes()
    monkeypatch.setattr(registry, "load", lambda _row: body)
    return asked


def built(**said):
    (frames,) = build(BATCH, Recorded(**said))
    return frames


def test_one_frame_per_published_contract_as_of_the_batches_own_day():
    frames = built()
    assert set(frames) == {promise.name for promise in published_by("score")}
    values = frames["score.valuation"]
    assert values["property_id"].tolist() == HOUSES["property_id"].tolist()
    assert (values["valuation_date"] == pd.Timestamp(DAY)).all()
    assert values["estimated_value_usd"].notna().any()
    assert (values["model_id"] == "model-1").all()


def test_a_batch_of_older_records_never_takes_a_value_back_in_time(serving):
    frames = built(valued_on=date(2024, 8, 1))
    assert (frames["score.valuation"]["valuation_date"] == pd.Timestamp("2024-08-01")).all()
    assert serving == [("53033", date(2024, 8, 1))]


def test_without_a_model_that_serves_the_day_every_value_is_refused_with_the_reason(monkeypatch):
    monkeypatch.setattr(registry, "serving", lambda *_: None)
    frames = built()
    assert frames["score.valuation"]["estimated_value_usd"].isna().all()
    assert set(frames["score.valuation"]["refusal_reason"]) == {NO_MODEL}
    assert all(frames[name].empty for name in ("score.comparable", "score.contribution", "score.counterfactual"))
    assert set(built(sales=county(199))["score.valuation"]["refusal_reason"]) == {TOO_FEW_SALES}


def test_sales_of_the_valuation_day_and_later_change_no_value():
    later = county(100, seed=5).assign(sale_price_usd=9_000_000.0)
    later["sale_id"] = "later" + later["sale_id"]
    later["sale_date"] = pd.Timestamp(DAY) + pd.to_timedelta(np.arange(100), "D")
    one, other = built(), built(sales=pd.concat([county(), later], ignore_index=True))
    for name in ("score.valuation", "score.comparable", "score.contribution", "score.counterfactual"):
        pd.testing.assert_frame_equal(one[name], other[name])


def test_sales_of_another_county_carry_no_value():
    elsewhere = county(seed=6).assign(county_fips="53061", sale_id=lambda sales: "x" + sales["sale_id"])
    ours = built(sales=pd.concat([county(), elsewhere], ignore_index=True))["score.comparable"]
    assert not ours["sale_id"].str.startswith("x").any()


def test_a_sale_that_a_decision_excludes_carries_no_value():
    best = built()["score.comparable"].query("comparable_rank == 1")["sale_id"].iloc[0]
    excluded = pd.DataFrame(
        {"decision_id": ["d1"], "sale_id": [best], "is_arms_length": [False], "decided_at": [pd.Timestamp("2024-07-01")]}
    )
    assert best not in set(built(decisions=excluded)["score.comparable"]["sale_id"])
    odd = county().assign(sale_price_usd=lambda sales: sales["sale_price_usd"].where(sales["sale_id"] != best, 40_000_000.0))
    assert best not in set(built(sales=odd)["score.comparable"]["sale_id"])


def test_the_findings_of_the_batches_own_properties_are_published_whatever_their_day():
    own = county(3, seed=8).assign(property_id=["h0000", "h0001", "h0001"], sale_id=["a", "b", "c"])
    own["sale_date"] = pd.to_datetime(["2024-01-05", "2024-06-30", "2031-01-01"])
    findings = built(sales=pd.concat([county(), own], ignore_index=True))["score.sale_validation"]
    assert findings["sale_id"].tolist() == ["a", "b", "c"]
    assert findings["property_id"].tolist() == ["h0000", "h0001", "h0001"]
