"""What is said of 200 changes of known effect on made-up estates, beside what they really saved: `make bench-realised`.

python -m tools.bench_realised [--tuning]. Twenty estates whose seeds nothing was tuned on, ten changes each; with `--tuning` the
twenty others. An estate is billed twice, untouched and changed, so that what a resource would have cost is known to the cent.
Half of the machines run at hours that people choose. Of the changes whose resource goes on being used a third coincide with
growth, or decline, of what is used, over four weeks from that day on; machines get 5 % cheaper in half of the estates while
changes are made. A quarter of the changes regress: they are taken back after 5 to 15 days, bring a charge that costs more than
they save, or leave a machine saturated. Inventories, bills and hours are given as they were known on each day: a bill lacks its
newest two. Five machines of each estate have recommendations that nobody follows; metrics of theirs are lost for 3 to 31 days.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from pipeline.advice.counterfactual import Prices, day_of
from pipeline.advice.followed import Change, find_change, find_schedule, forms_by_inventory
from pipeline.advice.ledger import Known, find_changes
from pipeline.advice.realised import Realised, Seen, by_day, known_until, realise
from pipeline.sources import _bill_charges, synthetic_bill
from pipeline.sources._bill_estate import (
    BALANCER,
    DATABASE,
    FUNCTION,
    GP2,
    GP3,
    LCU,
    NAT,
    NAT_BYTES,
    TRANSFER,
    Kind,
    Stream,
    list_prices,
)
from pipeline.tables.columns import EXPECTED, REGRESSED, VERIFIED

START, DAYS, SERVERS, CHANGES = date(2024, 1, 1), 170, 40, 10
#: Machines of an estate that nothing is changed about, each with four recommendations that nobody follows.
CONTROLS = 5
TUNING, REPORTED = range(300, 320), range(400, 420)
#: When changes are made, and how many days after one it is looked at again.
FIRST, LAST, LOOKED_AT = 100, 135, (5, 8, 11, 14, 17, 20, 23, 26, 28, 31)
#: The latest look that the bars are about: bills lack two days.
WITHIN = 28
LEAST_SAVING = 0.1
#: From when on machines are cheaper on estates of odd seeds, as bill and price list say.
CHEAPER = 110
REGION, ACCOUNT = "us-east-1", "1"
FLOATS = npt.NDArray[np.float64]
SURPLUS = Kind("Amazon Elastic Compute Cloud", "Compute Surplus", "CPUCredits:t3", "vCPU-Hrs", 0.05, "instance")
ARM = FUNCTION._replace(usage_type="Lambda-GB-Second-ARM", price=0.8 * FUNCTION.price)
#: What is changed: the service and the action, and the usage types that it is about.
KINDS: dict[str, tuple[str, str, str]] = {
    "rightsize": ("ec2", "rightsize", "size"),
    "stop": ("ec2", "stop", "end"),
    "schedule": ("ec2", "schedule", "schedule"),
    "gp2_volume": ("ebs", "upgrade", "size"),
    "function_architecture": ("lambda", "migrate", "size"),
    "idle_load_balancer": ("elb", "delete", "end"),
    "idle_nat_gateway": ("nat", "delete", "end"),
    "idle_database": ("rds", "stop", "end"),
}
#: How often each is drawn.
SHARES = (0.2, 0.2, 0.15, 0.1, 0.1, 0.1, 0.1, 0.05)
LOST = "schedule, metrics lost"
BACK, DEARER, BREACH = "taken back", "dearer", "saturated"
Whole = tuple[pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class Made:
    """A change, and what is true of it.

    Attributes:
        kind: of `KINDS`.
        places: of the streams of its resource.
        day: offset of the first day after it.
        fault: how it regresses; empty where it does not.
        back: offset of the day on which it is taken back.
        trend: what is used four weeks later, as a multiple.
    """

    kind: str
    places: tuple[int, ...]
    day: int
    fault: str
    back: int
    trend: float


@dataclass(frozen=True)
class Looked:
    """What was said of a change on one day: of how many days it was looked at after it, the verdict and the days."""

    after: int
    found: Change | None
    said: Realised | None


def make(seed: int) -> tuple[list[Made], list[Stream], Whole]:
    """An estate's changes, its streams, and its charges untouched and changed."""
    estate = synthetic_bill.draw_estate(synthetic_bill.Options(servers=SERVERS, start=START, days=DAYS, seed=seed))
    draw = np.random.default_rng([seed, 77])
    streams, used = estate.bill.streams, estate.bill.used.copy()
    _run_at_peoples_hours(streams, used, draw)
    made = _choose(streams, draw)
    for each in made:
        for place in each.places:
            used[:, place] = _with_trend(used[:, place], each, streams[place])
    bill = replace(estate.bill, used=used)
    untouched = lines_of(bill)
    changed = lines_of(_changed(bill, made, draw))
    if seed % 2:
        untouched, changed = (_cheaper(each, CHEAPER) for each in (untouched, changed))
    return made, streams, (untouched, changed)


