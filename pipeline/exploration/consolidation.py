"""Which machine could do another's work beside its own, hour by hour, and what the other costs.

A candidate, not a recommendation: whether two programs may share a machine is known to people alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.instance_types import catalogue
from pipeline.advice.prices import HOURS_PER_MONTH
from pipeline.exploration.profile import RESOURCE, Floats, Profiles

#: Of the host's CPU and memory, what both may need together at most in any hour, in percent: P95 of each added up.
MOST_CPU_PCT, MOST_MEMORY_PCT = 60.0, 80.0
#: What a resource needs while it is off, of its busiest hour.
OFF_RATIO = 0.1
SERVICES = ("ec2", "server")
#: What two machines must have in common to be one.
SHARED = ["account", "region", "environment", "arch"]


def find_consolidations(profiles: Profiles, resources: pd.DataFrame, prices: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """A host for each machine whose work fits beside that of another.

    The dearest machine moves first, to the host that is the fullest afterwards. A host does not move, and who moved hosts nobody;
    neither is one that a run recommends to stop, resize or change otherwise: the two exclude each other.

    Args:
        profiles: of which cpu and memory are needed.
        resources: account, region, resource_id, service, instance_type, state, environment.
        prices: as `inputs.prices` gives them.
        changed: account, region, resource_id of what is to be changed otherwise.

    Returns:
        account, region, resource_id, consolidate_into, consolidation_saving_usd (a month at list price), consolidation_reason.
    """
    columns = [*RESOURCE, "consolidate_into", "consolidation_saving_usd", "consolidation_reason"]
    machines = _machines(profiles, resources, prices, changed)
    found: list[dict[str, object]] = []
    for _, group in machines.groupby(SHARED, sort=True):
        found += _pack(group)
    return pd.DataFrame(found, columns=columns)


def _machines(profiles: Profiles, resources: pd.DataFrame, prices: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Machines that can move or host, each with what it needs of vCPUs and GiB at each hour, (96,): `need`."""
    needs = _fill(profiles.peaks)
    known = profiles.names.assign(place=np.arange(len(profiles.names)))
    rows = resources.merge(known, on=RESOURCE, validate="1:1")
    rows = rows[rows["service"].isin(SERVICES) & (rows["state"] == "running")]
    others = pd.MultiIndex.from_frame(changed[RESOURCE])
    rows = rows[~pd.MultiIndex.from_frame(rows[RESOURCE]).isin(others)]
    listed = prices[(prices["service"] == "ec2") & (prices["unit"] == "hour")]
    listed = listed.sort_values(["region", "item", "price_as_of"]).drop_duplicates(["region", "item"], keep="last")
    types = [catalogue(of.set_index("item")).assign(region=region).reset_index() for region, of in listed.groupby("region")]
    if not types or rows.empty:
        return pd.DataFrame(columns=SHARED)
    offered = pd.concat(types)[["region", "item", "vcpu", "memory_gib", "price_usd", "arch", "burstable"]]
    rows = rows.merge(offered, left_on=["region", "instance_type"], right_on=["region", "item"])
    rows = rows[~rows["burstable"] & rows["price_usd"].notna()]
    rows = rows.assign(**{name: rows[name].fillna("") for name in ("environment", "arch")})
    rows = rows.iloc[np.flatnonzero(np.isfinite(needs[rows["place"]]).all(axis=(1, 2)))]
    size = rows[["vcpu", "memory_gib"]].to_numpy(dtype=np.float64)
    amounts = needs[rows["place"]] / 100 * size[:, None]
    return rows.assign(need=list(amounts)).sort_values(["price_usd", *RESOURCE], ascending=[False, True, True, True])


def _fill(peaks: Floats) -> Floats:
    """Peaks by hour, (N, 48, 2), with what is needed while off: little CPU, and memory as ever."""
    known = np.isfinite(peaks)
    highest = np.where(known.any(axis=1), np.where(known, peaks, -np.inf).max(axis=1), np.nan)
    return np.where(known, peaks, (highest * np.array([OFF_RATIO, 1.0]))[:, None])


def _pack(group: pd.DataFrame) -> list[dict[str, object]]:
    """The moves within one group, the dearest machine first."""
    rows: list[dict[str, Any]] = [{str(name): value for name, value in row.items()} for row in group.to_dict("records")]
    limits = np.array([MOST_CPU_PCT, MOST_MEMORY_PCT]) / 100
    room = [np.array([row["vcpu"], row["memory_gib"]]) * limits for row in rows]
    load: list[Floats] = [np.asarray(row["need"]) for row in rows]
    moved, hosts, found = set[int](), set[int](), []
    for guest, row in enumerate(rows):
        if guest in hosts:
            continue
        fullest = {
            host: float((together.max(axis=0) / room[host]).max())
            for host in range(len(rows))
            if host != guest and host not in moved and ((together := load[host] + load[guest]) <= room[host]).all()
        }
        if not fullest:
            continue
        host = max(fullest, key=lambda each: (fullest[each], -each))
        load[host] = load[host] + load[guest]
        moved.add(guest)
        hosts.add(host)
        found.append({name: row[name] for name in RESOURCE} | _told(row, rows[host], load[host]))
    return found


def _told(guest: dict[str, Any], host: dict[str, Any], load: Floats) -> dict[str, object]:
    size = np.array([host["vcpu"], host["memory_gib"]], dtype=np.float64)
    cpu, memory = 100 * load.max(axis=0) / size
    saving = float(guest["price_usd"]) * HOURS_PER_MONTH
    return {
        "consolidate_into": host["resource_id"],
        "consolidation_saving_usd": round(saving, 2),
        "consolidation_reason": (
            f"Beside the work of {host['resource_id']} ({host['instance_type']}) at most {cpu:.0f} % of its CPU and {memory:.0f} "
            f"% of its memory are needed in the busiest hour of a week; {guest['instance_type']} costs ${saving:,.2f} a month."
        ),
    }
