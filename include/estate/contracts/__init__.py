"""Every table the platform promises, once.

Assets, lineage datasets, gate suites, table checks, the data dictionary and field provenance are derived from this
registry; there is no second list.
"""

from estate.contracts import (
    hazard,
    ingest,
    normalize,
    platform,
    provenance,
    score,
    score_explanation,
    score_models,
    score_sales,
    score_study,
)
from estate.contracts.model import SYSTEM_COLUMNS, Column, Contract

CONTRACTS: dict[str, Contract] = {
    contract.name: contract
    for module in (platform, ingest, normalize, hazard, score, score_explanation, score_models, score_study, score_sales, provenance)
    for contract in module.CONTRACTS
}

STAGES = ("ingest", "normalize", "hazard", "score", "provenance")


def contract(name: str) -> Contract:
    """The contract called `name` (``schema.table``); KeyError lists what there is."""
    try:
        return CONTRACTS[name]
    except KeyError:
        raise KeyError(f"no contract {name}; there are {', '.join(sorted(CONTRACTS))}") from None


def published_by(stage: str) -> tuple[Contract, ...]:
    """The tables that `stage` builds, gates and publishes, in the order in which they are published."""
    return tuple(c for c in CONTRACTS.values() if c.kind == "published" and c.schema == stage)


__all__ = ["CONTRACTS", "STAGES", "SYSTEM_COLUMNS", "Column", "Contract", "contract", "published_by"]
