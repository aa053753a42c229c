"""The NFHL client against a local server that answers as ArcGIS does: pages, error bodies with status 200, throttling."""

import email.utils
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest
from shapely.geometry import shape

from estate.errors import ServiceUnavailable
from estate.ingest.nfhl import ATTEMPTS, Reader

AREA = (-123.3, 45.8, -123.1, 45.9)
SQUARE = [[-123.2, 45.85], [-123.2, 45.86], [-123.19, 45.86], [-123.19, 45.85], [-123.2, 45.85]]  # clockwise, as Esri writes
HOLE = [[-123.198, 45.852], [-123.192, 45.852], [-123.192, 45.858], [-123.198, 45.858], [-123.198, 45.852]]


def said(number):
    return {"OBJECTID": number, "FLD_ZONE": "AE", "ZONE_SUBTY": "FLOODWAY", "SFHA_TF": "T", "STATIC_BFE": -9999.0}


def geojson_page(numbers, *, is_cut):
    """As the service answers f=geojson."""
    features = [
        {"type": "Feature", "id": n, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, "properties": said(n)} for n in numbers
    ]
    page = {"type": "FeatureCollection", "features": features}
    return page | ({"properties": {"exceededTransferLimit": True}, "exceededTransferLimit": True} if is_cut else {})


def esri_page(numbers, *, is_cut):
    """As the service answers f=json; servers without the GeoJSON form answer so whatever was asked."""
    features = [{"attributes": said(n), "geometry": {"rings": [SQUARE, HOLE]}} for n in numbers]
    page = {"displayFieldName": "FLD_ZONE", "geometryType": "esriGeometryPolygon", "spatialReference": {"wkid": 4326}, "features": features}
    return page | ({"exceededTransferLimit": True} if is_cut else {})


class Service:
    """An ArcGIS layer of `total` features; `faults` are answers (status, headers, body) given first, one a request."""

    def __init__(self, total=0, *, page=geojson_page, most=2, faults=(), paged=True):
        self.total, self.page, self.most, self.faults, self.paged, self.asked = total, page, most, list(faults), paged, []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = {key: values[0] for key, values in parse_qs(urlparse(self.path).query).items()}
                service.asked.append(asked)
                status, headers, body = service.faults.pop(0) if service.faults else (200, {}, service.answer(asked))
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Length": len(body)} | headers).items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/arcgis/rest/services/public/NFHL/MapServer/28"

    def answer(self, asked):
        if "returnCountOnly" in asked:
            return {"count": self.total}
        first = int(asked["resultOffset"]) if self.paged else 0
        size = min(self.most, int(asked["resultRecordCount"]))
        numbers = list(range(self.total, 0, -1))[first : first + size]
        return self.page(numbers, is_cut=first + size < self.total)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def reader(service, waits=None, **options):
    return Reader(service.url, sleep=(waits if waits is not None else []).append, **options)


@pytest.mark.parametrize("page", [geojson_page, esri_page])
def test_every_page_is_read_and_the_same_content_gives_the_same_bytes(page):
    with Service(5, page=page) as service:
        first, second = reader(service).read(AREA), reader(service).read(AREA)
    assert first == second
    features = json.loads(first)["features"]
    assert [feature["properties"]["OBJECTID"] for feature in features] == [1, 2, 3, 4, 5]
    assert features[0]["properties"] == said(1)
    assert [asked.get("resultOffset") for asked in service.asked[:4]] == [None, "0", "2", "4"]


def test_esri_rings_become_polygons_with_holes():
    with Service(1, page=esri_page) as service:
        (feature,) = json.loads(reader(service).read(AREA))["features"]
    ground = shape(feature["geometry"])
    assert ground.is_valid
    assert ground.area == pytest.approx(0.01 * 0.01 - 0.006 * 0.006)


def test_an_area_without_zones_is_an_empty_collection():
    with Service(0) as service:
        assert json.loads(reader(service).read(AREA)) == {"type": "FeatureCollection", "features": []}