def _run_at_peoples_hours(streams: list[Stream], used: FLOATS, draw: np.random.Generator) -> None:
    for place, stream in enumerate(streams):
        if stream.kind.usage_type.startswith("BoxUsage") and draw.uniform() < 0.5:
            noise = np.zeros(len(used))
            for day in range(1, len(used)):
                noise[day] = 0.5 * noise[day - 1] + draw.normal(0, 0.2)
            weekend = [(START + timedelta(days=day)).weekday() >= 5 for day in range(len(used))]
            usual = draw.uniform(8, 16) * np.where(weekend, draw.uniform(0.2, 0.9), 1.0)
            used[:, place] = np.round(np.clip(usual * np.exp(noise), 0, 24), 3)


def _choose(streams: list[Stream], draw: np.random.Generator) -> list[Made]:
    made: list[Made] = []
    taken: set[str] = set()
    while len(made) < CHANGES:
        kind = list(KINDS)[int(draw.choice(len(KINDS), p=SHARES))]
        may = [place for place, each in enumerate(streams) if _is_of(each, kind) and each.resource_id not in taken]
        if not may:
            continue
        first = may[int(draw.integers(len(may)))]
        name = streams[first].resource_id
        taken.add(name)
        about = {"idle_load_balancer": (BALANCER, LCU, TRANSFER), "idle_nat_gateway": (NAT, NAT_BYTES)}.get(
            kind, (streams[first].kind,)
        )
        places = tuple(place for place, each in enumerate(streams) if each.resource_id == name and each.kind in about)
        day = int(draw.integers(FIRST, LAST))
        faults = [BACK, DEARER, BREACH] if kind == "rightsize" else [BACK, DEARER] if KINDS[kind][2] == "size" else [BACK]
        fault = faults[int(draw.integers(len(faults)))] if draw.uniform() < 0.25 else ""
        trends = draw.uniform() < 1 / 3 and KINDS[kind][2] == "size"
        trend = float(draw.choice([draw.uniform(1.3, 1.8), draw.uniform(0.5, 0.75)])) if trends else 1.0
        back = day + int(draw.integers(5, 16)) if fault == BACK else DAYS
        made.append(Made(kind, places, day, fault, back, trend))
    return made


def _is_of(stream: Stream, kind: str) -> bool:
    alive = stream.first == 0 and stream.last >= DAYS - 1
    usage = stream.kind
    of = {
        "gp2_volume": usage == GP2,
        "function_architecture": usage == FUNCTION,
        "idle_load_balancer": usage == BALANCER,
        "idle_nat_gateway": usage == NAT,
        "idle_database": usage == DATABASE,
    }
    return alive and of.get(kind, usage.usage_type.startswith("BoxUsage"))


def _with_trend(used: FLOATS, made: Made, stream: Stream) -> FLOATS:
    ramp = np.clip((np.arange(len(used)) - made.day + 1) / 28, 0, 1)
    grown = used * (1 + (made.trend - 1) * ramp)
    return np.minimum(grown, 24.0) if stream.kind.unit == "Hrs" else grown


