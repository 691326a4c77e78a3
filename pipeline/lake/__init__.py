"""The lake: `query`, `read`, `replace` and, for bronze, `land`."""

from pipeline.lake.lake import Lake, Written, open_lake

__all__ = ["Lake", "Written", "open_lake"]
