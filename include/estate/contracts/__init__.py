"""Every table the platform promises, once.

Assets, lineage datasets, gate suites, table checks, the data dictionary and field provenance are derived from this
registry; there is no second list.
"""

from estate.contracts import (
    features,
    hazard,
    ingest,
    market,
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

_MODULES = (
    platform, ingest, normalize, hazard, score, score_explanation, score_models, score_study, score_sales, provenance, market, features,
)  # fmt: skip

CONTRACTS: dict[str, Contract] = {contract.name: contract for module in _MODULES for contract in module.CONTRACTS}

# Those with a table of their own: a view is computed from others whenever it is read.
TABLES: dict[str, Contract] = {name: promise for name, promise in CONTRACTS.items() if promise.kind != "view"}

STAGES = ("ingest", "normalize", "hazard", "score", "provenance")

# All that publish: the features come after the stages, of which the last ends a batch; what is computed from it later holds nothing up.
FLOWS = (*STAGES, "features")

# On which a gate passes a verdict for a tenant. Public data pass a gate too, before they are anybody's, and leave a landing instead.
JUDGED = frozenset(name for name, promise in CONTRACTS.items() if promise.kind in {"published", "view"}) | {
    "score.ratio_study", "features.profile",
}  # fmt: skip


def contract(name: str) -> Contract:
    """The contract called `name` (``schema.table``); KeyError lists what there is."""
    try:
        return CONTRACTS[name]
    except KeyError:
        raise KeyError(f"no contract {name}; there are {', '.join(sorted(CONTRACTS))}") from None


def published_by(stage: str) -> tuple[Contract, ...]:
    """The tables that `stage` builds, gates and publishes, in the order in which they are published."""
    return tuple(c for c in CONTRACTS.values() if c.kind == "published" and c.schema == stage)


__all__ = ["CONTRACTS", "FLOWS", "JUDGED", "STAGES", "SYSTEM_COLUMNS", "TABLES", "Column", "Contract", "contract", "published_by"]
