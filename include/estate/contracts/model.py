"""What a contract is: the promise one table makes, from which everything else about it is derived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["published", "record", "reference", "view"]
Role = Literal["key", "value", "origin"]
Made = Literal["assigned", "copied", "parsed", "inferred", "modelled"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its SQL type, its meaning, and what it is made from.

    `made_from` names source columns as ``schema.table.column``; it becomes the column lineage and the field provenance.
    `made` says how: copied, parsed, inferred, modelled, or assigned by us (keys). Trust is derived from it.
    `role` ``key`` identifies the row, ``value`` decides whether a version changed, ``origin`` travels with the value but
    never makes a new version by itself (a file that repeats a value does not change it).
    `is_personal` columns hold, or may hold, the name of somebody who owns, sells or buys, or where he gets his post. The API tells them
    to analysts who ask, and writes each such read into the audit.
    """

    name: str
    sql_type: str
    meaning: str
    unit: str = ""
    nullable: bool = True
    made: Made = "copied"
    made_from: tuple[str, ...] = ()
    role: Role = "value"
    is_personal: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Contract:
    """The promise of one table.

    kind ``published``: built, gated, published and versioned per tenant. ``record``: appended by the platform itself,
    per tenant. ``reference``: public data stored once, without a tenant. ``view``: no table; computed from published ones by a
    named query whenever it is read.
    `partition` is the column whose value bounds one load (an older vintage of a partition never overwrites a newer one).
    `parent` is (column, contract) of the row that must exist for this one to make sense; when the parent is quarantined
    the child follows it. `index` lists further indexes beside the key, each a tuple of columns. `may_be_empty` marks a
    table for which a batch without rows is sound (a file of parcels brings no sales).
    """

    name: str
    kind: Kind
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: str | None = None
    parent: tuple[str, str] | None = None
    index: tuple[tuple[str, ...], ...] = ()
    may_be_empty: bool = False

    @property
    def schema(self) -> str:
        """The stage, which is also the SQL schema."""
        return self.name.split(".")[0]

    @property
    def table(self) -> str:
        """The table's name without its schema."""
        return self.name.split(".")[1]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every declared column, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns whose change makes a new version."""
        return tuple(column.name for column in self.columns if column.role == "value")

    @property
    def row_key(self) -> tuple[str, ...]:
        """The key without the tenant."""
        return tuple(name for name in self.key if name != "tenant_id")

    @property
    def sources(self) -> tuple[str, ...]:
        """The tables that its columns are made from, in the order in which they are named; never itself."""
        named = (source.rpartition(".")[0] for column in self.columns for source in column.made_from)
        return tuple(table for table in dict.fromkeys(named) if table != self.name)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError names the table where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")


def key(name: str, sql_type: str, meaning: str, made_from: tuple[str, ...] = ()) -> Column:
    """A column of the table's identity."""
    return Column(name, sql_type, meaning, nullable=False, made="assigned", made_from=made_from, role="key")


def origin(name: str, sql_type: str, meaning: str, nullable: bool = False) -> Column:
    """A column that says where the row comes from, and makes no new version by itself."""
    return Column(name, sql_type, meaning, nullable=nullable, made="assigned", role="origin")


TENANT = key("tenant_id", "uuid", "tenant that brought the data")

# Added by the warehouse to every published table; never part of a frame.
SYSTEM_COLUMNS = (
    Column("publication_id", "bigint", "ledger row that published this version", nullable=False, made="assigned"),
    Column("published_at", "timestamptz", "from when this version holds", nullable=False, made="assigned"),
    Column("superseded_at", "timestamptz", "until when it held; infinity while current", nullable=False, made="assigned"),
)
