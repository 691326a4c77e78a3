"""Which machine could do another's work beside its own, hour by hour, and what the other costs.

A candidate, not a recommendation: whether two programs may share a machine is known to people alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.instance_types import catalogue
from pipeline.advice.prices import HOURS_PER_MONTH
from pipeline.exploration.profile import RESOURCE, Floats, Profiles

#: Of the host's CPU and memory, what both may need together at most in any hour of the week, in percent: P95 of each added up.
MOST_CPU_PCT, MOST_MEMORY_PCT = 60.0, 80.0
SERVICES = ("ec2", "server")
#: What two machines must have in common to be one.
SHARED = ["account", "region", "environment", "arch"]


def find_consolidations(profiles: Profiles, resources: pd.DataFrame, prices: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """A host for each machine whose work fits beside that of another.

    The dearest machine moves first, to the host that is the fullest afterwards. A host does not move, and who moved hosts nobody;
    neither is one that a run recommends to stop, resize or change otherwise: the two exclude each other. A machine of which an
    hour of the week has no peak neither moves nor hosts: what is not known is not idle.

    Args:
        profiles: of which the peaks are needed.
        resources: account, region, resource_id, service, instance_type, state, environment.
        prices: as `inputs.prices` gives them, a row per item.
        changed: account, region, resource_id of what is to be changed otherwise.

    Returns:
        account, region, resource_id, consolidate_into, consolidation_saving_usd (a month at list price), consolidation_reason.
    """
    columns = [*RESOURCE, "consolidate_into", "consolidation_saving_usd", "consolidation_reason"]
    machines = _machines(profiles, resources, prices, changed)
    found: list[dict[str, object]] = []
    for _, group in machines.groupby(SHARED, sort=True):
        size = group[["vcpu", "memory_gib"]].to_numpy(dtype=np.float64)
        load = profiles.peaks[group["place"]] / 100 * size[:, None]
        hosts = pack(load, size * np.array([MOST_CPU_PCT, MOST_MEMORY_PCT]) / 100)
        found += [_told(group.iloc[guest], group.iloc[host], load[host]) for guest, host in hosts.items()]
    return pd.DataFrame(found, columns=columns)


def _machines(profiles: Profiles, resources: pd.DataFrame, prices: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Machines that can move or host, the dearest first, each with its `place` among the profiles."""
    known = np.flatnonzero(np.isfinite(profiles.peaks).all(axis=(1, 2)))
    rows = resources.merge(profiles.names.iloc[known].assign(place=known), on=RESOURCE, validate="1:1")
    rows = rows[rows["service"].isin(SERVICES) & (rows["state"] == "running")]
    others = pd.MultiIndex.from_frame(changed[RESOURCE])
    rows = rows[~pd.MultiIndex.from_frame(rows[RESOURCE]).isin(others)]
    listed = prices[(prices["service"] == "ec2") & (prices["unit"] == "hour")]
    types = [catalogue(of.set_index("item")).assign(region=region).reset_index() for region, of in listed.groupby("region")]
    if not types or rows.empty:
        return pd.DataFrame(columns=SHARED)
    offered = pd.concat(types)[["region", "item", "vcpu", "memory_gib", "price_usd", "arch", "burstable"]]
    rows = rows.merge(offered, left_on=["region", "instance_type"], right_on=["region", "item"], validate="m:1")
    rows = rows[~rows["burstable"] & rows["price_usd"].notna()]
    rows = rows.assign(**{name: rows[name].fillna("") for name in ("environment", "arch")})
    return rows.sort_values(["price_usd", *RESOURCE], ascending=[False, True, True, True])


def pack(load: Floats, room: Floats) -> dict[int, int]:
    """The host of each machine that moves, by their places; the first moves first. `load` becomes what hosts need afterwards.

    Args:
        load: what each needs at each hour, (M, T, 2).
        room: what each may need at most, (M, 2).
    """
    may_host, hosting = np.ones(len(load), dtype=bool), np.zeros(len(load), dtype=bool)
    hosts: dict[int, int] = {}
    for guest in range(len(load)):
        if hosting[guest]:
            continue
        may_host[guest] = False
        places = _with_room(load, room, load[guest], may_host)
        together = (load[places] + load[guest]).max(axis=1)
        fits = (together <= room[places]).all(axis=1)
        if not fits.any():
            may_host[guest] = True
            continue
        filled = np.where(fits, (together / room[places]).max(axis=1), -np.inf)
        host = int(places[np.argmax(filled)])
        load[host] += load[guest]
        hosting[host] = True
        hosts[guest] = host
    return hosts


def _with_room(load: Floats, room: Floats, guest: Floats, may_host: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Places of those that have room for the guest in its own busiest hours, which leaves few to look at by the hour."""
    busiest = guest.argmax(axis=0)
    fits = np.logical_and.reduce([load[:, hour, need] + guest[hour, need] <= room[:, need] for need, hour in enumerate(busiest)])
    return np.flatnonzero(fits & may_host)


def _told(guest: pd.Series, host: pd.Series, load: Floats) -> dict[str, object]:
    size = host[["vcpu", "memory_gib"]].to_numpy(dtype=np.float64)
    cpu, memory = 100 * load.max(axis=0) / size
    saving = float(guest["price_usd"]) * HOURS_PER_MONTH
    return {name: guest[name] for name in RESOURCE} | {
        "consolidate_into": host["resource_id"],
        "consolidation_saving_usd": round(saving, 2),
        "consolidation_reason": (
            f"With all that {host['resource_id']} ({host['instance_type']}) is to do, {cpu:.0f} % of its CPU and {memory:.0f} % "
            f"of its memory are needed in the busiest hour of a week, by the P95 of each hour; {guest['instance_type']} costs "
            f"${saving:,.2f} a month."
        ),
    }
