"""The read API over 1,000,000 properties of 10 tenants under row-level security; cores shared with the database and the generator."""

from __future__ import annotations

import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests
from psycopg import sql
from rich.console import Console

from api.cursors import Cursors
from bench.api_server import Server, fill, property_id, running, tenant_id, write_tenants
from bench.figures import CannotMeasure, Figure, recorded, seconds, write
from bench.machine import database, stores
from estate.sql import query
from local.postgres import binaries

ROWS = 1_000_000
TENANTS = 10
PARTS = ("one", "pages", "export", "users")
NOTES = (
    (
        "One property: the statement that builds the whole document (`sql/queries/api_property_document.sql`), by pgbench as the API's "
        "role, prepared, in a transaction of its own, and by wrk through the API with tokens verified and limits counted; eight "
        "connections each, three rounds of ten seconds in turn. The export and the 10,000th page are of one more tenant, which has as "
        "many properties as all others together."
    ),
)
_ROUNDS, _SECONDS, _CONNECTIONS = 3, 10, 8
_WRK = """
local tokens = {%s}
local headers = {Accept = "*/*"}
request = function()
  local tenant = math.random(0, #tokens - 1)
  headers["Authorization"] = tokens[tenant + 1]
  %s
end
"""
_ANY = (
    'return wrk.format("GET", string.format("/api/v1/properties/00000000-0000-4000-8%03x-%012x", tenant, math.random(0, {last})), headers)'
)
_SAME = """headers["If-None-Match"] = ({{{etags}}})[tenant + 1]
  return wrk.format("GET", ({{{paths}}})[tenant + 1], headers)"""


