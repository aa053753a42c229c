"""The page of a model: it loads nothing, escapes everything, says why a model was refused, and never breaks for lack of data."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from estate.score.model_page import render
from estate.score.ratio_strata import strata
from tests.score.backtests import backtest

CARD = {
    "model_id": "53033-20150501-0123456789ab", "tenant": "sometenant", "county_fips": "53033",
    "as_of_date": "2015-05-01", "sale_count": 19_451,
    "window_from_date": "2014-05-02", "window_to_date": "2015-04-30", "snapshot_ids": [3, 7], "method": "ensemble 1", "seed": 7,
    "code_version": "abc1234", "is_passed": True, "refusal": None,
    "parameters": {"TREES": {"value": 800, "reason": "Where the error stops falling."}},
    "components": [{"name": "Trees", "description": "on the log price"}],
    "frontier": [{"name": "none", "mape_pct": 11.5, "vei": -8.0, "is_chosen": False},
                 {"name": "half", "mape_pct": 11.6, "vei": -3.0, "is_chosen": True}],
}  # fmt: skip
IMPORTANCES = pd.DataFrame({"feature": ["living_area_sqft", "$cost$"], "importance_usd": [81_000.0, 12_000.0]})
PICTURES = 6


class Reader(HTMLParser):
    """Collects what a page loads and links, its text, and whether every element was closed."""

    def __init__(self, page):
        super().__init__()
        self.loaded, self.text, self.open, self.tags = [], [], [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        said = dict(attrs)
        self.loaded += [said[name] for name in ("src", "href", "xlink:href", "action", "data", "srcset") if name in said]
        assert not [name for name in said if name.startswith("on")]
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def page(valued, importances=IMPORTANCES, **card):
    return render(CARD | card, strata(valued), valued, importances)


def text_of(html):
    return " ".join(" ".join(Reader(html).text).split())


def drawings(html):
    return re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL)


@pytest.fixture(scope="module")
def whole():
    return page(backtest(400, refused=3))


def test_the_page_loads_nothing_from_anywhere_and_runs_nothing(whole):
    reader = Reader(whole)
    assert reader.open == []
    assert all(address.startswith("#") for address in reader.loaded)
    assert not reader.tags & {"script", "link", "iframe", "object", "form", "a", "img", "image"}
    assert not re.search(r"@import|https?:|url\((?!#)", whole)
    assert len(drawings(whole)) == PICTURES


def test_what_the_drawings_refer_to_is_drawn_once(whole):
    named = re.findall(r' id="([^"]+)"', whole)
    used = {one or other for one, other in re.findall(r'"#([^"]+)"|url\(#(.+?)\)', whole)}
    assert used
    assert used <= set(named)
    for name in {name for name in named if named.count(name) > 1}:
        # Equal names stand for equal marks: they are digests of what they name.
        assert len(set(re.findall(rf'<path id="{name}"[^>]*>', whole))) == 1


def test_numbers_that_are_read_keep_their_digits():
    importances = pd.DataFrame({"feature": ["rate 1.23456"], "importance_usd": [1.0]})
    assert "rate 1.23456" in page(backtest(60), importances)


def test_a_page_of_many_sales_stays_light():
    assert len(page(backtest(3_000))) < 1_000_000


def test_the_same_arguments_give_the_same_bytes(whole):
    assert page(backtest(400, refused=3)) == whole
    assert page(backtest(400, refused=3).sample(frac=1, random_state=1)) == whole


def test_every_statistic_stands_with_its_interval_its_bound_and_its_verdict(whole):
    first = strata(backtest(400, refused=3)).iloc[0]
    said = text_of(whole)
    assert f"passes {first['prd']:.3f} {first['prd_low']:.3f} to {first['prd_high']:.3f} 0.980 to 1.030" in said
    assert "COD" in said
    assert "at most 15.0" in said
    assert "at least 90.0%" in said
    assert "397 sales" in said
    assert "19,451 arm's-length sales, from 2014-05-02 to 2015-04-30; none on or after 2015-05-01" in said
    assert "Where the error stops falling." in said


def test_an_unfair_model_is_said_to_be_refused_by_name():
    said = text_of(page(backtest(400, bias=-0.25), is_passed=False, refusal="prd_low: all 1.06", previous_model_id="the-one-before"))
    assert "Refused by PRD, PRB, VEI" in said
    assert "the-one-before keeps serving" in said
    assert "prd_low: all 1.06" in said


def test_text_is_escaped_wherever_it_comes_from():
    evil = '<script>alert("x")</script>'
    valued = backtest(60).assign(market_area=evil, property_type=evil)
    importances = pd.DataFrame({"feature": [evil], "importance_usd": [1.0]})
    card = dict.fromkeys(CARD, evil) | {
        "snapshot_ids": [evil], "sale_count": 5, "is_passed": False, "parameters": {evil: {"value": evil, "reason": evil}},
        "components": [{"name": evil, "description": evil}], "frontier": [{"name": evil, "mape_pct": 1, "vei": 1, "is_chosen": True}],
    }  # fmt: skip
    html = page(valued, importances, **card)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not any("<script" in drawing for drawing in drawings(html))


def test_three_sales_without_coordinates_make_a_page_without_pictures_of_them():
    valued = backtest(3).assign(latitude=np.nan, longitude=np.nan)
    html = page(valued, None, frontier=[])
    assert drawings(html) == []
    assert "too few sales for a picture" in text_of(html)
    assert "not known" in text_of(html)


def test_sales_without_coordinates_leave_out_the_map_alone():
    assert len(drawings(page(backtest(60).assign(latitude=np.nan, longitude=np.nan)))) == PICTURES - 1


@pytest.mark.parametrize("valued", [backtest(0), backtest(40, refused=40), backtest(60).assign(sale_date=pd.Timestamp("2015-01-01"))])
def test_no_sales_only_refusals_or_a_single_day_break_nothing(valued):
    assert Reader(page(valued)).open == []


def test_a_card_that_says_nothing_is_shown_as_not_known():
    valued = backtest(30)
    said = text_of(render({}, strata(valued), valued))
    assert "Valuation model not known" in said
    assert "No verdict has been given" in said
