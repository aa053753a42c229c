"""Comparables for a place that need not be in the portfolio: past sales nearby, chosen and adjusted as a valuation would."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, current_app
from pydantic import Field

from api.database import Reading
from api.described import ATTRIBUTES, Described, Subject, ValuationDay, county_of, frame_of, subject_of
from api.edge import caller
from api.model_store import CountySales, ModelStore, Registered, model_store, one_thread
from api.parameters import Number, Whole, Words
from api.problems import InvalidParameter
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from api.subject import below
from api.value_parts import STEPS, ValueModel, Waterfall, money
from estate.score.parameters import RANGE_M

if TYPE_CHECKING:
    import pandas as pd

comparables = Resource(
    "comparables", __name__, "/api/v1/comparables", "Past sales that speak for a place, whether or not it is in your portfolio."
)

PLAIN_DAYS = 365  # without an index older prices say too little
NO_COUNTY = "none of your properties lies near the place, so its county is unknown; give county_fips"
NO_MODEL = "no model of the county serves, so nothing can be adjusted"
UNDESCRIBED = "property_type and living_area_sqft are needed to adjust for what differs"
NOTHING_ALIKE = "no sale of this type and size, recent enough and within reach"
_ALIKE = (
    "living_area_sqft", "lot_area_sqft", "year_built", "bedroom_count", "bathroom_count", "condition_code", "quality_code",
)  # fmt: skip
_LOGGED = ("living_area_sqft", "lot_area_sqft")  # a tenth more is worth the same share at any size
_SOLD = ("situs_address", "situs_city", "situs_zip", *ATTRIBUTES)
_WHOLE = ("year_built", "year_renovated", "condition_code", "quality_code", "view_code")

NearbySaleLinks = part("NearbySaleLinks", "Where to read on.", property=(str, Field(description="the property sold")))
NearbySale = part(
    "NearbySale",
    "A past sale that speaks for the place, with what was sold.",
    columns("score.comparable", ("comparable_rank", "sale_id")),
    columns("normalize.sale", ("property_id", "sale_price_usd", "sale_date")),
    columns("score.comparable", ("sale_age_days", "distance_m")),
    columns("normalize.property", _SOLD),
    similarity=(
        float | None,
        Field(
            ge=0,
            le=1,
            description="1 is alike. With a model exp(-the sum of its steps in logs, time left out); without one exp(-the mean difference "
            "of the attributes known of both, in standard deviations of the sales around); null where nothing can be compared",
        ),
    ),
    weight=(float | None, Field(description="share in the value that these sales would carry; null without a model")),
    adjustments=(Waterfall | None, Field(description="the waterfall; null without a model")),
    adjusted_price_usd=(float | None, Field(description="price plus every step, to the cent (usd); null without a model")),
    links=(NearbySaleLinks, Field(description="where to read on")),
)


class ComparablesQuery(Described):
    """For which place, and what is known of the house there."""

    latitude: Number | None = Field(None, ge=-90, le=90, description="WGS 84 (degrees)", json_schema_extra={"example": 42.01})
    longitude: Number | None = Field(None, ge=-180, le=180, description="WGS 84 (degrees)", json_schema_extra={"example": -93.61})
    address: Words | None = Field(
        None, description="instead of coordinates: the street address of a property of yours; what you do not say of it is taken from there"
    )
    valuation_date: ValuationDay | None = Field(
        None,
        description="only sales before this day, 1900-01-01 or later; without it the day after the newest sale known in the county",
    )
    radius_m: Number = Field(RANGE_M, ge=1, le=RANGE_M, description="how far away a sale may lie (m); at most 2 miles, as for a valuation")
    limit: Whole = Field(10, ge=1, le=25, description="sales at most; a model chooses no more than 10")


class ComparablesAnswer(Answer):
    """The sales that speak for a place, the most telling first."""

    subject: Subject = Field(description="the place and the house as they were understood")  # type: ignore[valid-type]
    valuation_date: date | None = Field(description="only sales before this day were looked at; null where the county has none")
    model: ValueModel | None = Field(description="the model that chose and adjusted; null where none did")  # type: ignore[valid-type]
    reason: str | None = Field(description="why nothing is adjusted, or nothing found; null where a model chose")
    comparables: list[NearbySale] = Field(description="the sales")  # type: ignore[valid-type]


@comparables.read("", answer=ComparablesAnswer, cost="compute", is_cached=True, summary="Find comparable sales")
def find(query: ComparablesQuery) -> Response:
    """Valid past sales near a place, by the comparator of the county's model; where none serves, the nearest by attributes, unadjusted."""
    tenant_id, store = caller().tenant_id, model_store(current_app)
    if (query.latitude is None) != (query.longitude is None):
        raise InvalidParameter("latitude" if query.latitude is None else "longitude", "must be given with the other coordinate")
    if (query.address is None) == (query.latitude is None):
        raise InvalidParameter("address", "either latitude and longitude or an address must be given, and not both")
    if query.valuation_date is not None and query.valuation_date > datetime.now(UTC).date():
        raise InvalidParameter("valuation_date", "lies in the future")
    with services(current_app).database.reading(tenant_id) as reading:
        subject = subject_of(query, _own(reading, query) if query.address else None)
        county = subject["county_fips"] = county_of(reading, subject)
        sales = store.sales(reading, tenant_id, county) if county else None
        day = query.valuation_date or (sales and sales.newest_date and sales.newest_date + timedelta(days=1)) or None
        row = store.serving(reading, tenant_id, county, day=day) if county and day else None
    body: dict[str, Any] = {"subject": subject, "valuation_date": day, "model": None, "reason": None, "comparables": []}
    if sales is None or day is None:
        return json_response({**body, "reason": NOTHING_ALIKE if county else NO_COUNTY})
    if row is not None and subject["property_type"] and subject["living_area_sqft"]:
        found = _compared(store, row, sales, subject, day, query)
        named = row.named()
        return json_response({**body, "model": named, "comparables": found, "reason": None if found else NOTHING_ALIKE})
    with one_thread():
        found = _nearest(sales, subject, day, query)
    reason = (NO_MODEL if row is None else UNDESCRIBED) if found else NOTHING_ALIKE
    return json_response({**body, "comparables": found, "reason": reason})


