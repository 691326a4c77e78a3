"""Columns of an export as text: numbers by their shortest decimal, maps and lists as JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DataError
from pipeline.reading.cells import BLANK

_TEXT = pa.string()
# In JSON, what a text may not have as it is.
_ESCAPED = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def as_text(column: pa.ChunkedArray) -> pa.Array:
    """One column of a piece: text, or a dictionary of texts; null where it is null, or not a number.

    Raises:
        DataError: values of a type that has no form as text.
    """
    kind = column.type
    whole = pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_dictionary(kind):
        return whole if kind.value_type == _TEXT else whole.cast(pa.dictionary(pa.int32(), _TEXT))
    if pa.types.is_string(kind):
        return whole
    if pa.types.is_floating(kind):
        text = whole.cast(_TEXT)
        return pc.if_else(pc.is_nan(whole), pa.scalar(None, _TEXT), text)
    if whole.null_count == len(whole):
        return pa.nulls(len(whole), _TEXT)
    if pa.types.is_timestamp(kind):
        coded = whole.dictionary_encode()
        moments = coded.dictionary.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
        return pa.DictionaryArray.from_arrays(coded.indices, moments.cast(_TEXT))
    if pa.types.is_map(kind) and pa.types.is_string(kind.key_type) and pa.types.is_string(kind.item_type):
        return _once_each(_map_as_json(whole), _sorted_json)
    if pa.types.is_nested(kind):
        return pa.array([_value_as_json(value) for value in whole.to_pylist(maps_as_pydicts="lossy")], _TEXT)
    try:
        return whole.cast(_TEXT)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"values of type {kind} have no form as text: {error}") from error


def tag_sets(tags: pa.Array) -> pa.Array:
    """The hash of each line's tags, whatever the order of their keys; null where there are none, or they are no JSON object."""
    return _once_each(tags, _hash_of_tags)


def is_blank(text: pa.Array) -> pa.Array:
    """Where a text says nothing: null, empty, or one of the words for it."""
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(text))
    return pc.fill_null(pc.is_in(lower, value_set=pa.array(BLANK, _TEXT)), True)


def _once_each(texts: pa.Array, change: Callable[[str], str | None]) -> pa.Array:
    """A change of texts that repeat, made once for each different one."""
    coded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    changed = pa.array([None if text is None else change(text) for text in coded.dictionary.to_pylist()], _TEXT)
    return changed.take(coded.indices)


def _map_as_json(maps: pa.MapArray) -> pa.Array:
    """Each map as a JSON object with its keys as they come."""
    offsets, keys, items = maps.offsets, quoted(maps.keys), pc.fill_null(quoted(maps.items), "null")
    pairs = pc.binary_join_element_wise(keys, items, ": ")
    lists = pa.ListArray.from_arrays(offsets, pairs)
    joined = pc.binary_join_element_wise("{", pc.binary_join(lists, ", "), "}", "")
    return pc.if_else(pc.is_null(maps), pa.scalar(None, _TEXT), joined)


def quoted(texts: pa.Array) -> pa.Array:
    """Each text as a string of JSON; null where it is null."""
    if pa.types.is_dictionary(texts.type):
        texts = texts.cast(_TEXT)
    coded = texts.dictionary_encode()
    words = coded.dictionary
    for sign, escape in _ESCAPED:
        words = pc.replace_substring(words, sign, escape)
    return pc.binary_join_element_wise('"', words, '"', "").take(coded.indices)


def _sorted_json(text: str) -> str:
    """The object with its keys in order; of two equal ones the last counts, as Parquet says."""
    return json.dumps(json.loads(text, strict=False), sort_keys=True, ensure_ascii=False)


def _value_as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    """A value without what JSON has no word for, however deep it lies."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _hash_of_tags(text: str) -> str | None:
    try:
        tags = json.loads(text)
    except ValueError:
        return None
    if not isinstance(tags, dict) or not tags:
        return None
    return hashlib.sha256(json.dumps(tags, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