def _changed(bill: _bill_charges.Bill, made: list[Made], draw: np.random.Generator) -> _bill_charges.Bill:
    """The bill with the changes; what is new stands behind what it replaces, so that the plan covers it as before."""
    streams: list[Stream] = []
    columns: list[FLOATS] = []
    by_place = {place: each for each in made for place in each.places}
    days = np.arange(len(bill.used))
    for place, stream in enumerate(bill.streams):
        used, each = bill.used[:, place], by_place.get(place)
        if each is None:
            streams, columns = [*streams, stream], [*columns, used]
            continue
        on = (days >= each.day) & (days < each.back)
        if KINDS[each.kind][2] == "size":
            kind = _becomes(stream.kind, each)
            streams += [stream, replace(stream, kind=kind)]
            columns += [np.where(on, 0.0, used), np.where(on, used, 0.0)]
            if each.fault == DEARER:
                worth = used * (stream.kind.price * draw.uniform(1.1, 1.5) - kind.price) / SURPLUS.price
                streams.append(replace(stream, kind=SURPLUS))
                columns.append(np.where(on, np.maximum(worth, 0.0), 0.0))
        else:
            streams.append(stream)
            columns.append(np.where(on, _scheduled(used) if each.kind == "schedule" else 0.0, used))
    used = np.round(np.stack(columns, axis=1), 6).astype(np.float64)
    return replace(bill, streams=streams, used=used)


def _becomes(kind: Kind, made: Made) -> Kind:
    if made.kind == "gp2_volume":
        return GP3
    if made.kind == "function_architecture":
        return ARM
    smaller = [name for name, price in list_prices().items() if 0.4 <= price / kind.price <= 0.9]
    name = sorted(smaller, key=lambda each: (abs(list_prices()[each] / kind.price - 0.5 - made.day % 4 / 10), each))[0]
    return kind._replace(usage_type=f"BoxUsage:{name}", price=list_prices()[name])


def _scheduled(used: FLOATS) -> FLOATS:
    weekday = np.array([(START + timedelta(days=day)).weekday() < 5 for day in range(len(used))])
    return np.where(weekday, np.minimum(used, 10.0) * 0.8, 0.0)


def lines_of(bill: _bill_charges.Bill) -> pd.DataFrame:
    """The usage of a bill by day, resource, usage type and commitment, as `counterfactual.look_back` wants it."""
    months = pd.period_range(START, START + timedelta(days=DAYS - 1), freq="M")
    table = pa.concat_tables([_bill_charges.lines(bill, month.start_time.date(), date(2100, 1, 1)) for month in months])
    table = table.filter(pc.equal(table["ChargeCategory"], "Usage"))
    names = {
        "ts": "ChargePeriodStart", "usage_type": "x_UsageType", "unit": "ConsumedUnit", "resource_id": "ResourceId",
        "commitment_id": "CommitmentDiscountId",
    }  # fmt: skip
    frame = pd.DataFrame({name: table[column].to_pandas() for name, column in names.items()}).fillna("none")
    amounts = {"quantity": "ConsumedQuantity", "list_cost": "ListCost", "cost": "EffectiveCost"}
    return frame.assign(**{name: table[column].cast(pa.float64()).to_pandas() for name, column in amounts.items()})


def _cheaper(lines: pd.DataFrame, day: int) -> pd.DataFrame:
    machines = lines["usage_type"].str.startswith("BoxUsage") & (lines["ts"] >= pd.Timestamp(START) + pd.Timedelta(days=day))
    return lines.assign(**{name: lines[name].mask(machines, lines[name] * 0.95) for name in ("list_cost", "cost")})


def look(made: Made, stream: Stream, changed: pd.DataFrame, prices: Prices) -> Iterator[Looked]:
    """What is said of a change on each of some days after it."""
    day = pd.Timestamp(START) + pd.Timedelta(days=made.day)
    said = _said(made, stream, day)
    mine = changed[changed["resource_id"] == stream.resource_id]
    present = {day_of(each): frozenset(rows) for each, rows in changed.groupby("ts")["commitment_id"]}
    for after in LOOKED_AT:
        as_of = day + pd.Timedelta(days=after)
        through = known_until(as_of)
        charges = mine[mine["ts"].to_numpy("datetime64[D]") <= through]
        if made.kind == "schedule":
            days = pd.date_range(day - pd.Timedelta(days=40), pd.Timestamp(through), freq="D")
            found = find_schedule(said, charges.groupby("ts")["quantity"].sum().reindex(days, fill_value=0.0))
        else:
            rows = _inventory(made, stream, day, as_of)
            listed = list(pd.date_range(day - pd.Timedelta(days=40), as_of, freq="D", inclusive="left"))
            found = find_change(said, forms_by_inventory(rows, listed, KINDS[made.kind][2]), "inventory")
        seen = Seen(charges, through, _hours(made, day, as_of), prices, present)
        yield Looked(after, found, None if found is None else realise(found, seen))


