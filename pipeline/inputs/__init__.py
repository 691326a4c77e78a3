"""What steps read from the lake, as frames: each query is a file of `sql/inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pipeline.lake import Lake

_NAMES = ("account", "region", "resource_id", "metric")


def ask(lake: Lake, name: str, **params: Any) -> pa.Table:
    """The rows of `sql/inputs/<name>.sql`.

    Args:
        lake: where they are read.
        name: of the file.
        params: value by name, those that the file's header states.

    Raises:
        ConfigError: there is no such file, or it needs another parameter.
    """
    from pipeline.lake import sql

    return lake.query(sql.text(f"inputs.{name}"), params)


def read(lake: Lake, name: str, **params: Any) -> pd.DataFrame:
    """The same as a frame."""
    frame: pd.DataFrame = ask(lake, name, **params).to_pandas()
    return frame


def read_series(lake: Lake, name: str, **params: Any) -> pd.DataFrame:
    """The same, of hours of resources, with the names of these as categories: of millions of rows few have another name."""
    rows = ask(lake, name, **params)
    frame: pd.DataFrame = rows.to_pandas(categories=[name for name in _NAMES if name in rows.column_names])
    return frame
