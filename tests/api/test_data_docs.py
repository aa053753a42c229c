"""Data Docs: each tenant its own, no way out of the folder, and pages that neither call the internet nor run what a file held."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import DOCS_PASSWORDS, HARBORVIEW, LAKESIDE, bearer
from psycopg.types.json import Jsonb

from api import data_docs, docs_pages
from api.docs_pages import ASSETS, HANDLER_SHA256, SCRIPT_SHA256, offline
from api.storage import MAX_OBJECT_BYTES
from tests.servers import Database, Servers

pytestmark = pytest.mark.servers
_ASSETS = Path(docs_pages.__file__).parent / "data_docs_assets"


@pytest.fixture
def docs(client: FlaskClient, servers: Servers, s3_bucket: str) -> Callable[..., Any]:
    """GET below /data-docs as a tenant's user. Each tenant has a page; a secret lies beside the folder."""
    for tenant_id in (LAKESIDE, HARBORVIEW):
        servers.s3().put_object(Bucket=s3_bucket, Key=f"{tenant_id}/data-docs/validations/run.html", Body=b"<p>run</p>")
        servers.s3().put_object(Bucket=s3_bucket, Key=f"{tenant_id}/secret.html", Body=b"secret")
    return lambda path, user="lakeside": client.get(f"/data-docs/{path}", auth=(user, DOCS_PASSWORDS.get(user, "")))


def test_the_bare_address_leads_to_the_index(docs: Callable[..., Any]) -> None:
    assert docs("lakeside").headers["Location"] == "/data-docs/lakeside/"
    answer = docs("lakeside/")
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert "Lakeside Lending: what the gates said" in answer.text
    assert docs("lakeside/validations/run.html").text == "<p>run</p>"


def test_each_tenant_opens_its_own_docs_and_no_others(
    docs: Callable[..., Any], client: FlaskClient, make_token: Callable[..., str]
) -> None:
    assert "Harborview Partners: what the gates said" in docs("harborview/", "harborview").text
    foreign, absent = docs("harborview/", "lakeside"), docs("nobody/", "lakeside")
    assert foreign.status_code == absent.status_code == 401
    assert foreign.headers["WWW-Authenticate"] == absent.headers["WWW-Authenticate"]
    assert foreign.json["detail"] == absent.json["detail"]
    assert client.get("/data-docs/lakeside/", auth=("lakeside", "wrong")).status_code == 401
    assert client.get("/data-docs/lakeside/", auth=("lakeside", DOCS_PASSWORDS["harborview"])).status_code == 401
    assert client.get("/data-docs/lakeside/", auth=("", "")).status_code == 401
    assert client.get("/data-docs/lakeside/", headers={"Authorization": "Basic not-base64"}).status_code == 401
    assert client.get("/data-docs/lakeside/", headers=bearer(make_token())).status_code == 401
    assert client.get("/data-docs/lakeside/").status_code == 401


def test_the_index_lists_the_tenants_own_verdicts_and_says_what_failed(docs: Callable[..., Any], database: Database) -> None:
    for tenant_id, batch in ((LAKESIDE, "mine-1"), (HARBORVIEW, "theirs-1")):
        failure = {"expectation": "expect_<b>bold</b>", "field_name": "apn", "rows": 1234, "outcome": "refused", "reason": "why it stands"}
        with psycopg.connect(database.pipeline_url) as connection:
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
            world.put(
                connection, "provenance.verdict", tenant_id=tenant_id, verdict_id=uuid.uuid4(), batch_id=batch, table_name="ingest.record",
                is_passed=False, rows_in=5745, rows_quarantined=0, expectation_count=12, failures=Jsonb([failure]), suite_sha256="c" * 64,
                docs_key="validations/run.html", run_id="ingest/manual", judged_at=datetime.now(UTC),
            )  # fmt: skip
    page = docs("lakeside/").text
    assert "mine-1" in page
    assert "theirs-1" not in page
    assert "1,234 rows refused" in page
    assert "why it stands" in page
    assert 'href="/data-docs/lakeside/validations/run.html"' in page
    assert "<b>bold</b>" not in page


