"""Contract of a model's ratio study: what its values were worth against sales that it had not seen."""

from estate.contracts.model import TENANT, Column, Contract, key

_MADE_FROM = ("normalize.sale.sale_price_usd", "normalize.sale.sale_date", "normalize.sale.is_arms_length")


def _modelled(name: str, sql_type: str, meaning: str, unit: str = "", nullable: bool = True) -> Column:
    return Column(name, sql_type, meaning, unit, nullable=nullable, made="modelled", made_from=_MADE_FROM)


def _statistic(name: str, meaning: str, unit: str) -> tuple[Column, ...]:
    return (
        _modelled(name, "double precision", meaning, unit),
        _modelled(f"{name}_low", "double precision", "lower end of its 90 % interval", unit),
        _modelled(f"{name}_high", "double precision", "upper end of its 90 % interval", unit),
    )


RATIO_STUDY = Contract(
    name="score.ratio_study",
    kind="record",
    grain="one stratum of the ratio study of one model",
    key=("tenant_id", "model_id", "stratum_kind", "stratum"),
    columns=(
        TENANT,
        key("model_id", "text", "model studied"),
        key("stratum_kind", "text", "all, price_tenth, market_area, age, property_type or month; of a rolling validation also origin"),
        key("stratum", "text", "stratum within its kind; price tenths are 01 (lowest) to 10 of the market value proxy"),
        _modelled("sale_count", "integer", "sales valued by a model that had not seen them", "sales", nullable=False),
        _modelled("refused_count", "integer", "further sales for which the model gave no value", "sales", nullable=False),
        _modelled("trimmed_count", "integer", "of the sales valued, those left out of the ratio statistics", "sales", nullable=False),
        _modelled("refused_rate", "double precision", "refused sales over all", "0-1"),
        _modelled("trimmed_rate", "double precision", "trimmed sales over sales valued", "0-1"),
        *_statistic("median_ratio", "level: median of value over price", "ratio"),
        *_statistic("cod", "coefficient of dispersion", "pct"),
        *_statistic("prd", "price-related differential; above 1 favours the dear", "ratio"),
        *_statistic("prb", "price-related bias: change of the ratio when value doubles; negative favours the dear", "fraction"),
        *_statistic("mki", "modified Kakwani index; below 1 favours the dear", "ratio"),
        *_statistic("vei", "vertical equity indicator; negative favours the dear; null below 20 sales", "pct"),
        _modelled("level_difference_rate", "double precision", "level over the overall level, less 1", "fraction"),
        _modelled("level_difference_low_rate", "double precision", "lower end of its 90 % interval", "fraction"),
        _modelled("level_difference_high_rate", "double precision", "upper end of its 90 % interval", "fraction"),
        _modelled("mape_pct", "double precision", "mean absolute error over price", "pct"),
        _modelled("mdape_pct", "double precision", "median absolute error over price", "pct"),
        _modelled("rmse_usd", "numeric(14,2)", "root mean squared error", "usd"),
        _modelled("coverage_80_rate", "double precision", "sales whose price lies within the 80 % interval", "0-1"),
        _modelled("coverage_95_rate", "double precision", "sales whose price lies within the 95 % interval", "0-1"),
        _modelled("median_interval_width_rate", "double precision", "median width of the 80 % interval over the value", "fraction"),
    ),
)

CONTRACTS = (RATIO_STUDY,)
