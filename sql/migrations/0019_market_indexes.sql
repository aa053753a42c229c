-- Sales in the order in which they are listed: the newest first, and those without a day behind them. A page begins where the one before
-- ended, whichever it is.
CREATE INDEX sale_sale_date_sale_id_idx ON normalize.sale (tenant_id, sale_date DESC NULLS LAST, sale_id) WHERE superseded_at = 'infinity';
