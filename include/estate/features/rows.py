"""The rows of a feature view as one statement: its own query, over the versions of properties where it is made from them.

Whoever reads a view reads this: training, what goes online, Feast and the API.
"""

from __future__ import annotations

from psycopg import sql

from estate.features.definitions import FeatureView
from estate.sql import query

_PROPERTY = "normalize.property"
_NO_MOMENTS = sql.SQL("")


def rows_of(view: FeatureView) -> sql.Composable:
    """The statement that gives every row of `view` of the current tenant, one an event; it takes no parameters."""
    if not property_fields(view):
        return sql.SQL(query(view.query))
    moments = sql.SQL("CROSS JOIN LATERAL ({}) AS m").format(sql.SQL(query("features_version_moments")))
    return _over_versions(view, sql.Identifier("m", "moment_at"), sql.SQL("true"), moments)


def rows_at(view: FeatureView, at: sql.Composable | None = None) -> sql.Composable:
    """The statement that gives, of the rows of `rows_of`, at least those that held at the moment `at`, an expression; or just those of now.

    Where it gives more, the reader's own condition on the times finds it; one that gives no more is read faster.
    """
    if not property_fields(view):
        return rows_of(view) if at else sql.SQL(query("features_held_now")).format(rows=rows_of(view))
    if at is None:
        return _over_versions(view, sql.SQL("timestamptz 'infinity'"), sql.SQL("p.superseded_at = 'infinity'"))
    return _over_versions(view, at, sql.SQL("p.published_at <= {at} AND p.superseded_at > {at}").format(at=at))


def property_fields(view: FeatureView) -> tuple[str, ...]:
    """The columns of normalize.property that the features of `view` are made from, in order; none where it is made from other tables."""
    named = (source.rpartition(".") for feature in view.features for source in feature.made_from)
    return tuple(dict.fromkeys(name for table, _, name in named if table == _PROPERTY))


def _over_versions(
    view: FeatureView, moment: sql.Composable, held: sql.Composable, moments: sql.Composable = _NO_MOMENTS
) -> sql.Composable:  # fmt: skip
    fields = property_fields(view)
    told = [sql.SQL("(p.{} IS NULL OR {} = ANY (o.told))").format(sql.Identifier(name), sql.Literal(name)) for name in fields]
    version = sql.SQL(query("features_version")).format(
        moment=moment,
        moments=moments,
        held=held,
        fields=sql.Literal(list(fields)),
        is_told=sql.SQL(" AND ").join([sql.SQL("o.told IS NOT NULL"), *told]),
    )
    return sql.SQL(query(view.query)).format(version=version)
