"""What is known of the future of an estate's resources."""

from __future__ import annotations

import pandas as pd

from pipeline.advice.estate import Estate


def newest_risk(estate: Estate) -> pd.DataFrame:
    """The estate's risk as each series' newest run before `as_of` saw it, with `key`, the resource's, and `metric`."""
    return estate.once("newest_risk", lambda: _newest_risk(estate))


def _newest_risk(estate: Estate) -> pd.DataFrame:
    risk = estate.risk.loc[estate.risk["as_of"] <= pd.Timestamp(estate.as_of)]
    risk = risk.loc[risk["as_of"] == risk.groupby("series_id")["as_of"].transform("max")]
    # Only a resource's own id may contain a slash.
    parts = [str(name).split("/", 2) for name in risk["series_id"]]
    resources = [rest.rpartition("/") for _, _, rest in parts]
    keys = [(account, region, resource) for (account, region, _), (resource, _, _) in zip(parts, resources, strict=True)]
    return risk.assign(key=pd.Series(keys, index=risk.index, dtype="object"), metric=[metric for _, _, metric in resources])
