"""The lake: `query`, `read`, `replace` and, for bronze, `land`."""

from pipeline.lake.lake import Did, Lake, Written, open_lake

__all__ = ["Did", "Lake", "Written", "open_lake"]