def test_the_index_leads_to_the_pages_of_the_tenants_own_models_and_says_which_may_not_serve(
    docs: Callable[..., Any], database: Database, servers: Servers, s3_bucket: str
) -> None:
    for tenant_id, model_id in ((LAKESIDE, "53033-2015-05-01-mine"), (HARBORVIEW, "53033-2015-05-01-theirs")):
        day = date(2015, 5, 1)
        with psycopg.connect(database.pipeline_url) as connection:
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
            world.put(
                connection, "score.model", tenant_id=tenant_id, model_id=model_id, county_fips="53033", as_of_date=day,
                trained_at=datetime.now(UTC), method="m", seed=1, sale_count=21613, window_from_date=day, window_to_date=day,
                snapshot_ids=[1], code_version="v", parameters_sha256="a", artefact_sha256="b", object_key="k", card_key="k",
                page_key=f"models/{model_id}.html", metrics=Jsonb({}), verdict_id=uuid.uuid4(), is_passed=False, refusal="prd <too> high",
                run_id="r",
            )  # fmt: skip
        servers.s3().put_object(Bucket=s3_bucket, Key=f"{tenant_id}/data-docs/models/{model_id}.html", Body=b"<p>the study</p>")
    page = docs("lakeside/").text
    assert 'href="/data-docs/lakeside/models/53033-2015-05-01-mine.html"' in page
    assert "theirs" not in page
    assert "21,613" in page
    assert "prd &lt;too&gt; high" in page
    study = docs("lakeside/models/53033-2015-05-01-mine.html")
    assert study.text == "<p>the study</p>"
    assert study.headers["Content-Security-Policy"] == docs("lakeside/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html",
        "..%2fsecret.html",
        "%2e%2e/secret.html",
        "%2e%2e%2fsecret.html",
        "%252e%252e/secret.html",
        "validations/../../secret.html",
        "./index.html",
        "validations//run.html",
        "/index.html",
        "//etc/passwd",
        "..\\secret.html",
        "%5c..%5csecret.html",
        "index.html%00.png",
        "%00",
        "index.html/",
        f"../../{HARBORVIEW}/data-docs/index.html",
        ".hidden.html",
        "validations",
        "run.js",
        "page.php",
        "index.html%0a",
        "_assets/../index.html",
        "_assets/secret.html",
        "_assets/..%2f..%2fauth.py",
        "x" * 2000 + ".html",
        "%c0%ae%c0%ae/secret.html",
        "~root/x.html",
        "https://evil.test/x.html",
        "index.html;x",
        "no-such.html",
    ],
)
def test_no_path_leaves_the_tenants_folder(docs: Callable[..., Any], path: str) -> None:
    answer = docs(f"lakeside/{path}")
    assert answer.status_code in {401, 404}  # 401 where the address is no route at all
    assert b"secret" not in answer.data.replace(b"secret.html", b"")


def test_a_page_runs_no_script_of_its_own_and_calls_nobody(docs: Callable[..., Any]) -> None:
    policy = dict(part.split(" ", 1) for part in docs("lakeside/").headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not re.search(r"https?:|\*|data:", " ".join(policy.values()))


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_the_libraries_are_served_from_here(docs: Callable[..., Any], name: str) -> None:
    answer = docs(f"lakeside/_assets/{name}")
    assert answer.status_code == 200
    kinds = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "woff2": "font/woff2"}
    assert answer.content_type == kinds[name.rpartition(".")[2]]


def test_without_its_store_a_page_is_unavailable(make_app: Callable[..., Any]) -> None:
    client = make_app(s3_endpoint_url="http://127.0.0.1:1", s3_access_key_id="x", s3_secret_access_key="x").test_client()
    assert client.get("/data-docs/lakeside/", auth=("lakeside", DOCS_PASSWORDS["lakeside"])).status_code == 503


def test_a_page_that_is_too_large_says_so_and_where_it_is_found(docs: Callable[..., Any], servers: Servers, s3_bucket: str) -> None:
    servers.s3().put_object(Bucket=s3_bucket, Key=f"{LAKESIDE}/data-docs/large.html", Body=b"x" * (MAX_OBJECT_BYTES + 1))
    answer = docs("lakeside/large.html")
    assert (answer.status_code, answer.json["type"]) == (503, "/problems/unavailable")
    assert "The page large.html has 20 MiB" in answer.json["detail"]
    assert "Retry-After" not in answer.headers


