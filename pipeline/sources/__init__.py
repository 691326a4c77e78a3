"""Sources of bronze rows: one module is one source, and its file's name is in the column `source` of all its rows.

A source must define

- `TABLES`: the bronze tables that it fills;
- `fetch(interval, options)`: yields one `Batch` per table and shard, of rows inside the interval in the order of time, or of a
  bill's export a `Load`, which stands for the lines of all billing periods that the interval touches. An interval gives the
  same rows at once, in parts and again; a source that is down raises a `SourceError` and yields nothing.

and may define `Options`, a pydantic model whose fields have bounds and a description, and `BEGINNING`, from which on every run
lands what there is, because a row holds until the next one (a price list). Modules here that begin with `_` are for sources
alone. `EXAMPLE` is what a user types, for `sources show`.
"""

from pipeline.sources._batch import Batch, Load

__all__ = ["Batch", "Load"]
