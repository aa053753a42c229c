"""The database as the pipeline sees it: named queries out, frames in, numbers for derivations."""

import threading
import uuid
from datetime import date

import pandas as pd
import psycopg
import pytest

from estate import sql as named_queries
from estate.sql import query
from estate.warehouse import Warehouse
from tests.frames import batch, current, exposures, frame, named, publish_frame, some_tenant

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

TYPES = """-- Values of each type. Parameters: text.
SELECT * FROM (VALUES
  (1, %(text)s::text, true, 1.5::float8, 2.25::numeric(14,2), DATE '2026-01-02',
   ARRAY['a', 'b,"c"\\'], ARRAY[1, NULL, 3], '{"a": [1]}'::jsonb, '00000000-0000-0000-0000-000000000000'::uuid),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS v (n, a_text, a_bool, a_double, a_price, a_date, texts, ints, a_json, a_uuid) ORDER BY n
"""


@pytest.fixture
def queries(tmp_path, monkeypatch):
    """Queries of this test's own beside those of the platform."""

    def write(name, text):
        (tmp_path / f"{name}.sql").write_text(text)

    monkeypatch.setattr(named_queries, "QUERIES", tmp_path)
    query.cache_clear()
    yield write
    query.cache_clear()


@pytest.fixture
def warehouse():
    with Warehouse(some_tenant()) as opened:
        yield opened


def test_a_frame_has_the_types_that_the_core_expects(queries, warehouse):
    queries("types", TYPES)
    frame = warehouse.frame("types", text='quote " comma , line\n ünï')
    first, second = frame.to_dict("records")
    assert first == {
        "n": 1, "a_text": 'quote " comma , line\n ünï', "a_bool": True, "a_double": 1.5, "a_price": 2.25,
        "a_date": pd.Timestamp("2026-01-02"),
        "texts": ["a", 'b,"c"\\'], "ints": [1, None, 3], "a_json": {"a": [1]}, "a_uuid": str(uuid.UUID(int=0)),
    }  # fmt: skip
    assert all(value is None or value is pd.NA or pd.isna(value) for name, value in second.items() if name != "n")
    assert second["a_text"] is None
    assert str(frame["a_date"].dtype).startswith("datetime64")


def test_no_rows_are_a_frame_with_the_columns(queries, warehouse):
    queries("none", "-- Nothing. No parameters.\nSELECT 1 AS n, 'x'::text AS a_text WHERE false")
    frame = warehouse.frame("none")
    assert list(frame.columns) == ["n", "a_text"]
    assert len(frame) == 0


@pytest.mark.parametrize("text", ["'; DROP TABLE hazard.exposure; --", "%s", "\\", "'", "$1", "--"])
def test_a_parameter_is_a_value_and_never_sql(queries, warehouse, text):
    queries("echo", "-- Say it again. Parameters: text.\nSELECT %(text)s::text AS said")
    assert warehouse.frame("echo", text=text)["said"].tolist() == [text]


def test_an_empty_text_comes_back_as_it_is_and_null_as_none(queries, warehouse):
    queries("echo", "-- Empty and null. No parameters.\nSELECT ''::text AS a_text, NULL::text AS b_text")
    assert warehouse.frame("echo").to_dict("records") == [{"a_text": "", "b_text": None}]


def test_keys_can_be_joined_and_are_gone_after(queries, warehouse):
    queries("join", "-- The keys themselves. No parameters.\nSELECT property_id FROM batch_key ORDER BY 1")
    keys = pd.DataFrame({"property_id": ["b", None, 'a "x"']})
    for _ in range(2):
        assert warehouse.frame("join", keys=keys)["property_id"].tolist() == ['a "x"', "b", None]
    with pytest.raises(psycopg.errors.UndefinedTable):
        warehouse.frame("join")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "x;y", "1a"])
def test_only_a_query_s_name_names_a_query(name):
    with pytest.raises(ValueError, match="is not the name of a query"):
        query(name)


def test_an_error_leaves_the_connection_usable(queries, warehouse):
    queries("fails", "-- Fails. No parameters.\nSELECT 1 / 0 AS n")
    queries("works", "-- Works. No parameters.\nSELECT 1 AS n")
    with pytest.raises(psycopg.errors.DivisionByZero):
        warehouse.frame("fails")
    assert warehouse.frame("works")["n"].tolist() == [1]


def test_a_connection_that_the_server_closed_is_opened_again(database, warehouse):
    with warehouse.transaction() as connection:
        pid = connection.info.backend_pid
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with pytest.raises(psycopg.OperationalError), warehouse.transaction():
        pass
    assert warehouse.rows("clock")


def test_insert_appends_inside_the_caller_s_transaction(warehouse):
    tenant = warehouse.tenant
    row = frame("provenance.derivation", tenant, [{"derivation_id": 1, "derivation_sha256": "x", "source_names": ["a,b", 'c"']}])
    with warehouse.transaction() as connection, connection.transaction(force_rollback=True):
        warehouse.insert("provenance.derivation", row, connection)
    with warehouse.transaction() as connection:
        assert connection.execute("SELECT source_names FROM provenance.derivation").fetchall() == []
    with warehouse.transaction() as connection:
        warehouse.insert("provenance.derivation", row, connection)
    with warehouse.transaction() as connection:
        assert connection.execute("SELECT source_names FROM provenance.derivation").fetchall() == [(["a,b", 'c"'],)]


def test_derivations_are_numbered_once_within_the_tenant(warehouse):
    made = {digest: {"source_names": ["s"], "fields": {"f": digest}} for digest in "abc"}
    first = warehouse.derivation_ids({"a": made["a"], "b": made["b"]})
    again = warehouse.derivation_ids(made)
    assert sorted(first.values()) == [1, 2]
    assert again == first | {"c": 3}
    with Warehouse(some_tenant()) as other:
        assert other.derivation_ids({"z": made["a"]}) == {"z": 1}


def test_derivations_numbered_at_once_get_one_number_each():
    tenant, numbered = some_tenant(), []

    def work(number):
        with Warehouse(tenant) as warehouse:
            made = {f"{digest}": {"source_names": [], "fields": {}} for digest in range(number, number + 5)}
            numbered.append(warehouse.derivation_ids(made))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbered) == 6
    assert all(ids[digest] == numbered[0].get(digest, ids[digest]) for ids in numbered for digest in ids)
    assert sorted({number for ids in numbered for number in ids.values()}) == list(range(1, 11))


def test_what_was_published_before_is_what_another_connection_sees():
    tenant = some_tenant()
    publish_frame(batch(tenant, vintage=date(2026, 1, 1)), exposures(tenant, {1: 0.5}))
    assert current(tenant) == named({1: 0.5})