def test_a_proven_password_is_not_hashed_again(docs: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    docs("lakeside/")
    monkeypatch.setattr(data_docs, "check_password_hash", lambda *_: pytest.fail("hashed again"))
    assert docs("lakeside/").status_code == 200


def test_wrong_passwords_are_not_hashed_without_end_and_a_proven_one_still_opens(
    docs: Callable[..., Any], client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert docs("lakeside/").status_code == 200
    hashed, check = [], data_docs.check_password_hash
    monkeypatch.setattr(data_docs, "check_password_hash", lambda *how: (hashed.append(1), check(*how))[1])
    monkeypatch.setattr(data_docs, "WRONG_PER_S", 0.001)
    answers = [client.get("/data-docs/lakeside/", auth=("lakeside", f"guess {number}")) for number in range(data_docs.WRONG_BURST + 5)]
    assert [answer.status_code for answer in answers] == [401] * data_docs.WRONG_BURST + [429] * 5
    assert len(hashed) == data_docs.WRONG_BURST
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 1000
    assert answers[-1].content_type == "application/problem+json"
    assert docs("lakeside/").status_code == 200
    assert docs("harborview/", "harborview").status_code == 200, "another's bucket is another"
    made_up = [
        client.get("/data-docs/lakeside/", auth=(f"nobody {number}", "x")).status_code for number in range(data_docs.WRONG_BURST + 1)
    ]
    assert made_up == [401] * data_docs.WRONG_BURST + [429]


@pytest.fixture(scope="module")
def real_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A validation page as Great Expectations writes it, of a column that holds markup."""
    gx = pytest.importorskip("great_expectations")
    import pandas as pd

    folder = tmp_path_factory.mktemp("site")
    context = gx.get_context(mode="ephemeral")
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
    context.add_data_docs_site("site", {"class_name": "SiteBuilder", "show_how_to_buttons": False, "store_backend": backend})
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    suite = context.suites.add(gx.ExpectationSuite("s"))
    suite.add_expectation(gx.expectations.ExpectColumnValuesToMatchRegex(column="situs_raw", regex="^[0-9]"))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=batch, suite=suite))
    action = gx.checkpoint.UpdateDataDocsAction(name="docs")
    checkpoint = context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[definition], actions=[action]))
    checkpoint.run(batch_parameters={"dataframe": pd.DataFrame({"situs_raw": ["<script>alert(1)</script>", "1 Main St"]})})
    (page,) = folder.glob("validations/**/*.html")
    return page.read_text()


def test_a_real_page_asks_the_internet_for_nothing(real_page: str) -> None:
    page = offline(real_page, "/data-docs/lakeside/")
    wanted = re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]+)"', page)
    assert [address for address in wanted if address.startswith(("http", "//"))] == []
    assert {address.removeprefix("/data-docs/lakeside/_assets/") for address in wanted if "_assets" in address} == {
        name for name in ASSETS if not name.endswith("woff2")
    }


def test_the_policy_allows_exactly_the_scripts_that_great_expectations_writes(real_page: str) -> None:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    inline = re.findall(r"<script>(.*?)</script>", real_page, re.DOTALL)
    assert "alert(1)" in inline  # what the file held stands in the page unescaped: only the policy stops it
    assert {digest(text) for text in inline if text != "alert(1)"} == set(SCRIPT_SHA256)
    assert {digest(text) for text in re.findall(r'onclick="([^"]+)"', real_page)} == set(HANDLER_SHA256)
    assert digest("alert(1)") not in SCRIPT_SHA256


def test_the_libraries_are_the_very_files_that_the_pages_ask_for(real_page: str) -> None:
    stated = dict(re.findall(r'src="([^"]+)" integrity="sha384-([^"]+)"', real_page))
    assert len(stated) == 2
    for address, digest in stated.items():
        name = address.rpartition("/")[2]
        (path,) = _ASSETS.rglob(name)
        assert base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode() == digest
