"""What recommendations save at what is really paid: a commitment that covers a resource is paid whether it is used or not."""

from __future__ import annotations

import pandas as pd

from pipeline.advice.bill import FROM_THE_BILL


def after_discounts(rows: pd.DataFrame, discounts: pd.DataFrame) -> pd.DataFrame:
    """The rows with `savings_after_discounts_usd`: as much of the saving at list price as is really not paid any more.

    What is not covered by a commitment is saved at the negotiated price. What is covered saves nothing before the commitment
    ends: it is paid all the same, unless it covers something else then. A change that costs more is not covered by what there
    is. Null without a saving at list price, or where the bill has nothing of the resource.

    Args:
        rows: in the columns of `gold.recommendation`.
        discounts: one row per account and resource_id, as the bill calls it: list_usd, uncovered_usd.

    What is read off the bill itself is of what is paid already.

    Source: Cost Optimization Hub's savings after discounts; here what is covered saves nothing, as it is committed to.
    """
    paid = _paid_share(discounts)
    key = pd.MultiIndex.from_frame(rows[["account", "resource_id"]].astype("str"))
    share = pd.Series(paid.reindex(key).to_numpy(dtype="float64"), index=rows.index)
    as_listed = (rows["savings_monthly_usd"] < 0) & share.notna() | rows["service"].isin(FROM_THE_BILL)
    return rows.assign(savings_after_discounts_usd=rows["savings_monthly_usd"] * share.mask(as_listed, 1.0))


def _paid_share(discounts: pd.DataFrame) -> pd.Series:
    """By account and resource the share of its list price that is paid beside commitments, by each name that it may go by."""
    billed = discounts.reset_index(drop=True).rename_axis("line").reset_index()
    named = pd.concat([billed.assign(resource_id=names) for names in _names(billed["resource_id"].astype("str"))])
    named = named.drop_duplicates(["line", "resource_id"])
    sums = named.groupby(["account", "resource_id"])[["list_usd", "uncovered_usd"]].sum(min_count=1)
    known = sums[sums["list_usd"] > 0]
    return (known["uncovered_usd"] / known["list_usd"]).clip(0.0, 1.0)


def _names(billed: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """As billed; of an ARN the resource (`function:f`, `natgateway/nat-1`); and that without its kind (`f`, `nat-1`)."""
    resource = billed.str.replace(r"^arn:(?:[^:]*:){4}", "", regex=True)
    is_arn = resource != billed
    return billed, resource, resource.where(~is_arn, resource.str.replace(r"^[a-z-]+[:/]", "", regex=True))
