"""The stage asks for nothing of the valuation date or later, and returns one frame per contract."""

from datetime import date
from types import SimpleNamespace

import pandas as pd

from estate.contracts import published_by
from estate.score.stage import build
from tests.score.market import house, market

BATCH = SimpleNamespace(vintage_date=date(2024, 6, 30), batch_id="b", source_name="s")


class Recorded:
    """Stands in for the database: answers three named queries and remembers what it was asked."""

    def __init__(self, valued_on=None):
        self.asked = {}
        self.valued_on = valued_on

    def property_pieces(self, _batch):
        yield pd.DataFrame({"property_id": ["h0000", "h0001"]})

    def frame(self, name, keys=None, **parameters):
        assert (keys is None) == (name == "score_sales")
        self.asked[name] = parameters
        exposure = pd.DataFrame({"property_id": ["h0000"], "composite_low": [0.0], "composite_high": [0.2], "unknown_hazards": [["heat"]]})
        exposure = exposure.assign(flood_score=0.0, wildfire_score=0.0, heat_score=float("nan"), seismic_score=0.0)
        return {"score_subjects": house(2).assign(valued_on=self.valued_on), "score_sales": market(), "score_exposure": exposure}[name]


def test_one_frame_per_published_contract_as_of_the_batches_own_day():
    warehouse = Recorded()
    (frames,) = build(BATCH, warehouse)
    assert set(frames) == {promise.name for promise in published_by("score")}
    assert (frames["score.valuation"]["valuation_date"] == pd.Timestamp("2024-06-30")).all()
    assert warehouse.asked["score_sales"] == {"earliest_sale_date": date(2023, 1, 2), "valuation_date": date(2024, 6, 30)}


def test_a_batch_of_older_records_never_takes_a_value_back_in_time():
    warehouse = Recorded(valued_on=date(2024, 8, 1))
    (frames,) = build(BATCH, warehouse)
    assert (frames["score.valuation"]["valuation_date"] == pd.Timestamp("2024-08-01")).all()
    assert warehouse.asked["score_sales"]["valuation_date"] == date(2024, 8, 1)