def _own(reading: Reading, query: ComparablesQuery) -> dict[str, Any]:
    """The tenant's property at the address. There is no geocoder here: only addresses that the tenant holds can be placed."""
    from estate.normalize.situs import read

    line = read(query.address or "").address
    rows = reading.rows("api_property_at_address", {"situs_address": line, "situs_zip": query.situs_zip}) if line else []
    if len(rows) > 1:
        raise InvalidParameter("address", "is that of several of your properties; add situs_zip, or give latitude and longitude")
    if not rows or rows[0]["latitude"] is None:
        raise InvalidParameter("address", "is not that of a property of yours whose place is known; give latitude and longitude")
    return rows[0]


def _compared(
    store: ModelStore, row: Registered, sales: CountySales, subject: dict[str, Any], day: date, query: ComparablesQuery
) -> list[dict[str, Any]]:
    """What the comparator of the model chooses within the radius, with its waterfalls."""
    market = store.market(row, sales, day)
    import numpy as np

    from estate.score.comparator import Stock
    from estate.score.model import prepared, with_area

    house = with_area(frame_of(subject))
    with store.computing():
        stock = market.stock
        if query.radius_m < RANGE_M:
            known = prepared(sales.frame, market.day)
            stock = Stock(known[_distance_m(known, subject) <= query.radius_m])
        # The index of the day is the market's; the comparator's own is that of the day it was trained.
        said = replace(market.model.comparator, index=market.index).compare(house, stock, market.day)
    gross = np.abs(said.steps[0, :, 1:]).sum(axis=1)
    sold = sales.frame.set_index("sale_id")
    out = []
    for chosen in said.frame().head(query.limit).to_dict("records"):
        # The comparator names the subject as property_id; the sale names what was sold.
        facts = chosen | sold.loc[chosen["sale_id"]].to_dict()
        waterfall = {name: money(chosen[name]) for name in STEPS}
        similarity = math.exp(-float(gross[chosen["comparable_rank"] - 1]))
        out.append(_shown(facts, similarity, chosen["weight"], waterfall, money(chosen["adjusted_price_usd"])))
    return out


