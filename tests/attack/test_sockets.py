"""Bytes as no client would send them, to a real gunicorn: one answer at most, and never one that was smuggled in."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from issuer import AUDIENCE, HARBORVIEW, ISSUER, LAKESIDE
from served import Server, serving

from tests.attack.ground import Ground
from tests.attack.report import Attack, Held, attacks, one

pytestmark = pytest.mark.servers
# A request inside another's body; only a server that reads it as one answers with this title.
INNER = "GET /problems/rate-limited HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = b"Too many requests"
ME = "/api/v1/me"
PATIENCE_S = 25.0  # the slow may cost the others a while, and not more


@pytest.fixture(scope="module")
def server(ground: Ground, jwks_file: Path, passwords_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kept = ("redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key", "tenants_file")
    variables = {f"ESTATE_{name.upper()}": str(getattr(ground.settings, name)) for name in kept}
    variables |= {
        "ESTATE_DATABASE_URL": ground.settings.api_database_url,
        "ESTATE_API_DATABASE_URL": ground.settings.api_database_url,
        "ESTATE_JWT_ISSUER": ISSUER,
        "ESTATE_JWT_AUDIENCE": AUDIENCE,
        "ESTATE_JWKS_URL": jwks_file.as_uri(),
        "ESTATE_CURSOR_SECRET": "x" * 32,
        # One process with eight threads: a dozen slow clients are more than it can wait for at once.
        "WEB_CONCURRENCY": "1",
        "ESTATE_DOCS_PASSWORDS_FILE": str(passwords_file),
    }
    with serving(tmp_path_factory.mktemp("gunicorn"), variables) as running:
        yield running


def spoken(server: Server, raw: bytes, patience_s: float = 3.0) -> bytes:
    """All that the server says to these bytes until it closes, or is silent after an answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience_s) as connection:
        said = b""
        try:
            connection.sendall(raw)
            # A kept connection stays open: what comes within this is all there is.
            while part := connection.recv(65536):
                said += part
                connection.settimeout(0.4)
        except (TimeoutError, ConnectionError):
            pass
    return said


