"""Lineage: events that the OpenLineage specification accepts, that say where each column comes from, and hold no row."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import attr
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_new_uuid
from referencing import Registry, Resource

from estate import lineage
from estate.contracts import CONTRACTS, STAGES, published_by
from estate.gate import Failure, Verdict
from estate.publish import Published
from estate.settings import ROOT

SPEC = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data")) / "openlineage" / "spec"


def verdicts(table="ingest.record"):
    failed = Failure("expect_column_values_to_not_be_null", "apn", 14, "critical", "A parcel without a number.", "refused")
    warned = Failure("expect_table_row_count_to_be_between", None, 3, "warning", "Fewer than usual.", "warned")
    return [Verdict(table, "sha", 5745, 12, [failed, warned], pd.DataFrame(columns=["position"]))]


def published(stage):
    return [Published(promise.name, 10, 4, 1, 5, 1) for promise in published_by(stage)]


def event(inputs=(), outputs=()):
    """A whole event around the datasets, as it goes over the wire."""
    made = RunEvent(
        eventTime=datetime.now(UTC).isoformat(), run=Run(runId=str(generate_new_uuid())), job=Job(namespace="test", name="test"),
        eventType=RunState.COMPLETE, inputs=list(inputs), outputs=list(outputs), producer="https://example.org/test",
    )  # fmt: skip
    return json.loads(Serde.to_json(made))


@pytest.fixture(scope="module")
def specification():
    """The schemas of the specification by their address."""
    if not SPEC.is_dir():
        pytest.skip(f"the OpenLineage specification is not at {SPEC}")
    schemas = [json.loads(path.read_text()) for path in sorted(SPEC.rglob("*.json"))]
    return Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)


def assert_valid(specification, said):
    address = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
    Draft202012Validator(specification[address].contents, registry=specification).validate(said)
    facets = 0
    for dataset in [*said["inputs"], *said["outputs"]]:
        for kind in ("facets", "inputFacets", "outputFacets"):
            for name, facet in dataset.get(kind, {}).items():
                named = facet["_schemaURL"].partition("#")[0].rpartition("/")[2]
                schema = next(address for address in specification if address.endswith(f"/{named}"))
                Draft202012Validator({"$ref": schema}, registry=specification).validate({name: facet})
                facets += 1
    return facets


@pytest.mark.data
@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_reads_and_writes_is_valid_openlineage(specification, stage):
    said = event(lineage.read_by("lakeside", stage), lineage.written("lakeside", published(stage)))
    assert assert_valid(specification, said) == 3 * len(published_by(stage))


@pytest.mark.data
def test_what_a_gate_says_is_valid_openlineage(specification):
    assert assert_valid(specification, event(lineage.judged("lakeside", verdicts()))) == 1


@pytest.mark.data
def test_the_specification_refuses_what_is_wrong(specification):
    said = event(lineage.judged("lakeside", verdicts()))
    said["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"][0]["success"] = "yes"
    with pytest.raises(Exception, match="is not of type 'boolean'"):
        assert_valid(specification, said)


def test_a_verdict_s_failures_are_named_with_column_rows_and_weight():
    ((dataset,), _) = event(lineage.judged("lakeside", verdicts()))["inputs"], None
    whole, failed, warned = dataset["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (whole["assertion"], whole["success"]) == ("suite", False)
    assert (failed["column"], failed["severity"], failed["success"]) == ("apn", "error", False)
    assert "14 rows refused" in failed["description"]
    assert warned["severity"] == "warn"
    assert "column" not in warned


def test_every_published_table_carries_its_schema_and_its_rows():
    for stage in STAGES:
        for dataset in event(outputs=lineage.written("lakeside", published(stage)))["outputs"]:
            fields = dataset["facets"]["schema"]["fields"]
            assert [(field["name"], field["type"]) for field in fields] == [
                (c.name, c.sql_type) for c in CONTRACTS[dataset["name"]].columns
            ]
            assert dataset["outputFacets"]["outputStatistics"]["rowCount"] == 4


def test_every_column_s_lineage_leads_to_a_column_of_a_contract():
    for stage in STAGES:
        for dataset in event(outputs=lineage.written("lakeside", published(stage)))["outputs"]:
            told = dataset["facets"]["columnLineage"]["fields"]
            assert set(told) == {c.name for c in CONTRACTS[dataset["name"]].columns if c.made_from}
            for field in told.values():
                for source in field["inputFields"]:
                    assert source["field"] in CONTRACTS[source["name"]].column_names


def test_a_stage_reads_the_tables_from_which_its_own_are_made():
    assert {dataset.name for dataset in lineage.read_by("lakeside", "normalize")} == {"ingest.record"}
    assert {"normalize.property", "reference.hazard_feature"} <= {dataset.name for dataset in lineage.read_by("lakeside", "hazard")}
    for stage in STAGES[1:]:
        assert {dataset.name for dataset in lineage.read_by("lakeside", stage)}


def test_each_tenant_has_a_namespace_of_its_own_and_public_data_has_one_for_all():
    assert lineage.namespace("lakeside", "ingest.record") == "estate://lakeside"
    assert lineage.namespace("harborview", "ingest.record") == "estate://harborview"
    assert {lineage.namespace(slug, "reference.hazard_layer") for slug in ("lakeside", "harborview")} == {"estate://reference"}
    said = json.dumps([event(lineage.read_by("lakeside", s), lineage.written("lakeside", published(s))) for s in STAGES])
    assert "harborview" not in said


def test_an_event_holds_counts_and_names_and_no_value_of_a_row():
    verdict = verdicts()[0]
    verdict.quarantined = pd.DataFrame([{"position": 3, "expectation": "e", "field_name": "owner_name", "reason": "CANARY"}])
    verdict.docs = {"page": b"CANARY"}
    assert "CANARY" not in json.dumps(event(lineage.judged("lakeside", [verdict])))
    assert attr.asdict(lineage.judged("lakeside", [verdict])[0])["name"] == "ingest.record"