def _said(made: Made, stream: Stream, day: pd.Timestamp) -> pd.DataFrame:
    service, action, group = KINDS[made.kind]
    identity = hashlib.sha256(f"{made.kind}{stream.resource_id}{day}".encode()).hexdigest()[:16]
    former, target = _configs(made, stream)
    runs = pd.date_range(day - pd.Timedelta(days=20), day, freq="D")
    row = {
        "recommendation_id": identity, "rule_id": made.kind, "account": ACCOUNT, "region": REGION, "service": service,
        "resource_id": stream.resource_id, "action": action, "exclusive_group": group, "current_config": former,
        "target_config": target, "savings_monthly_usd": 10.0, "off_hours_of_week": 118.0 if group == "schedule" else None,
    }  # fmt: skip
    return pd.DataFrame([row | {"as_of": run} for run in runs])


def _configs(made: Made, stream: Stream) -> tuple[str, str | None]:
    if made.kind == "gp2_volume":
        return "gp2, 100 GiB", "gp3, 100 GiB, 3000 IOPS, 125 MiB/s"
    if made.kind == "function_architecture":
        return "x86_64, 512 MiB", "arm64, 512 MiB"
    former = stream.kind.usage_type.partition(":")[2]
    return former, _becomes(stream.kind, made).usage_type.partition(":")[2] if made.kind == "rightsize" else None


