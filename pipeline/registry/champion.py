"""Who is champion: what the ledger says, and MLflow's aliases that follow it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline import plugs
from pipeline.errors import ConfigError, SourceError
from pipeline.forecasting.spec import NONE, Champion, Row, model_name, params_of
from pipeline.registry.ledger import ROLLED_BACK, Decision, previous_champion, read_decisions, read_segments, record_decision
from pipeline.registry.mlflow import connect
from pipeline.registry.versions import find_version, read_spec
from pipeline.tables.columns import UNJUDGED

if TYPE_CHECKING:
    from pipeline.lake import Lake
    from pipeline.settings import Settings

log = logging.getLogger(__name__)
#: Longest time since the last decision that a champion serves while MLflow does not answer.
STALE_AFTER = timedelta(days=60)


def read_champion(settings: Settings, lake: Lake, metric: str, granularity: str, as_of: datetime | None = None) -> Champion:
    """The forecaster that serves a segment: its champion, or what serves although it did not pass the gates.

    The ledger says who, the registry with which parameters and overrides. While MLflow does not answer, the ledger's word alone
    is served, for at most STALE_AFTER since its last decision, and the version is marked stale. A segment of which nothing was
    measured is served by the fallback of the settings, with its options.

    Args:
        as_of: what was known then; only decisions before it count, so that a run repeated later chooses the same.

    Raises:
        DataError: the stored spec is not the one that was registered.
    """
    fallback = _unregistered(settings, settings.fallback_forecaster)
    decisions = [row for row in read_decisions(lake, metric, granularity) if as_of is None or row["as_of"] < as_of]
    if not decisions:
        return fallback
    last = decisions[-1]
    name, number = _serves(last)
    if name == NONE:
        return fallback
    if name not in plugs.names("forecasters"):
        log.warning("%s by %s: champion %s is no longer installed; %s serves", metric, granularity, name, fallback.forecaster)
        return fallback
    judged = last["soundness"] or UNJUDGED, last["coverage_90"]
    if number == NONE:
        return _unregistered(settings, name, *judged)
    try:
        spec = read_spec(settings, model_name(metric, granularity), number)
        if spec.forecaster != name:
            raise SourceError(
                f"version {number} holds {spec.forecaster}, the ledger promoted {name}; the registry is not its own"
            )
    except SourceError as error:
        age = (as_of or last["as_of"]) - last["as_of"]
        if age > STALE_AFTER:
            log.warning(
                "%s by %s: %s; the last decision is %d days old, too old to trust; %s serves",
                metric, granularity, error, age.days, fallback.forecaster,
            )  # fmt: skip
            return fallback
        log.warning("%s by %s: %s; stale: the ledger's %s version %s serves", metric, granularity, error, name, number)
        return Champion(name, f"{number} (stale)", {}, {}, *judged)
    return Champion(name, number, spec.params, spec.overrides, *judged)


def _unregistered(settings: Settings, forecaster: str, soundness: str = UNJUDGED, coverage_90: float | None = None) -> Champion:
    """A forecaster without a registered version, with the options of the settings."""
    params = params_of(plugs.options("forecasters", forecaster, settings))
    return Champion(forecaster, params=params, soundness=soundness, coverage_90=coverage_90)


def _serves(decision: Row) -> tuple[str, str]:
    """Forecaster and version that serve after a decision; one made before gates had a say in that names its champion."""
    if decision["serves"] is None:
        return decision["champion"], decision["champion_version"]
    return decision["serves"], decision["serves_version"]


def roll_back(settings: Settings, lake: Lake, metric: str, granularity: str, why: str = "by hand") -> Row:
    """Give a segment back to the champion before the present one; doing it again undoes it.

    Returns:
        The decision. The model that was rolled back is not promoted again by itself.

    Raises:
        ConfigError: no such segment, or there was no other champion.
        ConflictError: another decision was made meanwhile.
    """
    rows = read_decisions(lake, metric, granularity)
    if not rows:
        raise ConfigError(
            f"no decision about a segment {metric}/{granularity}; there are {', '.join(read_segments(lake)) or 'none'}"
        )
    before = previous_champion(rows)
    if before is None:
        raise ConfigError(f"{metric} by {granularity} never had another champion to go back to")
    last = rows[-1]
    gone = _serves(last)
    then = next(row for row in reversed(rows) if row["champion_version"] == before[1])
    reason = f"{ROLLED_BACK} from {gone[0]} version {gone[1]} to {before[0]} version {before[1]}: {why}"
    judged = then["soundness"] or UNJUDGED, then["coverage_90"], then["parameters"]
    record_decision(lake, last, Decision(last["as_of"], metric, granularity, "rejected", before, gone, reason, before, *judged))
    try:
        set_aliases(settings, lake, metric, granularity)
    except SourceError as error:
        log.warning("%s; the aliases follow with the next promotion", error)
    return read_decisions(lake, metric, granularity)[-1]


def set_aliases(settings: Settings, lake: Lake, metric: str, granularity: str) -> None:
    """Set the aliases of a segment's model to what the ledger says. Repeating it changes nothing.

    Raises:
        SourceError: MLflow does not answer.
    """
    model = model_name(metric, granularity)
    with connect(settings) as client:
        rows = read_decisions(lake, metric, granularity)
        while rows:
            last = rows[-1]
            _set_alias(client, model, "champion", (last["champion"], last["champion_version"]))
            _set_alias(client, model, "challenger", (last["challenger"], last["challenger_version"]))
            _set_alias(client, model, "previous", previous_champion(rows))
            # Each writer looks at the ledger again after setting an alias, so that a slow one cannot leave an old answer.
            rows = read_decisions(lake, metric, granularity)
            if rows[-1]["fence"] == last["fence"]:
                return


def _set_alias(client: Any, model: str, alias: str, wanted: tuple[str, str] | None) -> None:
    """Point an alias at the version that the ledger names, or at none."""
    present = {name: str(number) for name, number in client.get_registered_model(model).aliases.items()}.get(alias)
    forecaster, number = wanted or (NONE, NONE)
    known = find_version(client, model, number) if number != NONE else None
    if number != NONE and (known is None or known.forecaster != forecaster):
        log.warning(
            "%s has no version %s of %s, which the ledger calls %s: was the registry rebuilt?", model, number, forecaster, alias
        )
        number = NONE
    if number == NONE and present is not None:
        client.delete_registered_model_alias(model, alias)
    elif number not in (NONE, present):
        client.set_registered_model_alias(model, alias, number)
