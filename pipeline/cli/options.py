"""The options that commands share, and what they come to: settings and an interval."""

from __future__ import annotations

import getpass
import re
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from typing import Annotated, Any

import typer

from pipeline import settings as settings_module
from pipeline.cli.output import console, show_said
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.settings import Settings

Day = Annotated[str | None, typer.Option("--day", help="One UTC day, YYYY-MM-DD.", show_default=False)]
From = Annotated[
    str | None, typer.Option("--from", help="First UTC day, YYYY-MM-DD; or a time, YYYY-MM-DDTHH:MM.", show_default=False)
]
To = Annotated[
    str | None, typer.Option("--to", help="Day after the last one, YYYY-MM-DD; or a time, not included.", show_default=False)
]
Source = Annotated[list[str] | None, typer.Option("--source", help="Source to ingest; again for several.", show_default=False)]
SourcePath = Annotated[
    str | None,
    typer.Option("--path", help="File, folder or pattern that a csv or billing source reads; also s3://.", show_default=False),
]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="Option of the source as name=value; again for several. `sources show NAME` lists them.",
        show_default=False,
    ),
]
HowToRead = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="What the file does not say itself, as time_format=epoch_s; again for several. "
        "`sources show csv` lists them, but for units.",
        show_default=False,
    ),
]
Inventory = Annotated[
    str | None,
    typer.Option(
        "--inventory",
        help="File that says what the resources are: resource_id, instance_type, region, tags. List prices are landed with it.",
        show_default=False,
    ),
]
Plots = Annotated[
    bool | None, typer.Option("--plots/--no-plots", help="Whether charts are drawn; the setting plots.", show_default="plots")
]
ThresholdMultiplier = Annotated[
    float | None,
    typer.Option(
        "--threshold-multiplier",
        help="Half widths of Prophet's interval that are an alert, 0.1 … 100: 1.5 tells more, 3 less; an option of the detector "
        "prophet_interval.",
        show_default="2.0",
    ),
]
UNCERTAINTY = "uncertainty_samples"
UncertaintySamples = Annotated[
    int | None,
    typer.Option(
        "--prophet-uncertainty-samples",
        help="Simulated futures of Prophet, 10 … 100000; its option uncertainty_samples.",
        show_default="1000",
    ),
]
Shard = Annotated[int, typer.Option("--shard", min=0, help="Part of the series, or segments, to work on.")]
Shards = Annotated[int, typer.Option("--shards", min=1, max=64, help="Parts that they are split into.")]