def statuses(said: bytes) -> list[int]:
    """The status lines among the bytes."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", said)]


def token(ground: Ground, tenant: Any = LAKESIDE) -> str:
    return f"Authorization: Bearer {ground.make_token(tenant, roles=['admin'], sub='raw')}\r\n"


# By name: what it is, and the bytes. @P and @G begin a POST and a GET, @T is the line with a sound token, @K says chunked, @C close, and
# @I is a request inside.
FRAMING = {
    "cl-te": ("a content length and chunks, one message inside the other", "@P@TContent-Length: 6\r\n@K\r\n0\r\n\r\n@I"),
    "te-cl": ("chunks that end after the content length", "@P@T@KContent-Length: 4\r\n\r\n5c\r\n@I\r\n0\r\n\r\n"),
    "two-lengths": ("two content lengths", "@G@TContent-Length: 0\r\nContent-Length: 44\r\n\r\n@I"),
    "length-list": ("a list of content lengths", "@G@TContent-Length: 0, 44\r\n\r\n@I"),
    "length-plus": ("a content length with a plus", "@G@TContent-Length: +0\r\n\r\n@I"),
    "length-hex": ("a hexadecimal content length", "@G@TContent-Length: 0x0\r\n\r\n@I"),
    "length-negative": ("a negative content length", "@G@TContent-Length: -1\r\n\r\n@I"),
    "length-underscore": ("a content length with an underscore", "@G@TContent-Length: 1_0\r\n\r\n@I"),
    "length-digits": ("a content length in digits of another script", "@G@TContent-Length: \u0664\r\n\r\n@I"),
    "length-underscored-name": ("Content_Length in the place of Content-Length", "@GContent_Length: 44\r\n@C\r\n@I"),
    "te-twice": ("Transfer-Encoding twice", "@P@T@KTransfer-Encoding: identity\r\n\r\n0\r\n\r\n@I"),
    "te-unknown": ("a transfer encoding that is none", "@P@TTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n@I"),
    "te-identity": ("chunked, then identity", "@P@TTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n@I"),
    "te-blank": ("a blank before the colon of Transfer-Encoding", "@P@TTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n@I"),
    "te-tab": ("a vertical tab before chunked", "@P@TTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n@I"),
    "te-folded": ("Transfer-Encoding on a folded line", "@P@TTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n@I"),
    "te-1.0": ("chunks in HTTP/1.0", "POST /api/v1/valuations HTTP/1.0\r\nHost: x\r\n@T@KConnection: keep-alive\r\n\r\n0\r\n\r\n@I"),
    "chunk-negative": ("a chunk of negative size", "@P@T@K\r\n-1\r\n@I"),
    "chunk-overflow": ("a chunk whose size overflows", "@P@T@K\r\nFFFFFFFFFFFFFFFFF0\r\n@I"),
    "chunk-hex": ("a chunk size that begins with 0x", "@P@T@K\r\n0x0\r\n\r\n@I"),
    "chunk-underscore": ("a chunk size with an underscore", "@P@T@K\r\n0_0\r\n\r\n@I"),
    "chunk-lf": ("chunks whose lines end in a line feed alone", "@P@T@K\r\n0\n\n@I"),
    "chunk-short": ("a chunk that is longer than it says", "@P@T@K\r\n1\r\nxx\r\n0\r\n\r\n@I"),
    "chunk-extension": ("a chunk with an extension that holds a request", '@P@T@C@K\r\n2;a="\n@I"\r\n{}\r\n0\r\n\r\n'),
    "chunk-trailer": ("a trailer that brings another token", "@P@C@KTrailer: Authorization\r\n\r\n0\r\n@T\r\n"),
    "folded": ("a header on two lines", "@GX-A: b\r\n @TX-B: c\r\n\r\n"),
    "lf-only": ("lines that end in a line feed alone", "GET @M HTTP/1.1\nHost: x\nX-A: b\n\n"),
    "cr-inside": ("a carriage return inside a header", "@GX-A: b\r@T\r\n\r\n"),
    "nul-header": ("NUL inside a header", "@GX-A: b\0c\r\n@T\r\n"),
    "blank-colon": ("a blank before a header's colon", "@GAuthorization : Bearer x\r\n\r\n"),
    "no-name": ("a header without a name", "@G: x\r\n@T\r\n"),
    "no-colon": ("a header without a colon", "@GX-A\r\n@T\r\n"),
}
TARGETS = {
    "absolute": ("the address of another server", "GET http://evil.test@M HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "authority": ("CONNECT to another server", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n@C\r\n"),
    "asterisk": ("OPTIONS of everything", "OPTIONS * HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "double-slash": ("two slashes, which a proxy may take for a server", "GET //evil.test@M HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "dots": ("dots up to a guarded address", "GET /health/live/../..@M HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "dots-encoded": ("encoded dots up to a guarded address", "GET /health/live/%2e%2e/%2e%2e@M HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "slash-encoded": ("encoded slashes up to a guarded address", "GET /health%2f..%2f..@M HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "open-prefix": (
        "an open address with a guarded one behind an encoded question mark",
        "GET /health/live%3f@M HTTP/1.1\r\nHost: x\r\n@C\r\n",
    ),
    "percent": ("a percent sign that encodes nothing", "GET @M%zz HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "hash": ("a fragment", "GET @M#x HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "small-method": ("a method in small letters", "get @M HTTP/1.1\r\nHost: x\r\n@T@C\r\n"),
    "long-method": ("a method of five thousand letters", "@A @M HTTP/1.1\r\nHost: x\r\n@C\r\n"),
    "no-version": ("HTTP/0.9", "GET @M\r\n\r\n"),
    "version-2": ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "version-9": ("a version that is none", "GET @M HTTP/9.9\r\nHost: x\r\n@T\r\n"),
    "version-lower": ("a version in small letters", "GET @M http/1.1\r\nHost: x\r\n@T\r\n"),
    "tabs": ("tabs in the request line", "GET\t@M\tHTTP/1.1\r\nHost: x\r\n@T\r\n"),
    "two-hosts": ("two Host headers", "@GHost: evil.test\r\n@C\r\n"),
    "no-host": ("no Host header", "GET @M HTTP/1.1\r\n@C\r\n"),
    "two-tokens": ("two Authorization headers, of both tenants", "@G@T@U@C\r\n"),
    "same-token-twice": ("the same Authorization header twice", "@G@T@T@C\r\n"),
    "token-underscored": (
        "a second token under a name that a gateway reads as the same",
        "@GHTTP_AUTHORIZATION: Bearer x\r\nAuthorization_: Bearer x\r\n@C\r\n",
    ),
    "long-header": ("a header of 9,000 bytes", "@GX-A: @A@A\r\n\r\n"),
    "many-headers": ("a hundred headers", "@G@H\r\n"),
    "long-line": ("an address of 10,000 bytes", "GET @M?@A@A HTTP/1.1\r\nHost: x\r\n\r\n"),
    "proxy": ("the preface of the PROXY protocol, with a forged client", "PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n@G\r\n"),
    "tls": ("the greeting of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "noise": ("noise", "\x00\x01\x02\xfe\xff\r\n\r\n\r\n"),
    "h2c": (
        "an upgrade to HTTP/2 in clear text",
        "@GConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    ),
    "continue": ("Expect: 100-continue for a body that is too large", "@P@TExpect: 100-continue\r\n@CContent-Length: 99999999\r\n\r\n"),
    "trace": ("TRACE, which would show the token to a script", "TRACE @M HTTP/1.1\r\nHost: x\r\n@T@C\r\n"),
}


def bytes_of(ground: Ground, text: str) -> bytes:
    marks = {
        "@P": "POST /api/v1/valuations HTTP/1.1\r\nHost: x\r\n",
        "@G": f"GET {ME} HTTP/1.1\r\nHost: x\r\n",
        "@C": "Connection: close\r\n",
        "@K": "Transfer-Encoding: chunked\r\n",
        "@T": token(ground),
        "@U": token(ground, HARBORVIEW),
        "@I": INNER,
        "@M": ME,
        "@A": "A" * 5000,
        "@H": "".join(f"X-{number}: 1\r\n" for number in range(100)),
    }
    for mark, meant in marks.items():
        text = text.replace(mark, meant)
    return text.encode("utf-8" if "\u0664" in text else "latin-1")


def told(answers: list[int]) -> str:
    return " then ".join(map(str, answers)) if answers else "closed without an answer"


@attacks(
    "P6",
    *(
        Attack(f"p6-{name.replace('.', '-')}", said, "one answer, a refusal, or none; what is inside is not answered", text)
        for name, (said, text) in FRAMING.items()
    ),
)
def test_a_message_has_one_end(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    said = spoken(server, bytes_of(ground, attack.payload))
    assert SMUGGLED not in said
    assert len(statuses(said)) <= 1 or statuses(said)[1:] == [400], said
    assert all(400 <= status < 500 or status == 501 for status in statuses(said)), said
    assert server.get("/health/live").ok
    held(told(statuses(said)))


@attacks(
    "P6",
    *(Attack(f"p6-{name}", said, "a refusal, or none, or the answer of that very address", text) for name, (said, text) in TARGETS.items()),
)
def test_an_odd_request_is_refused(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    said = spoken(server, bytes_of(ground, attack.payload))
    found = statuses(said)
    assert all(400 <= status < 500 or status in {100, 501, 505} for status in found), said
    assert str(LAKESIDE).encode() not in said
    assert b"Bearer ey" not in said
    assert b"evil.test" not in said.partition(b"\r\n\r\n")[0]
    assert server.get("/health/live").ok
    held(told(found))


@one("P6", "p6-kept-connection", "one connection kept for requests of both tenants in turn, and of nobody", "each gets its own answer")
def test_a_kept_connection_keeps_no_caller(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for tenant_id, other in ((LAKESIDE, HARBORVIEW), (HARBORVIEW, LAKESIDE), (None, LAKESIDE), (LAKESIDE, HARBORVIEW)):
        headers = dict([token(ground, tenant_id).strip().split(": ", 1)]) if tenant_id else {}
        connection.request("GET", ME, headers=headers)
        answer = connection.getresponse()
        said = answer.read().decode()
        assert (answer.status, str(tenant_id) in said) == ((200, True) if tenant_id else (401, False))
        assert str(other) not in said
    connection.close()
    held("200, 200, 401, 200, each its own")


@one("P6", "p6-pipelined", "requests of both tenants sent at once on one connection", "each answer stands in its place")
def test_requests_sent_at_once_are_answered_in_order(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    lines = [token(ground), token(ground, HARBORVIEW), "Connection: close\r\n"]
    said = spoken(server, "".join(f"GET {ME} HTTP/1.1\r\nHost: x\r\n{line}\r\n" for line in lines).encode())
    parts = said.decode().split("HTTP/1.1 ")[1:]
    assert [part[:3] for part in parts][:1] == ["200"]
    for part, tenant_id in zip(parts, (LAKESIDE, HARBORVIEW, None), strict=False):
        assert tenant_id is None or str(tenant_id) in part
        assert part.startswith("200" if tenant_id else "401")
    held("each in its place")


@attacks(
    "P6",
    Attack(
        "p6-slow-headers",
        "a dozen connections that send a header a byte at a time",
        "others are answered meanwhile",
        "GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ",
    ),
    Attack(
        "p6-slow-body",
        "a dozen connections that promise a body and send none",
        "others are answered meanwhile",
        "POST /api/v1/valuations HTTP/1.1\r\nHost: x\r\n@TContent-Length: 5000\r\nContent-Type: application/json\r\n\r\n{",
    ),
    Attack("p6-silent", "a dozen connections that send nothing", "others are answered meanwhile", ""),
    Attack(
        "p6-never-read",
        "a dozen connections that ask for the largest page and never read",
        "others are answered meanwhile",
        "GET /api/v1/properties?limit=500 HTTP/1.1\r\nHost: x\r\n@T\r\n",
    ),
)
def test_the_slow_do_not_hold_up_the_others(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    raw = bytes_of(ground, attack.payload)
    slow = []
    try:
        for _ in range(12):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            connection.sendall(raw)
            slow.append(connection)
        time.sleep(0.3)
        address = f"http://127.0.0.1:{server.port}/health/live"
        answers = [requests.get(address, timeout=PATIENCE_S).status_code for _ in range(3)]
    finally:
        for connection in slow:
            connection.close()
    assert answers == [200] * 3
    held("answered")


@one("P6", "p6-gone", "three clients that go away in the middle of an export", "the next is answered, and no export stays open")
def test_clients_that_go_away_leave_nothing_behind(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(f"GET /api/v1/properties/export HTTP/1.1\r\nHost: x\r\n{token(ground)}\r\n".encode())
            connection.recv(100)
    deadline = time.monotonic() + 30
    while "estate_exports_in_flight 0.0" not in server.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert server.get("/health/live").ok
    held("answered, none open")


@one("P6", "p6-quiet", "all of the above: what the server has written meanwhile", "no error, no traceback, no token")
def test_the_server_has_logged_no_fault(ground: Ground, server: Server, attack: Attack, held: Held) -> None:
    spoken(server, bytes_of(ground, TARGETS["trace"][1]))
    out = server.out() + server.errors()
    assert "Traceback" not in out
    assert '"level":"error"' not in out
    assert "eyJ" not in out
    held("nothing of these")
