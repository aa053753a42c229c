"""The forms that people fill in when they start a run."""

from __future__ import annotations

from airflow.sdk import Param

from estate.ingest.declaration import declared_names
from estate.settings import tenants


def tenant_param() -> dict[str, Param]:
    """The form's select of tenants."""
    choices = sorted(tenants())
    return {"tenant": Param(choices[0], type="string", enum=choices, title="Tenant", description="Whose data this run works on.")}


def backfill_params() -> dict[str, Param]:
    """The form of a run that puts all features online; without a tenant it works on every one."""
    about = "Whose data this run works on; empty takes every tenant."
    exit_ = "Why features that changed beyond what the gate lets through are right as they are; empty leaves the gate as it is."
    return {
        "tenant": Param(None, type=["null", "string"], enum=[None, *sorted(tenants())], title="Tenant", description=about),
        "accepted_because": Param(None, type=["null", "string"], title="Accepted because", description=exit_),
    }


def landing_params() -> dict[str, Param]:
    """The form of a run that lands a file: tenant, source, file and vintage."""
    choices = declared_names("record")
    return tenant_param() | {
        "source": Param(choices[0], type="string", enum=choices, title="Source", description="What the file is, as declared."),
        "file": Param(
            None, type=["null", "string"], title="File", description="Name in the tenant's landing folder; empty takes the newest."
        ),
        "vintage_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Vintage",
            description="The day the data stands for; empty takes the source's own.",
        ),
    }


def batch_params() -> dict[str, Param]:
    """The form of a run that works on a landed batch; a run that an asset event started takes it from its partition."""
    return tenant_param() | {
        "batch_id": Param(
            None,
            type=["null", "string"],
            title="Batch",
            description="A batch as named in ingest.snapshot, such as ames_sales-0123456789ab.",
        )
    }


def layer_params() -> dict[str, Param]:
    """The form of a run that loads a hazard layer."""
    choices = declared_names("hazard_layer")
    return {
        "source": Param(choices[0], type="string", enum=choices, title="Layer", description="Which declared layer the file is."),
        "file": Param(
            None, type=["null", "string"], title="File", description="Name in the reference landing folder; empty takes the newest."
        ),
        "vintage_date": Param(None, type=["null", "string"], format="date", title="Vintage", description="The day the layer stands for."),
        "bounds": Param(
            None,
            type=["null", "string"],
            title="Bounds",
            pattern=r"^(-?\d+(\.\d+)?,){3}-?\d+(\.\d+)?$",
            description="For a service: west,south,east,north in degrees, such as -88.0,42.9,-87.8,43.1.",
        ),
    }


def series_params() -> dict[str, Param]:
    """The form of a run that loads a public market series."""
    choices = declared_names("market_series")
    return {
        "source": Param(choices[0], type="string", enum=choices, title="Series", description="Which declared series the file is."),
        "file": Param(
            None, type=["null", "string"], title="File", description="Name in the reference landing folder; empty takes the newest."
        ),
        "vintage_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Vintage",
            description="The day the file stands for; empty takes the source's own, or the newest period in the file.",
        ),
    }


def market_params() -> dict[str, Param]:
    """The form of a run that works on the markets of a tenant."""
    about = "Five digits, 00000 where the county is unknown; empty takes every county with sales."
    return tenant_param() | {"county_fips": Param(None, type=["null", "string"], pattern=r"^\d{5}$", title="County", description=about)}


def training_params() -> dict[str, Param]:
    """The form of a run that trains models."""
    about = "Only sales before this day are used, and the model serves from it on; empty takes the day after the newest sale."
    return market_params() | {"as_of_date": Param(None, type=["null", "string"], format="date", title="As of", description=about)}


def promotion_params() -> dict[str, Param]:
    """The form of a run that lets a model serve."""
    about = "A model as named in score.model; later ones of its county that were promoted before are set aside."
    return tenant_param() | {
        "model_id": Param(None, type=["null", "string"], title="Model", description=about),
        "reason": Param(None, type=["null", "string"], title="Reason", description="Why; it stands in score.promotion for good."),
    }


def decision_params() -> dict[str, Param]:
    """The form of a decision about one sale."""
    return tenant_param() | {
        "sale_id": Param(
            None, type=["null", "string"], title="Sale", description="Its sale_id, as in score.sale_validation or normalize.sale."
        ),
        "is_arms_length": Param(
            True, type="boolean", title="Evidence of market value", description="Yes: the price is one of the open market."
        ),
        "reason": Param(None, type=["null", "string"], title="Reason", description="Why; kept with the decision, and read by others."),
        "decided_by": Param(
            None, type=["null", "string"], title="Decided by", description="Who decides; empty takes the user who starts the run."
        ),
    }
