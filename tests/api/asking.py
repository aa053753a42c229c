"""Limits that a test can reach, a clock that it can set, and many requests at once."""

from __future__ import annotations

import uuid

from issuer import LAKESIDE

from api.limits import Allowance, Limiter

PATIENT_S = 5.0  # where the machine's load, and not Redis, would decide
FEW = {LAKESIDE: {"read": 20, "search": 5, "compute": 2, "export": 1, "subject": 25, "tenant": 40}}


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now_s: float = 1_000_000.25) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def spend(limiter: Limiter, count: int, cost: str, subject: str = "ada", tenant_id: uuid.UUID = LAKESIDE) -> list[Allowance]:
    return [limiter.hit(tenant_id, subject, cost) for _ in range(count)]
