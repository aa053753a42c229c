"""Write the documents that are generated: data dictionary (contracts), source catalogue (declarations), features (definitions).

python -m estate.docs            # write them
python -m estate.docs --check    # exit 1 when what lies in docs/ differs
"""

from __future__ import annotations

import sys

from estate.contracts import CONTRACTS, Contract
from estate.ddl import columns_of
from estate.features.definitions import SERVICES, VIEWS, FeatureView
from estate.ingest.declaration import sources
from estate.settings import ROOT, Settings

_KIND = {
    "published": "Published: built, gated and versioned per tenant",
    "record": "Book: written by the platform itself, per tenant",
    "reference": "Reference: public, stored once, without a tenant",
    "view": "View: computed from published tables whenever it is read, per tenant",
}


def data_dictionary() -> str:
    """Every table and column, as the contracts declare them."""
    head = (
        "# Data dictionary\n\nGenerated from `include/estate/contracts/` by `make docs`; do not edit. "
        "`made from` is the column lineage that OpenLineage events and field provenance carry.\n"
    )
    parts = [head, *[_table(contract) for contract in CONTRACTS.values()]]
    return "\n".join(parts)


def _table(contract: Contract) -> str:
    lines = [
        f"## {contract.name}\n",
        f"{contract.grain[0].upper()}{contract.grain[1:]}. {_KIND[contract.kind]}. Key: `{', '.join(contract.key)}`.\n",
    ]
    lines += ["| column | type | unit | null | meaning | how | made from |", "|---|---|---|---|---|---|---|"]
    for column in columns_of(contract):
        sources_of = "<br>".join(f"`{name}`" for name in column.made_from)
        null = "yes" if column.nullable else "no"
        lines.append(f"| `{column.name}` | {column.sql_type} | {column.unit} | {null} | {column.meaning} | {column.made} | {sources_of} |")
    return "\n".join(lines) + "\n"


def source_catalogue() -> str:
    """Every declared source: who says it, how good it is, under which licence, and what is read from it."""
    parts = ["# Sources\n\nGenerated from `include/estate/ingest/declared/` by `make docs`; do not edit.\n"]
    for declared in sources().values():
        kind = f"hazard layer ({declared.hazard})" if declared.hazard else "market series" if declared.series else "records"
        synthetic = " **Synthetic: made for demonstration.**" if declared.is_synthetic else ""
        parts.append(
            f"## {declared.name}\n\n{declared.title}. {kind}, {declared.format}; files `{declared.file_glob}`.{synthetic}\n\n"
            f"- authority: {declared.authority} (weight {declared.authority_weight:g}), refreshed every {declared.refresh_days} days\n"
            f"- licence: {declared.licence}\n"
            f"- each file holds the whole source: {'yes' if declared.is_complete else 'no'}"
        )
        if declared.series is not None:
            told = declared.series
            low, high = told.value_range
            parts.append(
                f"- {told.measure} in {told.unit}, by {told.frequency}; {told.layout.replace('_', ' ')}; values from {low:g} to {high:g}\n"
            )
            continue
        parts += ["\n| column | from | rules |", "|---|---|---|"]
        parts += [
            f"| `{name}` | {', '.join(f'`{raw}`' for raw in mapping.raw)} | {', '.join(mapping.rules)} |"
            for name, mapping in declared.columns.items()
        ]
        parts.append("")
    return "\n".join(parts)


_FEATURES_IN_USE = """\
They are served by `/api/v1/properties/{property_id}/features`; `/api/v1/features` and the page `features/index.html` of the tenant's Data
Docs tell how fresh, how full and how spread they are. To add one, see [contributing](../CONTRIBUTING.md); for Feast's commands, its
[folder](../feature_repo/README.md).

| what happened | what to do |
|---|---|
| `features_audit` failed | its log names features and an example, `features.parity` the counts; run `features_backfill`, then audit again |
| the gate refused | what is online stays; the log names expectation and rows; mend the source and land it again |
| it refused a loss or a drift that is right | run `features_backfill` and say why under *Accepted because* |
| Redis was lost, or definitions changed | nothing: the next `features_materialize` writes everything; `features_backfill` does it now |
| `features_market` failed | property features wait with it; `features_backfill` puts them online meanwhile |
"""


def feature_catalogue() -> str:
    """Every feature by view, with its sources or the reason why there are none; every service with its version."""
    parts = [
        (
            "# Features\n\nGenerated from `include/estate/features/definitions.py` by `make docs`; do not edit. How they are kept: "
            "[decision 15](decisions/0015-features-are-the-published-tables.md).\n"
        ),
        _FEATURES_IN_USE,
    ]
    parts += [_view(view) for view in VIEWS.values()]
    parts += ["## Services\n", "| service | version | features | what it is for |", "|---|---|---|---|"]
    parts += [f"| `{s.name}` | `{s.version}` | {len(s.names)} | {s.about} |" for s in SERVICES.values()]
    return "\n".join(parts) + "\n"


def _view(view: FeatureView) -> str:
    lines = [
        f"## {view.name}\n",
        f"{view.about[0].upper()}{view.about[1:]}. Per `{view.entity}`; time to live {view.ttl_words}; owner: {view.owner}.\n",
        "| feature | type | unit | meaning | made from | services |",
        "|---|---|---|---|---|---|",
    ]
    for column in view.features:
        origin = "<br>".join(f"`{name}`" for name in column.made_from) or f"**absent**: {view.absent[column.name]}"
        used = ", ".join(view.services_of(column.name))
        lines.append(f"| `{column.name}` | {column.sql_type} | {column.unit} | {column.meaning} | {origin} | {used} |")
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """Every setting, for the README."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else f"`{_portable(field.default)}`" if field.default not in ("", None) else ""
        lines.append(f"| `ESTATE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def _portable(value: object) -> str:
    return str(value).replace(f"{ROOT}/", "")


def documents() -> dict[str, str]:
    """Path below the project's root -> generated text."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    head, _, rest = readme.partition("<!-- settings -->\n")
    _, _, tail = rest.partition("<!-- /settings -->")
    return {
        "docs/data_dictionary.md": data_dictionary(),
        "docs/sources.md": source_catalogue(),
        "docs/features.md": feature_catalogue(),
        "README.md": f"{head}<!-- settings -->\n{settings_table()}\n<!-- /settings -->{tail}",
    }


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    stale = []
    for name, text in documents().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"{name} {'is stale; run make docs' if '--check' in arguments else 'written'}\n" for name in stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
