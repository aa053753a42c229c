"""The audit is kept for 90 days, by a function that can delete older rows and nothing else."""

import psycopg
import pytest

from estate.contracts.platform import NO_TENANT
from estate.retention import expire_audit
from estate.settings import tenants

pytestmark = pytest.mark.servers


@pytest.fixture
def kept(database, settings_env):
    """A row of every age around the limit for two tenants and for nobody; tells what is left, by tenant."""
    owners = {tenant.slug: tenant.tenant_id for tenant in tenants().values()} | {"no-tenant": NO_TENANT}
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("DELETE FROM platform.audit")
        for tenant_id in owners.values():
            connection.execute(
                "INSERT INTO platform.audit SELECT %s, gen_random_uuid(), now() - age, 'refused', age::text, NULL, NULL, NULL,"
                " 'GET', 401, 'x' FROM unnest('{0 days,89 days,89 days 23:59:00,90 days 00:01:00,91 days,2 years}'::interval[]) AS age",
                (tenant_id,),
            )

        def left():
            return dict(connection.execute("SELECT tenant_id, count(*) FROM platform.audit GROUP BY 1").fetchall())

        yield owners, left


def test_rows_older_than_90_days_go_and_younger_ones_stay(kept):
    owners, left = kept
    assert expire_audit() == dict.fromkeys(owners, 3)
    assert left() == dict.fromkeys(owners.values(), 3)
    assert expire_audit() == dict.fromkeys(owners, 0)


def test_the_pipeline_deletes_old_rows_of_the_tenant_that_is_set_and_no_other(kept, database):
    owners, left = kept
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(owners["lakeside"]),))
        assert connection.execute("SELECT platform.expire_audit()").fetchone() == (3,)
    assert left() == dict.fromkeys(owners.values(), 6) | {owners["lakeside"]: 3}


def test_without_a_tenant_nothing_goes(kept, database):
    owners, left = kept
    with psycopg.connect(database.pipeline_url) as connection:
        assert connection.execute("SELECT platform.expire_audit()").fetchone() == (0,)
    assert left() == dict.fromkeys(owners.values(), 6)


def test_the_api_cannot_delete_even_old_rows(kept, database):
    owners, left = kept
    with psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(owners["lakeside"]),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT platform.expire_audit()")
    assert left() == dict.fromkeys(owners.values(), 6)