def _inventory(made: Made, stream: Stream, day: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
    service, _, group = KINDS[made.kind]
    former, target = _configs(made, stream)
    back = pd.Timestamp(START) + pd.Timedelta(days=made.back)
    rows = []
    for ts in pd.date_range(day - pd.Timedelta(days=40), as_of, freq="D", inclusive="left"):
        is_on = day <= ts < back
        if is_on and group == "end" and service in ("elb", "nat"):
            continue
        config = str(target) if is_on and group == "size" else former
        facts = {"volume_type": config[:3], "size_gib": "100"} | (
            {"iops": "3000", "throughput_mibps": "125"} if "gp3" in config else {}
        )
        facts |= {"architecture": config.split(",")[0], "memory_mib": "512"}
        tags = "{" + ", ".join(f'"headroom:{name}": "{value}"' for name, value in facts.items()) + "}"
        state = "stopped" if is_on and group == "end" else "running"
        rows.append({"ts": ts, "service": service, "instance_type": config, "state": state, "tags_json": tags})
    return pd.DataFrame(rows)


def _hours(made: Made, day: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
    ts = pd.date_range(day - pd.Timedelta(days=28), as_of, freq="D", inclusive="left")
    saturated = np.where((ts >= day) & (made.fault == BREACH), 2, 0)
    return pd.DataFrame({"ts": ts, "hours": 24, "saturated_hours": saturated})


def true_cost(
    made: Made, stream: Stream, untouched: pd.DataFrame, days: npt.NDArray[np.datetime64], streams: list[Stream]
) -> FLOATS:
    """What the resource would have cost on some days without its change."""
    mine = untouched[untouched["resource_id"] == stream.resource_id]
    if KINDS[made.kind][2] == "size":
        mine = mine[mine["usage_type"].isin({streams[place].kind.usage_type for place in made.places})]
    cost = mine.groupby("ts")["cost"].sum().reindex(pd.DatetimeIndex(days), fill_value=0.0)
    return cost.to_numpy(dtype=np.float64)


def list_unit_prices(lines: pd.DataFrame) -> Prices:
    """What a unit of each usage type was charged at list price by the day, whoever it was charged to."""
    sums = lines[lines["quantity"] > 0].groupby(["usage_type", "ts"])[["list_cost", "quantity"]].sum()
    price = sums["list_cost"] / sums["quantity"]
    seen = {}
    for name, of_type in price.groupby(level=0):
        seen[str(name)] = (of_type.index.get_level_values(1).to_numpy("datetime64[D]"), of_type.to_numpy(dtype=np.float64))
    return Prices(seen)


def judge(seed: int) -> Iterator[dict[str, Any]]:
    """One row for each change of an estate: what is true of it, and what was said."""
    made, streams, (untouched, changed) = make(seed)
    prices = list_unit_prices(changed)
    if seed % 2:
        cut = np.array([START, START + timedelta(days=CHEAPER)], "datetime64[D]")
        for name in {each.kind.usage_type for each in streams if each.kind.usage_type.startswith("BoxUsage")}:
            prices = prices.listed(name, cut, np.array([1.0, 0.95]))
    for each in made:
        stream = streams[each.places[0]]
        looks = list(look(each, stream, changed, prices))
        told = looks[-1].said.told if looks[-1].said else None
        row: dict[str, Any] = {"kind": each.kind, "fault": each.fault, "trend": each.trend, "found": looks[-1].found is not None}
        wrong = [one.after for one in looks if one.said and one.said.status == VERIFIED and _is_wrong_by_then(each, one.after)]
        within = [one.said.status for one in looks if one.said and one.after <= WITHIN]
        row |= {"wrongly_verified": bool(wrong), "verified": VERIFIED in within}
        row |= {"regressed": any(one.said is not None and one.said.status == REGRESSED for one in looks)}
        row |= {"basis": "", "share": np.nan, "inside": np.nan, "days_inside": np.nan, "off": np.nan, "width": np.nan}
        if told is not None and len(told.days):
            true, daily = true_cost(each, stream, untouched, told.days, streams), by_day(told)
            saved = true - told.actual
            low, high = daily["cumulated_low"].iloc[-1], daily["cumulated_high"].iloc[-1]
            cent = 1e-6 * max(true.sum(), 1.0)
            inside = (daily["saved_low"] - cent <= saved) & (saved <= daily["saved_high"] + cent)
            row |= {
                "basis": told.basis, "share": saved.sum() / max(true.sum(), 1e-9), "days": len(told.days),
                "inside": low - cent <= saved.sum() <= high + cent, "days_inside": inside.mean(),
                "off": (told.expected.sum() - true.sum()) / max(true.sum(), 1e-9), "width": (high - low) / max(true.sum(), 1e-9),
            }  # fmt: skip
        yield row | {"is_control": False}
    yield from _never_made(seed, made, streams, changed, prices)


def _never_made(
    seed: int, made: list[Made], streams: list[Stream], changed: pd.DataFrame, prices: Prices
) -> Iterator[dict[str, Any]]:
    """One row for each change that was advised about a machine and never made: whether it was said to be."""
    draw = np.random.default_rng([seed, 78])
    taken = {streams[place].resource_id for each in made for place in each.places}
    idle = [place for place, each in enumerate(streams) if _is_of(each, "stop") and each.resource_id not in taken]
    for place in draw.permutation(idle)[:CONTROLS]:
        day = int(draw.integers(FIRST, LAST))
        for kind in ("rightsize", "stop", "schedule"):
            # What is taken back on the day it is made was never there.
            never = Made(kind, (int(place),), day, "", day, 1.0)
            found = any(each.found is not None for each in look(never, streams[place], changed, prices))
            yield {"kind": kind, "is_control": True, "found": found}
        lost = int(draw.integers(3, 32))
        found = any(_is_found_in_metrics(day, lost, streams[place], changed, after) for after in LOOKED_AT)
        yield {"kind": LOST, "is_control": True, "found": found}


def _is_found_in_metrics(offset: int, lost: int, stream: Stream, changed: pd.DataFrame, after: int) -> bool:
    """Whether a schedule is seen of a machine without a bill whose metrics are lost for some days; it is listed as running."""
    day = pd.Timestamp(START) + pd.Timedelta(days=offset)
    as_of, key = day + pd.Timedelta(days=after), (ACCOUNT, REGION, stream.resource_id)
    made = Made("schedule", (), offset, "", offset, 1.0)
    mine = changed[changed["resource_id"] == stream.resource_id]
    hours = mine[mine["usage_type"] == stream.kind.usage_type].groupby("ts")["quantity"].sum()
    hours = hours[(hours.index < as_of) & (hours > 0) & ~((hours.index >= day) & (hours.index < day + pd.Timedelta(days=lost)))]
    rows = _inventory(made, stream, day, as_of)
    known = Known(
        as_of=as_of.to_pydatetime(), said=_said(made, stream, day), inventory={key: rows},
        listed={(ACCOUNT, REGION, "ec2"): list(rows["ts"])},
        hours={key: pd.DataFrame({"ts": hours.index, "hours": hours.to_numpy(), "saturated_hours": 0})},
        bills={}, prices={}, list_prices={}, present={}, teams={},
    )  # fmt: skip
    return bool(find_changes(known))


def _is_wrong_by_then(made: Made, after: int) -> bool:
    """Whether a change has regressed as far as can be known: an inventory shows it the day after, a bill after three days."""
    lag = 5 if made.kind == "schedule" else 1
    return bool(made.fault) and (made.fault != BACK or made.day + after >= made.back + lag)


def measure(seeds: range) -> pd.DataFrame:
    """One row for each change of some estates."""
    return pd.DataFrame([row for seed in seeds for row in judge(seed)])


def _apart(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What nobody followed, and what was changed."""
    is_control = rows["is_control"].astype(bool)
    return rows[is_control], rows[~is_control].infer_objects()


def bars(rows: pd.DataFrame) -> list[tuple[str, str, bool]]:
    """What is asked, what came out, and whether that meets it."""
    controls, rows = _apart(rows)
    drawn = rows[(rows["basis"] == EXPECTED) & (rows["width"] > 1e-6)]
    right, wrong = rows[rows["fault"] == ""], rows[rows["fault"] != ""]
    large = right[right["share"] >= LEAST_SAVING]
    inside, found = float(drawn["inside"].astype(float).mean()), float(wrong["regressed"].mean())
    verified = float(large["verified"].mean())
    return [
        (
            f"interval of 80 % holds what was saved, {len(drawn)} changes whose use is drawn",
            f"{inside:.1%}",
            0.75 <= inside <= 0.85,
        ),
        ("the same of their single days", f"{drawn['days_inside'].mean():.1%}", 0.75 <= drawn["days_inside"].mean() <= 0.85),
        (
            f"regressed and called verified, of {len(wrong)}",
            f"{wrong['wrongly_verified'].sum()}",
            not wrong["wrongly_verified"].any(),
        ),
        (
            f"verified within {WITHIN} days, of {len(large)} that save {LEAST_SAVING:.0%} and more",
            f"{verified:.1%}",
            verified >= 0.8,
        ),
        (f"regressed and called so, of {len(wrong)}", f"{found:.1%}", found >= 0.8),
        (f"said to be followed, of {len(controls)} that were not", f"{controls['found'].sum()}", not controls["found"].any()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the estates that constants were chosen on")
    everything = measure(TUNING if parser.parse_args().tuning else REPORTED)
    controls, rows = _apart(everything)
    console = Console(width=140)
    table = Table("kind", "changes", "regressed", "found", "basis", "inside", "days inside", "off, mean", "|off|, mean", "width")
    for (kind, basis), group in rows.groupby(["kind", "basis"]):
        figures = [
            group["inside"].astype(float).mean(),
            group["days_inside"].mean(),
            group["off"].mean(),
            group["off"].abs().mean(),
        ]
        said = [f"{each:.1%}" for each in (*figures, group["width"].mean())]
        table.add_row(
            str(kind), f"{len(group)}", f"{(group['fault'] != '').sum()}", f"{group['found'].sum()}", str(basis) or "-", *said
        )
    console.print(table)
    for kind, group in controls.groupby("kind"):
        console.print(f"{kind!s}: {group['found'].sum()} of {len(group)} that were not followed said to be")
    sure = rows[(rows["basis"] != "") & ~((rows["basis"] == EXPECTED) & (rows["width"] > 1e-6))]
    console.print(
        f"{len(sure)} others: off by {sure['off'].abs().mean():.2%} of what was paid, {sure['off'].abs().max():.2%} at most"
    )
    for asked, came, met in bars(everything):
        console.print(f"{'met    ' if met else 'NOT MET'} {asked}: {came}")


if __name__ == "__main__":
    main()
