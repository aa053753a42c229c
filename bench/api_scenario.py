"""The load of bench.api, run by locust: people who look up, page and search. BENCH_TOKENS: tokens by line, one a tenant."""

from __future__ import annotations

import os
import random

from locust import FastHttpUser, between, constant_throughput, task

from bench.api_server import property_id

TOKENS = os.environ["BENCH_TOKENS"].split("\n")
PROPERTIES = int(os.environ["BENCH_PROPERTIES"])
KIND = os.environ["BENCH_KIND"]
LIST = "/api/v1/properties?limit=100"


def centre() -> tuple[float, float]:
    """Somewhere among the properties: latitude, longitude."""
    return 47.15 + 0.63 * random.random(), -122.52 + 1.2 * random.random() ** 2


class Caller(FastHttpUser):
    """Somebody of a tenant who asks the same kind of question ten times a second, or, as one of the crowd, about once."""

    wait_time = between(0.5, 1.5) if KIND == "users" else constant_throughput(10)

    def on_start(self) -> None:
        """Choose a tenant."""
        self.tenant = random.randrange(len(TOKENS))

    def ask(self, path: str, name: str) -> None:
        """GET `path`, counted under `name`; every address is another one, so nothing is answered out of a cache."""
        self.client.get(path, name=name, headers={"Authorization": TOKENS[self.tenant]})

    @task(4 if KIND == "users" else 1)
    def one(self) -> None:
        """A property, or whatever kind is measured."""
        if KIND in {"users", "one"}:
            self.ask(f"/api/v1/properties/{property_id(self.tenant, random.randrange(PROPERTIES))}", "get")
        else:
            getattr(self, f"ask_{KIND}")()

    @task(2 if KIND == "users" else 0)
    def ask_list(self) -> None:
        """A page of 100, of some size."""
        self.ask(f"{LIST}&living_area_sqft_min={random.randrange(600, 3000)}", "list")

    @task(1 if KIND == "users" else 0)
    def ask_radius(self) -> None:
        """A hundred within two kilometres."""
        latitude, longitude = centre()
        self.ask(f"{LIST}&near={latitude:.5f},{longitude:.5f}&radius_m=2000", "radius")

    @task(1 if KIND == "users" else 0)
    def ask_box(self) -> None:
        """A hundred in a box of about five by five kilometres."""
        south, west = centre()
        self.ask(f"{LIST}&bbox={west:.5f},{south:.5f},{west + 0.066:.5f},{south + 0.045:.5f}", "box")
