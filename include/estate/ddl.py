"""Draft the SQL of a contract: table, comments, keys, row-level security and grants.

    python -m estate.ddl normalize.sale > sql/migrations/0007_sale.sql

A migration is read and edited by a person before it lands, and never edited after. Tests compare the result with the
contracts.
"""

from __future__ import annotations

import sys

from estate.contracts import CONTRACTS, SYSTEM_COLUMNS, Column, Contract

_TENANT = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
# Quarantined rows are marked when a replay publishes them, and a publication counts its rows in its own transaction; nothing
# else that was written is ever rewritten.
_UPDATABLE = {"provenance.quarantine": "resolved_at", "provenance.publication": "rows_published, rows_closed, rows_unchanged"}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _column(column: Column) -> str:
    default = " DEFAULT 'infinity'" if column.name == "superseded_at" else ""
    return f"  {column.name} {column.sql_type}{default}{'' if column.nullable else ' NOT NULL'}"


def _comment(column: Column) -> str:
    return f"{column.meaning} [{column.unit}]" if column.unit else column.meaning


def columns_of(contract: Contract) -> tuple[Column, ...]:
    """The declared columns, and for a published table those that the warehouse adds."""
    return contract.columns + (SYSTEM_COLUMNS if contract.kind == "published" else ())


def draft(contract: Contract) -> str:
    """The statements that make `contract`'s table."""
    published = contract.kind == "published"
    key = (*contract.key, "superseded_at") if published else contract.key
    lines = [",\n".join([_column(c) for c in columns_of(contract)] + [f"  PRIMARY KEY ({', '.join(key)})"])]
    out = [f"CREATE TABLE {contract.name} (\n{lines[0]}\n);"]
    for columns in contract.index:
        name = f"{contract.table}_{'_'.join(c for c in columns if c != 'tenant_id')}_idx"
        where = " WHERE superseded_at = 'infinity'" if published else ""
        out.append(f"CREATE INDEX {name} ON {contract.name} ({', '.join(columns)}){where};")
    if contract.kind == "reference":
        out += [f"CREATE INDEX {contract.table}_{c.name}_idx ON {contract.name} USING gist ({c.name});"
                for c in contract.columns if c.sql_type.startswith("geometry")]  # fmt: skip
    out.append(f"COMMENT ON TABLE {contract.name} IS {_quoted(contract.grain)};")
    out += [f"COMMENT ON COLUMN {contract.name}.{c.name} IS {_quoted(_comment(c))};" for c in columns_of(contract)]
    if contract.kind != "reference":
        out += [
            f"ALTER TABLE {contract.name} ENABLE ROW LEVEL SECURITY;",
            f"ALTER TABLE {contract.name} FORCE ROW LEVEL SECURITY;",
            f"CREATE POLICY tenant_isolation ON {contract.name}\n  USING ({_TENANT})\n  WITH CHECK ({_TENANT});",
        ]
    insert = "" if contract.name == "platform.tenant" else ", INSERT"
    out.append(f"GRANT SELECT{insert} ON {contract.name} TO estate_pipeline;")
    updatable = "superseded_at" if published else _UPDATABLE.get(contract.name, "is_current" if contract.table == "hazard_layer" else "")
    if updatable:
        out.append(f"GRANT UPDATE ({updatable}) ON {contract.name} TO estate_pipeline;")
    out.append(f"GRANT SELECT ON {contract.name} TO estate_api;")
    return "\n".join(out)


def main(names: list[str]) -> None:
    """Print the drafts of the named contracts, or of all."""
    sys.stdout.write("\n\n".join(draft(CONTRACTS[name]) for name in names or CONTRACTS) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
