"""One file's rows as columns, and the place of each in the file."""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipeline.errors import DataError
from pipeline.reading.dialect import Dialect, check_header, tell_dialect

SUFFIXES = (".csv", ".csv.gz", ".csv.zip", ".tsv", ".tsv.gz", ".parquet")
#: Bytes, unpacked, from which the dialect is told.
_HEAD = 1 << 18
#: Rows of a piece of a Parquet file, and bytes of one of a delimited file.
_PIECE_ROWS, _PIECE_BYTES = 1 << 17, 16 << 20

#: Gives a file's bytes, as they are stored, from their beginning.
Opened = Callable[[], IO[bytes]]
#: Of the names of a file's columns those that are to be read.
Choice = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class Sheet:
    """A file as read.

    Attributes:
        name: what messages call the file.
        data: its columns; of a delimited file strings exactly as written, of Parquet the file's types.
        dialect: how a delimited file is written; None of Parquet.
        opened: gives its bytes again, to find the line of a row that is wrong.
        first: rows of the file before these, where they are a piece of it.
    """

    name: str
    data: pa.Table
    dialect: Dialect | None
    opened: Opened = field(repr=False)
    first: int = 0

    def __str__(self) -> str:
        plain = self.dialect is None or (self.dialect.separator == "," and self.dialect.decimal == "point")
        return self.name if plain else f"{self.name} ({self.dialect})"

    @property
    def contents(self) -> str:
        """The names of its columns, and how they are separated where `str` does not say it."""
        how = f", {self.dialect}" if self.dialect and str(self) == self.name else ""
        return f"the file has {self.data.column_names}{how}"

    def require(self, names: Sequence[str]) -> None:
        """Raise a DataError unless every named column is there."""
        absent = [name for name in names if name not in self.data.column_names]
        if absent:
            raise DataError(f"{self}: no column {absent}; {self.contents}")

    def refuse(self, column: str, bad: Any, expected: str, hint: Callable[[Any], str] = lambda _: "") -> None:
        """Raise a DataError for the first row where `bad` is true, by the line that an editor shows."""
        places = np.flatnonzero(np.asarray(bad, dtype=bool))
        if len(places):
            value = self.data[column][int(places[0])].as_py()
            more = f" ({len(places):,} such rows)" if len(places) > 1 else ""
            where = f"{self}: {self.place(int(places[0]))}, column {column!r}"
            raise DataError(f"{where}: expected {expected}, got {value!r}{hint(value)}{more}")

    def place(self, row: int) -> str:
        """Where a row stands: `line 2` is the first below a header; of Parquet `row 1` is the first."""
        if self.dialect is None:
            return f"row {self.first + row + 1}"
        with unpacked(self.name, self.opened) as stream:
            found = next(islice(_numbered(stream, self.dialect), self.first + row, None), None)
        return f"line {found[0]}" if found else f"row {self.first + row + 1}"


def read_sheet(name: str, opened: Opened) -> Sheet:
    """The whole file.

    Raises:
        DataError: it is of another kind than its name says, not UTF-8, or has a header without or with repeated names, or a row
            with more or fewer cells than the header.
        OSError: it cannot be read.
    """
    with _explained_as(name):
        if name.endswith(".parquet"):
            with opened() as stream:
                data = pyarrow.parquet.ParquetFile(stream).read()
            check_header(data.column_names)
            plain = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in data.schema]
            return Sheet(name, data.cast(pa.schema(plain)), None, opened)
        dialect = _read_dialect(name, opened)
        return Sheet(name, _read_rows(name, opened, dialect), dialect, opened)


def read_pieces(name: str, opened: Opened, choose: Choice | None = None, names: Sequence[str] = ()) -> Iterator[Sheet]:
    """The file piece by piece, so that no more than one lies in memory; at least one, which may have no rows.

    Texts of Parquet come as dictionaries. Raises as `read_sheet` does, at the latest at the piece where it is wrong.

    Args:
        choose: is given the names of all columns, and says which of them to read; None for all.
        names: of the columns of a delimited file that has no header.
    """
    every = choose or (lambda known: known)
    parquet = name.endswith(".parquet")
    with _explained_as(name):
        yield from _parquet_pieces(name, opened, every) if parquet else _delimited_pieces(name, opened, every, names)


def peek(name: str, opened: Opened) -> tuple[list[str], bool]:
    """The names of a file's columns, and whether it has rows, for which no more than its beginning, or its footer, is read.

    Raises as `read_sheet` does; what is wrong with its rows, reading them tells.
    """
    with _explained_as(name):
        if name.endswith(".parquet"):
            with opened() as stream:
                file = pyarrow.parquet.ParquetFile(stream)
                names, rows = file.schema_arrow.names, file.metadata.num_rows
            check_header(names)
            return names, rows > 0
        dialect = _read_dialect(name, opened)
        return list(dialect.names), _has_rows(name, opened, dialect)