def _nearest(sales: CountySales, subject: dict[str, Any], day: date, query: ComparablesQuery) -> list[dict[str, Any]]:
    """The sales within the radius and the last year, of the subject's type if that is said: the most alike first, else the nearest."""
    import numpy as np
    import pandas as pd

    until = pd.Timestamp(day)
    frame = sales.frame
    distance = _distance_m(frame, subject)
    age = (until - frame["sale_date"]).dt.days
    fits = (distance <= query.radius_m) & (age >= 1).to_numpy() & (age <= PLAIN_DAYS).to_numpy()
    if subject["property_type"]:
        fits &= (frame["property_type"] == subject["property_type"]).to_numpy()
    if subject["property_id"]:
        fits &= (frame["property_id"] != str(subject["property_id"])).to_numpy()
    near = frame[fits].assign(distance_m=distance[fits], sale_age_days=age[fits])
    away = np.full((len(near), len(_ALIKE)), np.nan)
    for place, name in enumerate(_ALIKE):
        own, theirs = subject[name], near[name].to_numpy(dtype=float)
        if name in _LOGGED:
            own, theirs = own and math.log(own), np.log(np.where(theirs > 0, theirs, np.nan))
        spread = np.nanstd(theirs) if np.isfinite(theirs).any() else 0.0
        if own is not None and spread > 0:
            away[:, place] = np.abs(theirs - own) / spread
    known = np.isfinite(away).sum(axis=1)
    mean = np.divide(np.nansum(away, axis=1), known, out=np.full(len(near), np.nan), where=known > 0)
    order = np.lexsort((near["sale_id"], near["distance_m"], np.where(known > 0, mean, np.inf)))[: query.limit]
    rows = near.iloc[order].to_dict("records")
    alike = [None if math.isnan(mean[place]) else math.exp(-mean[place]) for place in order]
    return [
        _shown({**row, "comparable_rank": rank}, similarity, None, None, None)
        for rank, (row, similarity) in enumerate(zip(rows, alike, strict=True), start=1)
    ]


def _distance_m(frame: pd.DataFrame, subject: dict[str, Any]) -> Any:
    """How far each sale lies from the subject in metres, NaN where unknown."""
    import numpy as np

    from estate.score.comparables import metres

    here = metres(np.array([float(subject["latitude"])]), np.array([float(subject["longitude"])]))
    there = metres(frame["latitude"].to_numpy(dtype=float), frame["longitude"].to_numpy(dtype=float))
    return np.sqrt(((there - here) ** 2).sum(axis=1))


def _shown(row: dict[Any, Any], similarity: float | None, weight: Any, adjustments: Any, adjusted: Any) -> dict[str, Any]:
    plain = {name: said.item() if hasattr(said, "item") else said for name, said in row.items()}
    known: dict[Any, Any] = {name: None if isinstance(said, float) and math.isnan(said) else said for name, said in plain.items()}
    waterfront = known["has_waterfront"]
    return {
        **picked(known, "comparable_rank", "sale_id", "property_id", "distance_m", *_SOLD),
        **{name: None if known[name] is None else int(known[name]) for name in _WHOLE},
        "has_waterfront": None if waterfront is None else bool(waterfront),
        "sale_price_usd": money(known["sale_price_usd"]),
        "sale_date": known["sale_date"].date(),
        "sale_age_days": int(known["sale_age_days"]),
        "similarity": similarity,
        "weight": weight,
        "adjustments": adjustments,
        "adjusted_price_usd": adjusted,
        "links": {"property": below(known["property_id"])},
    }