def test_throttling_is_waited_out_for_as_long_as_the_service_says():
    waits = []
    faults = [(429, {"Retry-After": "7"}, b""), (503, {"Retry-After": email.utils.formatdate(time.time() + 20, usegmt=True)}, b"")]
    with Service(1, faults=faults) as service:
        reader(service, waits).read(AREA)
    assert len(service.asked) == 4
    assert waits[0] == 7
    assert 15 < waits[1] <= 20


def test_an_error_body_with_status_200_is_an_error_and_a_heavy_query_is_asked_again_for_half():
    heavy = (200, {}, {"error": {"code": 500, "message": "Error performing query operation", "details": []}})
    with Service(1, faults=[(200, {}, {"count": 1}), heavy, heavy]) as service:
        reader(service).read(AREA)
    assert [asked.get("resultRecordCount") for asked in service.asked] == [None, "1000", "500", "250"]


def test_an_error_that_will_not_pass_is_not_asked_again():
    refused = (200, {}, {"error": {"code": 400, "message": "Invalid or missing input parameters.", "details": []}})
    with Service(1, faults=[refused]) as service, pytest.raises(ServiceUnavailable, match="Invalid or missing input parameters"):
        reader(service).read(AREA)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "fault", [(503, {}, b""), (200, {}, b"<html>Site under maintenance</html>"), (200, {"Content-Length": "999"}, b'{"feat')]
)
def test_a_service_that_stays_down_is_given_up_after_the_stated_attempts(fault):
    with Service(1, faults=[fault] * 20) as service, pytest.raises(ServiceUnavailable, match=f"gave up after {ATTEMPTS} attempts"):
        reader(service, total_seconds=10_000).read(AREA)
    assert len(service.asked) == ATTEMPTS


def test_a_wait_longer_than_the_time_left_is_not_begun():
    waits = []
    with Service(1, faults=[(429, {"Retry-After": "3600"}, b"")]) as service, pytest.raises(ServiceUnavailable, match="HTTP 429"):
        reader(service, waits).read(AREA)
    assert waits == []
    assert len(service.asked) == 1


def test_a_service_that_trickles_is_cut_off_when_the_time_is_over():
    ticks = iter(range(0, 10_000, 40))
    with Service(4) as service, pytest.raises(ServiceUnavailable, match="not read within 100 s"):
        reader(service, total_seconds=100, clock=lambda: next(ticks)).read(AREA)


def test_an_answer_without_end_is_cut_off():
    with Service(1, faults=[(200, {}, b" " * 5000)]) as service, pytest.raises(ServiceUnavailable, match="more than 1000 bytes"):
        reader(service, max_bytes=1000).read(AREA)


@pytest.mark.parametrize(
    ("count", "page", "reason"),
    [
        (3, geojson_page([1], is_cut=False), "promises more"),
        (1, geojson_page([1, 2], is_cut=False), "2 of 1 features"),
        (1, geojson_page([], is_cut=True), "sends none that is new"),
        (1, {"features": ["x"]}, "neither GeoJSON nor Esri's JSON"),
        (1, ["x"], "not a JSON object"),
    ],
)
def test_what_is_not_complete_is_nothing(count, page, reason):
    with Service(faults=[(200, {}, {"count": count}), *[(200, {}, page)] * 9]) as service, pytest.raises(ServiceUnavailable, match=reason):
        reader(service).read(AREA)


def test_a_server_that_ignores_the_offset_does_not_keep_us_for_ever():
    with Service(5, paged=False) as service, pytest.raises(ServiceUnavailable, match="sends none that is new"):
        reader(service).read(AREA)


def test_a_server_that_nobody_runs_is_unavailable():
    with Service() as service:
        pass
    with pytest.raises(ServiceUnavailable, match="ConnectionError"):
        reader(service).read(AREA)
