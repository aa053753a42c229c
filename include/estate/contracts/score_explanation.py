"""Contracts of what explains a value: the parts that sum to it, and what it would be if the property were changed."""

from estate.contracts.model import TENANT, Column, Contract, key
from estate.contracts.score import VALUE_MADE_FROM

# The parts of a value, in the order in which they are told. Each is in dollars; with the base they sum to the value to the cent.
CONTRIBUTIONS = (
    "location", "neighbourhood", "living_area", "basement_area", "lot_area", "age", "renovation", "rooms", "stories", "garage",
    "condition", "quality", "waterfront", "view", "property_type", "second_opinion", "comparables", "equity",
)  # fmt: skip


def _dollars(name: str, meaning: str, nullable: bool = False) -> Column:
    return Column(name, "numeric(14,2)", meaning, "usd", nullable=nullable, made="modelled", made_from=VALUE_MADE_FROM)


CONTRIBUTION = Contract(
    name="score.contribution",
    kind="published",
    may_be_empty=True,
    grain="what each side of one valued property adds to its value",
    key=("tenant_id", "property_id"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property valued", ("normalize.property.property_id",)),
        _dollars("base_usd", "value of the typical sale of the market at the valuation date"),
        *(_dollars(f"{name}_contribution_usd", "what this adds to the base; negative where it takes away") for name in CONTRIBUTIONS),
        _dollars("estimated_value_usd", "base plus every contribution, to the cent"),
    ),
)

COUNTERFACTUAL = Contract(
    name="score.counterfactual",
    kind="published",
    may_be_empty=True,
    grain="the value of one property if one thing about it were changed",
    key=("tenant_id", "property_id", "change_name"),
    parent=("property_id", "normalize.property"),
    columns=(
        TENANT,
        key("property_id", "uuid", "property valued", ("normalize.property.property_id",)),
        key("change_name", "text", "what would be changed; only what an owner can change"),
        Column("field_name", "text", "field of normalize.property that changes", nullable=False, made="assigned"),
        Column("field_value_from", "double precision", "its value today", made="assigned"),
        Column("field_value_to", "double precision", "its value after the change", nullable=False, made="assigned"),
        _dollars("changed_value_usd", "value after the change"),
        _dollars("value_change_usd", "difference to today's value"),
        Column("assumption", "text", "what the figure takes for granted", nullable=False, made="assigned"),
    ),
)

CONTRACTS = (CONTRIBUTION, COUNTERFACTUAL)
