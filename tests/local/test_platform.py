"""A whole machine comes up, serves, and lets in whom it should."""

from __future__ import annotations

import pytest
import requests

from local import issuer
from local.airflow import Airflow
from local.tenants import docs_password, tenants
from tests.servers import Platform

pytestmark = [pytest.mark.servers, pytest.mark.scheduler]


def test_the_api_takes_a_token_of_this_machine_and_nothing_else(platform: Platform) -> None:
    address = platform.machine.url("api") + "/api/v1/properties"
    token = issuer.token(platform.machine, tenants()["lakeside"].tenant_id, "test")
    assert requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200
    assert requests.get(address, timeout=10).status_code == 401
    assert requests.get(address, headers={"Authorization": f"Bearer {token[:-4]}AAAA"}, timeout=10).status_code == 401


def test_airflow_parses_every_dag(platform: Platform) -> None:
    Airflow(platform.machine).wait_for({"ingest", "normalize", "hazard", "score", "provenance", "property_pipeline", "hazard_layer"})


def test_airflow_refuses_a_value_that_the_form_does_not_offer(platform: Platform) -> None:
    airflow = Airflow(platform.machine)
    airflow.wait_for({"property_pipeline"})
    with pytest.raises(RuntimeError, match="nobody"):
        airflow.trigger("property_pipeline", {"tenant": "nobody"})


def test_data_docs_want_the_tenants_password(platform: Platform) -> None:
    address = platform.machine.url("api") + "/data-docs/lakeside/"
    assert requests.get(address, timeout=10).status_code == 401
    right = requests.get(address, auth=("lakeside", docs_password(platform.machine, "lakeside")), timeout=10)
    assert right.status_code in (200, 404)  # before the first run there is no page yet
