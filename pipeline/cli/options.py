"""The options that commands share, and what they come to: settings and an interval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import settings as settings_module
from pipeline.cli.output import console
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.settings import Settings

Day = Annotated[str | None, typer.Option("--day", help="One UTC day, YYYY-MM-DD.", show_default=False)]
From = Annotated[str | None, typer.Option("--from", help="First UTC day, YYYY-MM-DD.", show_default=False)]
To = Annotated[str | None, typer.Option("--to", help="Day after the last one, YYYY-MM-DD.", show_default=False)]
Source = Annotated[list[str] | None, typer.Option("--source", help="Source to ingest; again for several.", show_default=False)]
SourcePath = Annotated[Path | None, typer.Option("--path", help="File that a csv or billing source reads.", show_default=False)]
Option = Annotated[
    list[str] | None, typer.Option("--option", help="Option of the source as name=value; again for several.", show_default=False)
]
Shard = Annotated[int, typer.Option("--shard", min=0, help="Part of the series, or segments, to work on.")]
Shards = Annotated[int, typer.Option("--shards", min=1, max=64, help="Parts that they are split into.")]


def read_settings(source: list[str] | None = None, path: Path | None = None, option: list[str] | None = None) -> Settings:
    """Settings with the sources and source options given on the command line."""
    base = settings_module.load(sources=tuple(source) if source else None)
    given = dict(base.options.get("sources", {}))
    if path is not None or option:
        if len(base.sources) != 1:
            raise ConfigError(f"--path and --option belong to one --source, got {', '.join(base.sources)}")
        extra: dict[str, Any] = dict(_option(text) for text in option or [])
        if path is not None:
            extra["path"] = str(path)
        given[base.sources[0]] = {**given.get(base.sources[0], {}), **extra}
    return base.model_copy(update={"options": {**base.options, "sources": given}})


def _option(text: str) -> tuple[str, Any]:
    """`name=value`; values that look like JSON objects or lists are read as such."""
    import json

    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--option expects name=value, got {text!r}")
    if value[:1] in "[{":
        try:
            return name, json.loads(value)
        except json.JSONDecodeError as error:
            raise ConfigError(f"--option {name}: not JSON: {error}") from error
    return name, value


def read_interval(day: str | None, start: str | None, end: str | None, settings: Settings | None = None) -> Interval:
    """The interval that the options name, or the days that a file source spans.

    Raises:
        ConfigError: none or two ways to name it.
    """
    if day and (start or end):
        raise ConfigError("give --day, or --from and --to, not both")
    if day:
        return Interval.day(day)
    if start and end:
        return Interval.days(start, end)
    if settings is not None and not start and not end and len(settings.sources) == 1:
        from pipeline import plugs

        source = plugs.load("sources", settings.sources[0])
        if hasattr(source, "span"):
            spanned: Interval = source.span(plugs.options("sources", settings.sources[0], settings))
            console.print(f"{settings.sources[0]} spans {spanned}")
            return spanned
    raise ConfigError("name the interval: --day YYYY-MM-DD, or --from YYYY-MM-DD --to YYYY-MM-DD")
