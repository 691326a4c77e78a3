"""Who may say what in bronze: of things that only one landing may be about, such as a payer's bill of one month.

A claim is one small object below `ledger/claims/`, put once; as with landings its name says all, so that who lands reads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

from pipeline.errors import ConfigError, ConflictError, DataError
from pipeline.lake.landings import FOLDER, SUFFIX
from pipeline.lake.storage import Storage
from pipeline.tables.schema import Table

# Of one part of a path: file systems end at 255 bytes. Of a whole key: S3 ends at 1,024.
_PART, _LONGEST = 200, 700


def claim(table: Table, things: Iterable[str], name: str, restates: str, storage: Storage) -> None:
    """Make a landing the one that speaks of some things.

    Args:
        things: what it is about.
        name: of the landing.
        restates: the landing whose place it takes; empty where it takes no other's.

    Raises:
        DataError: another landing speaks of one of them; the message names both.
        ConflictError: another landing claimed one at the same moment.
        ConfigError: the name is too long to be kept.
    """
    wanted = list(things)
    held = {thing: _read(table, thing, storage) for thing in wanted}
    for thing, claims in held.items():
        if others := _holders(claims) - {name, restates}:
            holder = min(others)
            raise DataError(
                f"{table.name}: {thing} was landed from {holder} already, and {name} would take its place. If both are parts of "
                f"one export, ingest the folder or pattern of all; if it was moved or replaces it, say so: --restates {holder}"
            )
    for thing, claims in held.items():
        if _holders(claims) != {name}:
            number = claims[-1][0] + 1 if claims else 1
            storage.write_once(storage.path(*_folder(table, thing), *_parts(number, name)), b"{}")
            # A number that two have is nobody's, now and later: who sees the other's ends, and so may both.
            if _holders(_read(table, thing, storage)) != {name}:
                raise ConflictError(f"{table.name}: another landing claimed {thing} at the same moment as {name}")


def _holders(claims: list[tuple[int, str]]) -> set[str]:
    """Whose the highest number is; of more than one where they claimed it at the same moment."""
    return {name for number, name in claims if number == claims[-1][0]}


def _read(table: Table, thing: str, storage: Storage) -> list[tuple[int, str]]:
    """The claims to a thing by number and name, the one that holds last."""
    folder = "/".join((storage.root, *_folder(table, thing)))
    found = []
    for file in storage.list_files(folder, SUFFIX):
        number, *parts = file.removeprefix(f"{folder}/").removesuffix(SUFFIX).split("/")
        found.append((int(number), unquote("".join(parts))))
    return sorted(found)


def _folder(table: Table, thing: str) -> tuple[str, ...]:
    return FOLDER, "claims", table.short_name, quote(thing, safe="")


def _parts(number: int, name: str) -> tuple[str, ...]:
    coded = quote(name, safe="")
    if len(coded) > _LONGEST:
        raise ConfigError(f"a landing's name may have {_LONGEST} characters, those of other alphabets more than one each: {name}")
    parts = [coded[start : start + _PART] for start in range(0, len(coded), _PART)]
    return f"{number:08d}", *parts[:-1], parts[-1] + SUFFIX