def measure(rows: int, console: Console, parts: tuple[str, ...] = PARTS) -> list[Figure]:
    """Each part of the figures, against one server."""
    for program, package in (("wrk", "wrk"), ("locust", "locust")):
        if not shutil.which(program) and not Path(sys.executable).with_name(program).exists():
            raise CannotMeasure(f"{program} is not on this machine (package {package})")
    with stores(console) as machine, tempfile.TemporaryDirectory(prefix="estate-api-") as scratch:
        folder = Path(scratch)
        with database(machine, "api") as url:
            console.print(f"writing {2 * rows:,} properties")
            fill(url, TENANTS, rows // TENANTS, rows)
            write_tenants(folder / "tenants.toml", TENANTS + 1)
            os.environ["ESTATE_TENANTS_FILE"] = str(folder / "tenants.toml")
            with running(machine, folder) as server:
                work = Work(server, folder, rows, console)
                measured = {"one": work.one, "pages": work.pages, "export": work.export, "users": work.users}
                found: list[Figure] = []
                for part in (part for part in PARTS if part in parts):
                    found += measured[part]()
                    if rows == ROWS:  # what is measured stays, whatever becomes of the rest
                        write("api", _with_recorded(found))
    return _with_recorded(found) if rows == ROWS else found


def _with_recorded(found: list[Figure]) -> list[Figure]:
    """`found`, and what is recorded of the other parts."""
    names = {figure.name for figure in found}
    return found + [figure for figure in recorded("api") if figure.name not in names]


class Work:
    """The measurements of one server."""

    def __init__(self, server: Server, folder: Path, rows: int, console: Console) -> None:
        """`rows` properties of all tenants together."""
        self.server, self.folder, self.each, self.rows, self.console = server, folder, rows // TENANTS, rows, console
        self.tokens = [server.bearer(tenant) for tenant in range(TENANTS + 1)]

    def one(self) -> list[Figure]:
        """One property, against pgbench; unchanged and cached reads, against one property."""
        addresses = [f"/api/v1/properties/{property_id(tenant, 1)}" for tenant in range(TENANTS)]
        etags = [self._etag(path, tenant) for tenant, path in enumerate(addresses)]
        twins = [f"{path}/twins" for path in addresses]
        for tenant, path in enumerate(twins):
            self._get(path, tenant)
        of_any = _ANY.replace("{last}", str(self.each - 1))
        unchanged = _SAME.format(etags=_lua(etags), paths=_lua(addresses))
        cached = 'return wrk.format("GET", ({' + _lua(twins) + "})[tenant + 1], headers)"
        rounds: list[dict[str, float]] = []
        for _ in range(_ROUNDS):
            rounds.append({
                "pgbench": self._pgbench(),
                "one": self._wrk("one", of_any),
                "unchanged": self._wrk("unchanged", unchanged),
                "cached": self._wrk("cached", cached),
            })  # fmt: skip
            self.console.print(rounds[-1])
        rate = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        against = "pgbench running the same prepared statement in the same transaction shape"
        return [
            Figure("one property, throughput", 100 * rate["one"] / rate["pgbench"], "%", 15, "higher", against, 1),
            Figure("one unchanged property (304)", rate["unchanged"] / rate["one"], "x", 2, "higher", "one property read"),
            Figure("twins of a property out of the cache", rate["cached"] / rate["one"], "x", 2, "higher", "one property read"),
            Figure("pgbench", rate["pgbench"], "a second", digits=0),
            *(Figure(name, rate[name], "a second", digits=0) for name in ("one", "unchanged", "cached")),
        ]

    def pages(self) -> list[Figure]:
        """Pages and searches at 50 a second, and a page far down."""
        figures = []
        for kind, title in (("list", "list page of 100"), ("radius", "100 within 2 km"), ("box", "100 in a box of 5 by 5 km")):
            found = self._locust(kind, users=5, run_seconds=20)[kind]
            figures.append(Figure(f"{title}, 95th percentile", found["95%"], "ms", 50, against="50 requests a second", digits=0))
            if found["failures"]:
                raise RuntimeError(f"{kind}: {found['failures']} failed requests")
        first = "/api/v1/properties?limit=100"
        far = f"{first}&cursor={self._cursor(first, self.rows // 100 - 1)}"
        took = {path: statistics.median(seconds(lambda path=path: self._get(path, TENANTS)) for _ in range(50)) for path in (first, far)}  # type: ignore[misc]
        return [*figures, Figure("the last of 10,000 pages", took[far] / took[first], "x", 1.2, against="the first page")]

    def export(self) -> list[Figure]:
        """Everything of the large tenant, against the server's COPY."""
        columns = self._exported()
        rounds = {"csv": [], "ndjson": [], "copy": []}  # type: dict[str, list[float]]
        for _ in range(_ROUNDS):
            rounds["copy"].append(seconds(lambda: self._copy(columns)))
            for kind in ("csv", "ndjson"):
                rounds[kind].append(seconds(lambda kind=kind: self._export(kind)))  # type: ignore[misc]
        took = {kind: statistics.median(values) for kind, values in rounds.items()}
        against = f"psql COPY TO STDOUT of the same columns of the same {self.rows:,} rows"
        return [
            Figure("export as CSV", took["csv"] / took["copy"], "x", 3, against=against),
            Figure("export as NDJSON", took["ndjson"] / took["copy"], "x", 3, against=against),
            Figure("peak memory of a worker after all exports", self.server.peak_mib(), "MiB", digits=0),
            *(Figure(f"{kind}: {self.rows:,} rows", value, "s") for kind, value in took.items()),
        ]

    def users(self) -> list[Figure]:
        """A hundred people for five minutes."""
        found = self._locust("users", users=100, run_seconds=300)
        failed = sum(kind["failures"] for kind in found.values())
        against = "100 users for 5 minutes"
        return [
            Figure("failed requests", failed, "requests", 0, against=against, digits=0),
            Figure("list, 95th percentile", found["list"]["95%"], "ms", 100, against=against, digits=0),
            Figure("one property, 95th percentile", found["get"]["95%"], "ms", 25, against=against, digits=0),
            *(Figure(f"{kind}, 95th percentile", found[kind]["95%"], "ms", digits=0) for kind in ("radius", "box")),
            Figure("requests answered", sum(kind["requests"] for kind in found.values()), "requests", digits=0),
        ]

    def _get(self, path: str, tenant: int) -> requests.Response:
        answer = requests.get(self.server.url + path, headers={"Authorization": self.tokens[tenant]}, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _etag(self, path: str, tenant: int) -> str:
        """The tag of an answer, known to be known again; a worker that has just begun gives none before it listens to what is published."""
        told = {"Authorization": self.tokens[tenant], "Accept": "*/*"}
        for _ in range(100):
            etag = self._get(path, tenant).headers.get("ETag")
            if etag and requests.get(self.server.url + path, headers={**told, "If-None-Match": etag}, timeout=60).status_code == 304:
                return etag
            time.sleep(0.1)
        raise RuntimeError(f"{path} has no ETag")

    def _cursor(self, path: str, page: int) -> str:
        """The cursor after that many pages of 100, made out of the first page's own."""
        first = self._get(path, TENANTS).json()["next_cursor"]
        cursors = Cursors(os.environ["ESTATE_CURSOR_SECRET"])
        last = f"00000000-0000-4000-8fff-{100 * page:012x}"
        return cursors.moved(tenant_id(TENANTS), first, [last, last])

    def _pgbench(self) -> float:
        script = self.folder / "one.pgbench"
        values = {"property_id": ":property_id::uuid", "with_owner": "false", "docs_url": "'https://docs.invalid'"}
        statement = re.sub(r"(?m)^--.*\n", "", query("api_property_document"))
        statement = re.sub(r"%\((\w+)\)s", lambda match: values[match[1]], statement).replace("%%", "%")
        # pgbench takes :MI and :SS for variables, quoted or not; the planner folds this back into the same constant.
        statement = statement.replace("HH24:MI:SS", "HH24' || chr(58) || 'MI' || chr(58) || 'SS")
        script.write_text(
            f"\\set t random(0, {TENANTS - 1})\n\\set n random(0, {self.each - 1})\n"
            "BEGIN READ ONLY;\n"
            "SELECT set_config('app.tenant_id', '00000000-0000-4000-a000-' || lpad(to_hex(:t::int), 12, '0'), true), "
            "('00000000-0000-4000-8' || lpad(to_hex(:t::int), 3, '0') || '-' || lpad(to_hex(:n::int), 12, '0'))::uuid AS property_id "
            "\\gset\n"
            f"{statement};\nCOMMIT;\n"
        )
        command = [
            str(binaries() / "pgbench"), "-n", "-M", "prepared", "-c", str(_CONNECTIONS), "-j", "1", "-T", str(_SECONDS), "-f", str(script),
            os.environ["ESTATE_API_DATABASE_URL"],
        ]  # fmt: skip
        return _number(r"tps = ([0-9.]+)", _said(command))

    def _wrk(self, name: str, body: str) -> float:
        script = self.folder / f"{name}.lua"
        script.write_text(_WRK % (_lua(self.tokens[:TENANTS]), body))
        command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(script), self.server.url]
        said = _said(command)
        if "Non-2xx" in said and name != "unchanged":
            raise RuntimeError(said)
        return _number(r"Requests/sec:\s+([0-9.]+)", said)

    def _locust(self, kind: str, users: int, run_seconds: int) -> dict[str, dict[str, float]]:
        """Requests, failures and the 95th percentile (ms) by name."""
        told = {"BENCH_TOKENS": "\n".join(self.tokens[:TENANTS]), "BENCH_PROPERTIES": str(self.each), "BENCH_KIND": kind}
        command = [
            sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("api_scenario.py")), "--headless", "-u", str(users),
            "-r", "20",
            "-t", f"{run_seconds}s", "-H", self.server.url, "--csv", str(self.folder / kind), "--only-summary", "--exit-code-on-error", "0",
        ]  # fmt: skip
        _said(command, os.environ | told)
        with (self.folder / f"{kind}_stats.csv").open() as file:
            return {
                row["Name"]: {"requests": int(row["Request Count"]), "failures": int(row["Failure Count"]), "95%": float(row["95%"])}
                for row in csv.DictReader(file)
                if row["Name"] != "Aggregated"
            }

    def _exported(self) -> list[str]:
        with requests.get(**self._export_request("csv"), stream=True, timeout=60) as answer:
            return next(answer.iter_lines()).decode().split(",")

    def _export_request(self, kind: str) -> dict[str, Any]:
        url = f"{self.server.url}/api/v1/properties/export?format={kind}"
        return {"url": url, "headers": {"Authorization": self.tokens[TENANTS], "Accept-Encoding": "identity"}}

    def _export(self, kind: str) -> None:
        with requests.get(**self._export_request(kind), stream=True, timeout=300) as answer:
            rows = sum(block.count(b"\n") for block in answer.iter_content(1 << 20))
        if rows < self.rows:
            raise RuntimeError(f"{rows:,} of {self.rows:,} rows came")

    def _copy(self, columns: list[str]) -> None:
        statement = sql.SQL(
            "SET app.tenant_id = {}; COPY (SELECT {} FROM provenance.summary WHERE superseded_at = 'infinity') TO STDOUT (FORMAT csv)"
        ).format(sql.Literal(str(tenant_id(TENANTS))), sql.SQL(", ").join(map(sql.Identifier, columns)))
        command = [str(binaries() / "psql"), "-qX", "-c", statement.as_string(), os.environ["ESTATE_API_DATABASE_URL"]]
        with (self.folder / "copy.csv").open("wb") as file:
            subprocess.run(command, stdout=file, check=True)


def _said(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What a program printed. Raises RuntimeError with what it complained of."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def _lua(texts: list[str]) -> str:
    return ", ".join("'" + text.replace("'", "\\'") + "'" for text in texts)


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"no {pattern} in: {said}")
    return float(found[1])
