"""OpenLineage datasets and facets, derived from contracts and verdicts. Knows OpenLineage, not Airflow."""

from __future__ import annotations

from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from estate.contracts import CONTRACTS, Contract, published_by
from estate.features.definitions import VIEWS
from estate.gate import Verdict
from estate.publish import Published

_SUBTYPE = {
    "assigned": "TRANSFORMATION",
    "copied": "IDENTITY",
    "parsed": "TRANSFORMATION",
    "inferred": "TRANSFORMATION",
    "modelled": "AGGREGATION",
}


def namespace(tenant_slug: str, table: str) -> str:
    """The lineage namespace of a table: the tenant's own, or the one of public data."""
    return "estate://reference" if CONTRACTS[table].kind == "reference" else f"estate://{tenant_slug}"


def judged(tenant_slug: str, verdicts: list[Verdict]) -> list[InputDataset | Dataset]:
    """The tables that a gate looked at, each with what was expected of it and whether it held."""
    return [_judged(tenant_slug, verdict) for verdict in verdicts]


def _judged(tenant_slug: str, verdict: Verdict) -> InputDataset:
    failed = [
        data_quality_assertions_dataset.Assertion(
            assertion=failure.expectation,
            success=False,
            column=failure.field_name,
            severity="warn" if failure.outcome == "warned" else "error",
            description=f"{failure.reason} {failure.rows} rows {failure.outcome}",
        )
        for failure in verdict.failures
    ]
    held = data_quality_assertions_dataset.Assertion(
        assertion="suite", success=verdict.is_passed, description=f"{verdict.expectation_count} expectations over {verdict.rows_in} rows"
    )
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=[held, *failed])
    return InputDataset(
        namespace=namespace(tenant_slug, verdict.table_name), name=verdict.table_name, inputFacets={"dataQualityAssertions": facet}
    )


def read_by(tenant_slug: str, stage: str) -> list[InputDataset | Dataset]:
    """The tables from which the tables of `stage` are made, as their contracts say."""
    return _sources(tenant_slug, published_by(stage))


def read_by_views(tenant_slug: str) -> list[InputDataset | Dataset]:
    """The tables from which features are made."""
    return _sources(tenant_slug, tuple(view.contract for view in VIEWS.values()))


def _sources(tenant_slug: str, contracts: tuple[Contract, ...]) -> list[InputDataset | Dataset]:
    tables = {table for contract in contracts for table in contract.sources} - {contract.name for contract in contracts}
    return [InputDataset(namespace=namespace(tenant_slug, table), name=table) for table in sorted(tables)]


def online(tenant_slug: str) -> list[OutputDataset | Dataset]:
    """The feature views as they are online, each with its schema and its column lineage."""
    return [
        OutputDataset(
            namespace=namespace(tenant_slug, view.contract.name),
            name=view.contract.name,
            facets={"schema": schema(view.contract), "columnLineage": column_lineage(tenant_slug, view.contract)},
        )
        for view in VIEWS.values()
    ]


def written(tenant_slug: str, published: list[Published]) -> list[OutputDataset | Dataset]:
    """The tables that a stage published, each with its schema, its column lineage and the rows it wrote."""
    return [
        OutputDataset(
            namespace=namespace(tenant_slug, done.table_name),
            name=done.table_name,
            facets={"schema": schema(CONTRACTS[done.table_name]), "columnLineage": column_lineage(tenant_slug, CONTRACTS[done.table_name])},
            outputFacets={
                "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=done.rows_published)
            },
        )
        for done in published
    ]


def schema(contract: Contract) -> schema_dataset.SchemaDatasetFacet:
    """The columns of a table with type and meaning."""
    return schema_dataset.SchemaDatasetFacet(
        fields=[schema_dataset.SchemaDatasetFacetFields(name=c.name, type=c.sql_type, description=c.meaning) for c in contract.columns]
    )


def column_lineage(tenant_slug: str, contract: Contract) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """From which columns each column of a table is made."""
    fields = {}
    for column in contract.columns:
        inputs = []
        for made_from in column.made_from:
            table, _, name = made_from.rpartition(".")
            how = column_lineage_dataset.Transformation(type="DIRECT", subtype=_SUBTYPE[column.made], description=column.made)
            inputs.append(
                column_lineage_dataset.InputField(namespace=namespace(tenant_slug, table), name=table, field=name, transformations=[how])
            )
        if inputs:
            fields[column.name] = column_lineage_dataset.Fields(inputFields=inputs)
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields=fields)
