"""A whole machine comes up, serves, and lets in whom it should."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests
from rich.console import Console

from estate.contracts import published_by
from local import demo, issuer
from local.airflow import Airflow
from local.demo import Started
from local.plan import Run
from local.progress import Progress
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


class Announcing(Airflow):
    """Airflow's REST interface, with which these tests also send an asset event that no task sent."""

    def announce(self, asset: str, partition: str) -> str:
        """Send one event of `asset` in `partition`; returns when, as Airflow writes it."""
        (found,) = [one for one in self._get("assets", name_pattern=asset)["assets"] if one["name"] == asset]
        event = {"asset_id": found["id"], "partition_key": partition}
        answer = self._session.post(f"{self._url}/api/v2/assets/events", json=event, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["timestamp"])


def test_an_awaited_run_is_the_one_that_an_event_of_its_batch_starts_and_what_nothing_starts_is_missed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_START_SECONDS", 2)
    airflow, progress = Announcing(platform.machine), Progress(Console(quiet=True))
    airflow.wait_for({"features_market"})
    # A batch that nobody has landed: what works on it fails at once, without a second try.
    began = airflow.announce(f"lakeside.{published_by('provenance')[0].name}", "lakeside|nobody-000000000000")
    plan = Run(dag="features_market", awaited=True)
    there, absent = (Started(plan, "", partition=f"lakeside|nobody-{digest}", since=began) for digest in ("000000000000", "000000"))
    demo._watch(airflow, [there, absent], progress)
    assert (there.state, there.run_id.startswith("asset_triggered__")) == ("failed", True)
    assert (absent.state, absent.run_id) == ("missing", "")
    assert airflow.began("features_market", there.run_id) > began
    judged = [demo._judge(platform.machine, airflow, run, progress) for run in (there, absent)]
    assert judged == ["features_market ended failed", "features_market: nothing started it within 2 s"]
    now = datetime.now(UTC).isoformat()
    assert airflow.started_by("features_market", there.partition, now) is None, "a run of the same batch from before is not awaited"
