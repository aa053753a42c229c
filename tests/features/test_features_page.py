"""The page of features: it loads nothing, escapes everything, names every feature, and says what was refused, differs, or is not known."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from estate import landing
from estate.arrow import arrow_type
from estate.contracts import contract
from estate.features.definitions import PAGE, SERVICES, VIEWS
from estate.features.page import Books, number, put_page, render, share
from estate.features.page_plot import shift, sparkline
from estate.features.profile import profile
from estate.verdicts import docs_key, page_address
from estate.warehouse import Warehouse
from tests.features import features_world
from tests.frames import frame

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
COUNT = 400


class Reader(HTMLParser):
    """Collects what a page loads and links, its text, its identifiers, and whether every element was closed."""

    def __init__(self, page):
        super().__init__()
        self.loaded, self.linked, self.text, self.open, self.tags, self.ids = [], [], [], [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        said = dict(attrs)
        self.loaded += [said[name] for name in ("src", "xlink:href", "action", "data", "srcset") if name in said]
        self.linked += [said["href"]] if "href" in said else []
        self.ids += [said["id"]] if "id" in said else []
        assert not [name for name in said if name.startswith("on")]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, _):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def values_of(view, count, factor, seed):
    """Plausible values of every feature that some source speaks of."""
    rng = np.random.default_rng(seed)
    for column in view.features:
        if column.name in view.absent:
            yield column.name, [None] * count
        elif column.sql_type == "text":
            yield column.name, rng.choice(["X", "AE", "VE"], count, p=[0.9, 0.08, 0.02]).tolist()
        elif column.sql_type == "boolean":
            yield column.name, (rng.random(count) < 0.1).tolist()
        else:
            yield column.name, np.round(rng.lognormal(7, 0.4, count) * factor).tolist()


def found_by(run, previous, *, factor=1.0, count=COUNT):
    """What run number `run` finds, a day after the one before it."""
    at = AT + timedelta(days=run)
    tables = []
    for view in VIEWS.values():
        arrays = {"observed_at": pa.array([at - timedelta(days=3)] * count, pa.timestamp("us", "UTC"))}
        arrays |= {name: pa.array(said).cast(arrow_type(view.contract.column(name).sql_type))
                   for name, said in values_of(view, count, factor, run)}  # fmt: skip
        tables.append((view, pa.table(arrays)))
    return profile(tables, previous, f"features_materialize/run-{run}", at)


def as_read(profiled):
    """The rows as the database gives them."""
    plain = profiled.astype(object).where(profiled.notna(), None)
    return [row | {"bins": json.loads(row["bins"])} for row in plain.to_dict("records")]


def verdict(table="features.profile", *, is_passed=True, failures=()):
    return {"table_name": table, "is_passed": is_passed, "failures": list(failures), "run_id": "r", "judged_at": AT,
            "docs_key": f"validations/{table.replace('.', '/')}/a run/{table}.html"}  # fmt: skip


def failure(outcome, **said):
    return {
        "outcome": outcome,
        "field_name": "null_rate",
        "rows": 2,
        "detail": "property_physical living_area_sqft 1",
        "reason": "Lost.",
    } | said


def compared(**mismatches):
    return [
        {"view_name": view.name, "feature_name": column.name, "compared_count": 1_000, "run_id": "audit", "as_of_at": AT, "audited_at": AT,
         "mismatch_count": mismatches.get(column.name, 0), "example": "p-1: 3 offline, 4 online" if column.name in mismatches else None}
        for view in VIEWS.values() for column in view.features
    ]  # fmt: skip


@pytest.fixture(scope="module")
def profiles():
    first = found_by(1, pd.DataFrame())
    second = found_by(2, first)
    return [*as_read(first), *as_read(second), *as_read(found_by(3, second, factor=1.5))]


@pytest.fixture(scope="module")
def whole(profiles):
    online = [{"table_name": "normalize.property", "publication_id": 17, "entity_count": 400, "run_id": "r", "materialized_at": AT}]
    verdicts = [verdict(), verdict("features.property_physical")]
    return render("Lakeside", Books(profiles, verdicts, online, compared()))


def text_of(page):
    return " ".join(" ".join(Reader(page).text).split())


def row_of(page, feature):
    """The text of the table row of a feature."""
    (found,) = [row for row in re.findall(r"<tr.*?</tr>", page, flags=re.DOTALL) if f'<td class="name"><code>{feature}</code>' in row]
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", found, flags=re.DOTALL).split())


def test_the_page_loads_nothing_runs_nothing_and_links_to_the_data_docs_only(whole):
    reader = Reader(whole)
    assert reader.open == []
    assert reader.loaded == []
    assert not reader.tags & {"script", "link", "iframe", "object", "form", "img", "image"}
    assert not re.search(r"@import|https?:|url\(", whole)
    assert set(reader.linked) == {
        "../", "../validations/features/profile/a%20run/features.profile.html",
        "../validations/features/property_physical/a%20run/features.property_physical.html",
    }  # fmt: skip
    assert len(reader.ids) == len(set(reader.ids))


def test_every_feature_is_named_once_with_its_meaning_unit_sources_and_services(whole):
    for view in VIEWS.values():
        for column in view.features:
            said = row_of(whole, column.name)
            assert column.sql_type in said
            assert column.unit in said
            for source in column.made_from:
                assert source in said
            for service in SERVICES.values():
                assert (service.name in said) == (column.name in service.features.get(view.name, ()))


def test_every_view_and_service_is_described(whole):
    said = text_of(whole)
    for view in VIEWS.values():
        assert f"Lives {view.ttl.days} day" in said
        assert view.owner in said
        assert view.about[1:] in said
    for service in SERVICES.values():
        assert f"{service.name} {service.version} {len(service.names)}" in said


def test_an_absent_feature_gives_its_reason_instead_of_figures(whole):
    said = row_of(whole, "elevation_ft")
    assert VIEWS["property_hazard"].absent["elevation_ft"].split(";")[0] in said
    assert "%" not in said


def test_a_feature_shows_age_spread_and_drift_against_the_window_before(whole, profiles):
    (now,) = [row for row in profiles[-len(profiles) // 3 :] if row["feature_name"] == "living_area_sqft"]
    said = row_of(whole, "living_area_sqft")
    assert "0 % before 0 %" in said
    assert "2026-06-01 0 % stale" in said
    assert f"median {number(now['median'])}" in said
    assert f"PSI {now['psi']:.3f} · JS {now['js_divergence']:.3f}" in said
    assert now["psi"] > 0.25
    assert f'<span class="bad">PSI {now["psi"]:.3f}' in whole
    assert "1 day" in text_of(whole)
    assert "100 % stale" in row_of(whole, "assessed_value_usd"), "three days old, and it lives one"


def test_words_are_shown_with_their_shares(whole):
    assert re.search(r"X (89|9\d)(\.\d)? % AE \d+(\.\d)? % ", row_of(whole, "flood_zone"))


def test_a_refusal_names_the_feature_and_says_that_the_last_good_values_stay(profiles):
    failures = [failure("refused"), failure("warned", field_name="psi", rows=1, detail="", reason="Shifted.")]
    said = text_of(render("Lakeside", Books(profiles, [verdict(is_passed=False, failures=failures)])))
    assert "Refused. Nothing of this run went online; what was online before stays." in said
    assert "Refused : features.profile , null_rate of 2 features (property_physical living_area_sqft 1). Lost." in said
    assert "Noticed : features.profile , psi of 1 feature. Shifted." in said


def test_what_the_newest_run_refused_is_refused_whichever_of_its_tables_it_was(profiles):
    rows = failure("refused", field_name="year_built", rows=1, detail="", reason="Nobody builds tomorrow.")
    refused = verdict("features.property_physical", is_passed=False, failures=[rows])
    said = text_of(render("Lakeside", Books(profiles, [verdict(), refused])))
    assert "Passed." not in said
    assert "Refused. Nothing of this run went online" in said
    assert "every expectation of features.property_physical ." in said
    assert "Refused : features.property_physical , year_built of 1 row. Nobody builds tomorrow." in said


@pytest.mark.parametrize("other", ["features.property_physical", "features.market"])
def test_a_run_that_passed_is_not_refused_for_what_another_was(profiles, other):
    old = verdict(other, is_passed=False, failures=[failure("refused")]) | {"run_id": "other"}
    late = AT + timedelta(hours=1 if other == "features.market" else -1)
    said = text_of(render("Lakeside", Books(profiles, [old | {"judged_at": late}, verdict()])))
    assert "Passed. No feature was lost" in said
    assert "Nothing of this run went online" not in said


def test_a_run_has_not_passed_before_its_profile_is_judged(profiles):
    said = text_of(render("Lakeside", Books(profiles, [verdict("features.property_physical")])))
    assert "The features were not judged yet." in said


def test_a_mismatch_between_offline_and_online_is_named_with_its_example(profiles):
    page = render("Lakeside", Books(profiles, parity=compared(living_area_sqft=3)))
    assert f"1 of {len(compared())} features differ" in text_of(page)
    assert "3 of 1,000 differ p-1: 3 offline, 4 online" in row_of(page, "living_area_sqft")
    assert "same 1,000 compared" in row_of(page, "lot_area_sqft")


def test_a_tenant_without_any_books_has_a_page_that_says_so():
    said = text_of(render("Lakeside", Books()))
    assert "The features were not judged yet." in said
    assert "Not compared yet." in said
    assert "Nothing yet." in said
    assert "Not profiled yet." in said
    assert "living_area_sqft" in said


def test_a_view_that_the_newest_run_did_not_profile_shows_no_old_figures(profiles):
    left = [row for row in profiles if row["view_name"] != "property_physical" or not row["run_id"].endswith("run-3")]
    assert "Not profiled yet." in row_of(render("Lakeside", Books(left)), "living_area_sqft")


def test_the_same_books_give_the_same_bytes(whole, profiles):
    online = [{"table_name": "normalize.property", "publication_id": 17, "entity_count": 400, "run_id": "r", "materialized_at": AT}]
    verdicts = [verdict(), verdict("features.property_physical")]
    assert render("Lakeside", Books(profiles, verdicts, online, compared())) == whole


def test_what_the_books_hold_is_escaped(profiles):
    bad = "<script>alert(1)</script>"
    words = {"words": [bad], "counts": [400, 0], "against": {"words": [bad], "before": [400, 0], "now": [400, 0]}}
    marked = [row | ({"run_id": bad} if row["run_id"].endswith("run-3") else {}) for row in profiles]
    marked = [row | ({"bins": words} if row["feature_name"] == "flood_zone" else {}) for row in marked]
    parity = [row | {"mismatch_count": 1, "example": bad} for row in compared()]
    page = render(bad, Books(marked, [verdict(failures=[failure("warned", detail=bad, reason=bad)])], (), parity))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


# Small pictures


def test_a_line_leaves_gaps_where_a_run_measured_nothing():
    drawn = str(sparkline([0.1, 0.2, None, 0.3], "psi", "{:.2f}".format, bound=0.25))
    assert drawn.count("<polyline") == 1
    assert drawn.count("<circle") == 2
    assert drawn.count('class="bound"') == 1
    assert 'aria-label="psi, 4 runs: 0.10 to 0.30, last 0.30"' in drawn


def test_a_line_stays_inside_its_picture_and_rises_with_its_values():
    points = re.search(r'points="([^"]+)"', str(sparkline([0, 5, 10], "psi", str)))[1]
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] == 27
    assert heights[-1] == 3


@pytest.mark.parametrize("values", [[], [None, None]])
def test_without_numbers_there_is_no_line(values):
    assert not sparkline(values, "psi", str)


def test_bars_say_what_each_bin_is():
    drawn = str(shift({"edges": [1.0, 2.0], "before": [5, 5, 0], "now": [0, 5, 5]}, number))
    assert re.findall(r"<title>(.*?)</title>", drawn) == [
        "to 1: 50.0% before, 0.0% now", "1 to 2: 50.0% before, 50.0% now", "over 2: 0.0% before, 50.0% now",
    ]  # fmt: skip
    assert "others: 0.0% before, 50.0% now" in str(shift({"words": ["a"], "before": [4, 0], "now": [1, 1]}, number))


def test_words_beyond_what_can_be_told_apart_are_drawn_as_one():
    drawn = str(shift({"words": [f"w{n}" for n in range(30)], "before": [1] * 30 + [2], "now": [0] * 30 + [7]}, number))
    assert drawn.count("<title>") == 12
    assert "w10: " in drawn
    assert f"others: {21 / 32:.1%} before, 100.0% now" in drawn


@pytest.mark.parametrize(
    ("rate", "said"), [(0, "0 %"), (1, "100 %"), (0.0004, "< 0.1 %"), (0.9996, "> 99.9 %"), (0.125, "12.5 %"), (0.5, "50 %")]
)
def test_a_share_that_is_not_quite_none_or_all_is_never_shown_as_such(rate, said):
    assert share(rate) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1950, "year", "1950"),
        (1234567.8, "usd", "1,234,568"),
        (47.56789, "", "47.57"),
        (-122.2, "", "−122.2"),
        (0, "", "0"),
        (4e-8, "0-1", "< 0.001"),
        (-4e-8, "", "> −0.001"),
    ],
)
def test_numbers_are_shown_with_what_counts(value, unit, said):
    assert number(value, unit) == said


# Stored


@pytest.mark.servers
def test_the_page_lies_below_the_tenant_s_data_docs_and_shows_only_its_own_books(settings_env):
    tenant, other = features_world.some_tenant(), features_world.some_tenant()
    for whose, factor in ((tenant, 1.0), (other, 7.0)):
        first = found_by(1, pd.DataFrame(), factor=factor)
        with Warehouse(whose) as warehouse:
            for profiled in (first, found_by(2, first, factor=factor)):
                with warehouse.transaction() as connection:
                    warehouse.insert("features.profile", profiled.assign(tenant_id=str(whose.tenant_id)), connection)
    at = {"as_of_at": AT, "audited_at": AT, "run_id": "audit-2", "view_name": "property_physical", "feature_name": "living_area_sqft"}
    parity = frame("features.parity", tenant, [at | {"compared_count": 77, "mismatch_count": 0},
                                               at | {"compared_count": 88, "mismatch_count": 8, "example": "old", "run_id": "audit-1",
                                                     "audited_at": AT - timedelta(days=1)}])  # fmt: skip
    online = frame("features.materialization", tenant, [{"publication_id": number, "table_name": "normalize.property", "run_id": "r",
                                                         "entity_count": 9, "materialized_at": AT} for number in (4, 5)])  # fmt: skip
    judged = frame("provenance.verdict", tenant, [
        {"table_name": "features.profile", "is_passed": passed, "failures": "[]", "docs_key": "validations/a.html", "judged_at": when}
        | {"verdict_id": f"00000000-0000-0000-0000-00000000000{number}"}
        for number, (passed, when) in enumerate([(False, AT), (True, AT + timedelta(hours=1))])
    ])  # fmt: skip
    with Warehouse(tenant) as warehouse:
        with warehouse.transaction() as connection:
            for table, rows in (("features.parity", parity), ("features.materialization", online), ("provenance.verdict", judged)):
                warehouse.insert(table, rows, connection)
        assert put_page(tenant, warehouse) == page_address(tenant, PAGE)
    with Warehouse(other) as warehouse:
        put_page(other, warehouse)
    page = landing.get(docs_key(tenant, PAGE)).decode()
    said = text_of(page)
    assert "features_materialize/run-2" in said
    assert "Passed. No feature was lost" in said
    assert "same 77 compared" in row_of(page, "living_area_sqft")
    assert "(publication 5, 9 entities written)" in said
    assert "publication 4" not in said
    assert "PSI" in row_of(page, "living_area_sqft")
    elsewhere = landing.get(docs_key(other, PAGE)).decode()
    assert "not judged yet" in elsewhere
    assert row_of(elsewhere, "living_area_sqft") != row_of(page, "living_area_sqft")


def test_the_contract_s_columns_are_those_that_the_page_reads(profiles):
    assert set(profiles[0]) | {"tenant_id"} == set(contract("features.profile").column_names)