def read_actor() -> str:
    """The account under which the command runs: who says what is kept for good."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("the account under which this runs has no name: say in the variable USER who says it") from None


#: The profile that the command line names before the command.
PROFILE: ContextVar[str | None] = ContextVar("PROFILE", default=None)


def load_settings(**overrides: Any) -> Settings:
    """Settings of the profile that the command line names, and with what else it says; None is not given."""
    return settings_module.load(profile=PROFILE.get(), **overrides)


def lay_option(settings: Settings, folder: str, plug: str, option: str, value: Any, used: Collection[str]) -> Settings:
    """The same settings, but for one option of a plug where a value is given.

    Raises:
        ConfigError: the value is out of bounds, or the plug is not among those that are `used`: it would change nothing.
    """
    if value is None:
        return settings
    from pipeline import plugs

    if plug not in used:
        raise ConfigError(f"{option} is an option of {plug}, which is not among {folder} that are asked: {', '.join(used)}")
    given: Mapping[str, Any] = settings.options.get(folder, {})
    chosen = {**given.get(plug, {}), option: value}
    plugs.check_options(folder, plug, chosen)
    return settings.model_copy(update={"options": {**settings.options, folder: {**given, plug: chosen}}})


def read_settings(
    source: list[str] | None = None,
    path: str | None = None,
    option: list[str] | None = None,
    inventory: str | None = None,
    **overrides: Any,
) -> Settings:
    """Settings with the sources and source options given on the command line; overrides are settings by name, None not given."""
    base = load_settings(sources=tuple(source) if source else None, **overrides)
    given = dict(base.options.get("sources", {}))
    if path is not None or option:
        if len(base.sources) != 1:
            raise ConfigError(f"--path and --option belong to one --source, got {', '.join(base.sources)}")
        extra: dict[str, Any] = dict(_option(text) for text in option or [])
        if path is not None:
            extra["path"] = path
        _give(given, base.sources[0], extra)
    sources = base.sources
    if inventory is not None:
        # What a resource costs is asked together with what it is.
        priced = () if {"prices", "pricing"}.intersection(sources) else ("prices",)
        sources = tuple(dict.fromkeys((*sources, "inventory_file", *priced)))
        _give(given, "inventory_file", {"path": inventory})
        if "csv" in sources:
            _give(given, "csv", {"inventory": inventory})
    return base.model_copy(update={"sources": sources, "options": {**base.options, "sources": given}})


def _give(options: dict[str, dict[str, Any]], source: str, more: dict[str, Any]) -> None:
    options[source] = {**options.get(source, {}), **more}


def read_reading(option: list[str] | None) -> Any:
    """How to read a user's own file, as the options say.

    Raises:
        ConfigError: an option that there is not, or out of bounds.
    """
    from pipeline import plugs
    from pipeline.reading.options import Reading

    return plugs.check_given(Reading, dict(_option(text) for text in option or []), "--option")


def read_mapping(preset: str | None, option: list[str] | None) -> Any:
    """What the columns of a data set mean, as the options say.

    Raises:
        ConfigError: an option that there is not, or out of bounds, or what they leave to guess.
    """
    from pipeline import plugs
    from pipeline.reading.trace import Mapping

    given = dict(_option(text) for text in option or [])
    return plugs.check_given(Mapping, given if preset is None else {"preset": preset, **given}, "--option")


def _option(text: str) -> tuple[str, Any]:
    """`name=value`; values that look like JSON objects or lists are read as such."""
    import json

    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--option expects name=value, got {text!r}")
    # `{metric} {resource}` is a template, and no object.
    if value[:1] in "[{" and not re.match(r"\{\w+\}", value):
        try:
            return name, json.loads(value)
        except json.JSONDecodeError as error:
            raise ConfigError(f"--option {name}: not JSON: {error}") from error
    return name, value


def read_month(option: str, text: str | None) -> Interval:
    """The month YYYY-MM that an option or argument names.

    Raises:
        ConfigError: it names none.
    """
    try:
        return Interval.month(text or "")
    except ConfigError:
        raise ConfigError(f"{option} {text!r} is no month; expected YYYY-MM, up to 9999-11") from None


def read_interval(day: str | None, start: str | None, end: str | None, settings: Settings | None = None) -> Interval:
    """The interval that the options name, or the days that a file source spans.

    Raises:
        ConfigError: none or two ways to name it, or a time for `--day`.
    """
    if day and (start or end):
        raise ConfigError("give --day, or --from and --to, not both")
    if day and "T" in day:
        raise ConfigError(f"--day is a whole UTC day, YYYY-MM-DD, got {day!r}; times go into --from and --to")
    if day:
        return Interval.day(day)
    if start and end:
        return Interval.between(start, end)
    spanned = None if settings is None or start or end else _span_files(settings)
    if spanned is not None:
        return spanned
    raise ConfigError("name the interval: --day YYYY-MM-DD, or --from YYYY-MM-DD --to YYYY-MM-DD")


def _span_files(settings: Settings) -> Interval | None:
    """The days of all file sources together; None where there is none."""
    from pipeline import plugs

    spans: list[Interval] = []
    for name in settings.sources:
        source = plugs.load("sources", name)
        if hasattr(source, "span"):
            with show_said():
                spans.append(source.span(plugs.options("sources", name, settings)))
            console.print(f"{name} spans {spans[-1]}", highlight=False, markup=False, soft_wrap=True)
    return Interval(min(each.start for each in spans), max(each.end for each in spans)) if spans else None
