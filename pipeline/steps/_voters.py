"""Which detectors vote, with which weights and thresholds: as the settings say, or as the version that is champion does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from pipeline import plugs
from pipeline.anomalies.detection import Detection
from pipeline.anomalies.vote import read_weights
from pipeline.anomalies.voters import UNREGISTERED, Voters, parse_voters
from pipeline.errors import DataError
from pipeline.inputs.points import midnight_before
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.registry.ledger import read_decisions
from pipeline.settings import Settings
from pipeline.tables.columns import Granularity

log = logging.getLogger(__name__)
#: Where decisions about the vote stand in `gold.promotion`.
SEGMENT: tuple[str, Granularity] = ("detectors", "hour")
#: The votes that a training measures.
SERVING, PROPOSED = "vote (serving)", "vote (proposed)"


def read_shipped(settings: Settings) -> Voters:
    """The vote as the settings say it: each detector by its own threshold.

    Raises:
        ConfigError: a weight, or an option, that is none.
    """
    options = {name: plugs.options("detectors", name, settings).model_dump(mode="json") for name in settings.detectors}
    weights = read_weights(settings.detectors, settings.detector_weights)
    return Voters(options, weights, weights, dict.fromkeys(options, 1.0), float(settings.alert_votes))


def bind_detectors(settings: Settings) -> dict[str, Callable[..., Detection]]:
    """The detectors of the settings by name, each with its options and its own threshold.

    Raises:
        ConfigError: an option that is none, or a detector that learns from more than is read.
    """
    # It takes what features are made with, which who only asks who votes has no need of.
    from pipeline.anomalies.learned import check_history

    options = {name: plugs.options("detectors", name, settings) for name in settings.detectors}
    for name, chosen in options.items():
        check_history(name, chosen, settings.detect_history_hours)
    return {name: plugs.bind("detectors", name, chosen) for name, chosen in options.items()}


def told_more(settings: Settings) -> list[str]:
    """The detectors of the settings that are told more than the series that they judge."""
    return [name for name in settings.detectors if plugs.declared_inputs("detectors", name)]


def read_voters(lake: Lake, settings: Settings, moment: datetime) -> Voters:
    """The vote that judges the day of a moment: as decided before the midnight that it begins with, so that its runs agree.

    A training as of that midnight is decided while the day goes on, so it serves from the next.

    The ledger alone is asked, not the registry: it has the numbers. Where the settings ask other detectors than the champion was
    learned for, or with other options or weights, they serve until the next training.
    """
    shipped, champions = read_shipped(settings), list(_read_champions(lake))
    _say_if_other(shipped, champions)
    return _serving(shipped, champions, midnight_before(moment))


def read_unmoved(lake: Lake) -> set[str]:
    """The versions, `none` among them, by which each detector flags from its own threshold on."""
    return {UNREGISTERED, *(voters.version for _, voters in _read_champions(lake) if voters.is_unmoved)}


def split_by_voters(interval: Interval, lake: Lake, settings: Settings) -> list[tuple[Interval, Voters]]:
    """An interval in parts that one vote judges each; of a part of a day that of the day."""
    shipped, champions = read_shipped(settings), list(_read_champions(lake))
    _say_if_other(shipped, champions)
    days = [(part, _serving(shipped, champions, midnight_before(part.start))) for part in interval.split_days()]
    parts = [list(same) for _, same in groupby(days, key=lambda each: (each[1].version, each[1].text()))]
    return [(Interval(same[0][0].start, same[-1][0].end), same[0][1]) for same in parts]


def _read_champions(lake: Lake) -> Iterator[tuple[datetime, Voters]]:
    for row in read_decisions(lake, *SEGMENT):
        try:
            yield row["as_of"], parse_voters(row["parameters"] or "", row["champion_version"])
        except DataError as error:
            log.warning("decision %d about the detectors: %s; the settings serve", row["fence"], error)
            yield row["as_of"], Voters({}, {}, {}, {}, 0.0)


def _serving(shipped: Voters, champions: list[tuple[datetime, Voters]], day: datetime) -> Voters:
    decided = [voters for as_of, voters in champions if as_of < day]
    if not decided:
        return shipped
    return decided[-1] if decided[-1].shipped.text() == shipped.text() else shipped


def _say_if_other(shipped: Voters, champions: list[tuple[datetime, Voters]]) -> None:
    if champions and champions[-1][1].shipped.text() != shipped.text():
        log.info(
            "version %s of the detectors was learned for other settings; these serve until a training", champions[-1][1].version
        )


def next_day(moment: datetime) -> datetime:
    """The first midnight after a moment: the day that a decision as of it serves first."""
    return midnight_before(moment) + timedelta(days=1)