def _parquet_pieces(name: str, opened: Opened, choose: Choice) -> Iterator[Sheet]:
    with opened() as stream:
        schema = pyarrow.parquet.ParquetFile(stream).schema_arrow
        check_header(schema.names)
        chosen = choose(schema.names)
        texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
        stream.seek(0)
        file = pyarrow.parquet.ParquetFile(stream, read_dictionary=texts, page_checksum_verification=True)
        if not file.metadata.num_rows:
            yield Sheet(name, file.schema_arrow.empty_table().select(chosen), None, opened)
        first = 0
        for piece in file.iter_batches(_PIECE_ROWS, columns=chosen):
            yield Sheet(name, pa.Table.from_batches([piece]), None, opened, first)
            first += piece.num_rows


def _delimited_pieces(name: str, opened: Opened, choose: Choice, names: Sequence[str]) -> Iterator[Sheet]:
    dialect = _read_dialect(name, opened, names)
    chosen = choose(list(dialect.names))
    if not _has_rows(name, opened, dialect):
        yield Sheet(name, _read_rows(name, opened, dialect).select(chosen), dialect, opened)
        return
    first = 0
    with unpacked(name, opened) as stream:
        _skip_lines(stream, dialect.above)
        try:
            for piece in pyarrow.csv.open_csv(stream, **_how_to_parse(dialect, chosen)):
                yield Sheet(name, pa.Table.from_batches([piece]), dialect, opened, first)
                first += piece.num_rows
        except pa.ArrowInvalid as error:
            raise _explained(name, opened, dialect, error) from error


@contextmanager
def _explained_as(name: str) -> Iterator[None]:
    if not name.endswith(SUFFIXES):
        raise DataError(f"{name}: expected a file ending in {', '.join(SUFFIXES)}")
    try:
        yield
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name}: not a CSV file in UTF-8: {error}; save it as UTF-8") from error
    except (pa.ArrowInvalid, zipfile.BadZipFile) as error:
        raise DataError(f"{name}: {error}") from error
    except DataError as error:
        # What is wrong with a row names the file already.
        raise error if str(error).startswith(name) else DataError(f"{name}: {error}") from error


def _read_dialect(name: str, opened: Opened, names: Sequence[str] = ()) -> Dialect:
    with unpacked(name, opened) as stream:
        head = stream.read(_HEAD)
    whole = len(head) < _HEAD
    return tell_dialect(head.decode("utf-8-sig", "strict" if whole else "ignore"), whole, names)


def _read_rows(name: str, opened: Opened, dialect: Dialect) -> pa.Table:
    names = list(dialect.names)
    if not _has_rows(name, opened, dialect):
        return pa.table({column: pa.array([], pa.string()) for column in names})
    with unpacked(name, opened) as stream:
        _skip_lines(stream, dialect.above)
        try:
            return pyarrow.csv.read_csv(stream, **_how_to_parse(dialect, list(dialect.names)))
        except pa.ArrowInvalid as error:
            raise _explained(name, opened, dialect, error) from error


def _how_to_parse(dialect: Dialect, chosen: list[str]) -> dict[str, Any]:
    return {
        "read_options": pyarrow.csv.ReadOptions(column_names=list(dialect.names), block_size=_PIECE_BYTES),
        "parse_options": pyarrow.csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True),
        "convert_options": pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(dialect.names, pa.string()),
            include_columns=chosen,
            strings_can_be_null=False,
            check_utf8=True,
        ),
    }


def _explained(name: str, opened: Opened, dialect: Dialect, error: Exception) -> DataError:
    """The first line that has more or fewer cells than the header; else what the parser said."""
    with unpacked(name, opened) as stream:
        for line, cells in _numbered(stream, dialect):
            if len(cells) != len(dialect.names):
                quotes = "; a cell that has the separator in it needs quotes" if len(cells) > len(dialect.names) else ""
                wanted = f"{len(dialect.names)} as in the header; {dialect}{quotes}"
                return DataError(f"line {line} has {len(cells)} cells, expected {wanted}")
    return DataError(f"{error}; {dialect}")


def _has_rows(name: str, opened: Opened, dialect: Dialect) -> bool:
    with unpacked(name, opened) as stream:
        return next(_numbered(stream, dialect), None) is not None


def _numbered(stream: IO[bytes], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Every row, with the line at which it begins; blank lines are none."""
    _skip_lines(stream, dialect.above)
    reader = csv.reader((line.decode() for line in stream), delimiter=dialect.separator)
    line = dialect.above + 1
    for cells in reader:
        if cells:
            yield line, cells
        line = dialect.above + reader.line_num + 1


def _skip_lines(stream: IO[bytes], lines: int) -> None:
    for _ in range(lines):
        stream.readline()


@contextmanager
def unpacked(name: str, opened: Opened) -> Iterator[IO[bytes]]:
    """The bytes of a file whose name may say that it is packed."""
    with opened() as stored:
        if name.endswith(".zip"):
            with zipfile.ZipFile(stored) as archive:
                members = archive.namelist()
                if len(members) != 1:
                    raise DataError(f"expected an archive of one file, got one of {len(members)}")
                with archive.open(members[0]) as packed:
                    yield packed
        elif name.endswith(".gz"):
            with gzip.GzipFile(fileobj=stored) as stream:
                yield stream  # type: ignore[misc]
        else:
            yield stored
