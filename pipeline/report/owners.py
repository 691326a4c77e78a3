"""Accounts and teams: which there are, what each costs and may save, and what a page of one alone shows."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.report import charts
from pipeline.report.cell import cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import dollars, floats, numbers, records
from pipeline.report.origin import kind_of_sources, with_kind
from pipeline.report.section import Content, Empty, Section
from pipeline.report.sections.cost import HALF_A_CENT, budget_row, likeliest
from pipeline.report.sections.recommendations import SECTION as RECOMMENDATIONS
from pipeline.report.sections.recommendations import list_recommendations
from pipeline.report.selection import SHOWN, portfolio_of
from pipeline.report.words import day, missing, percent, service_word, usd
from pipeline.tables.columns import PASSIVE, UNALLOCATED
from pipeline.tables.spelling import like, like_value

Kind = Literal["account", "team"]
FOLDERS: dict[Kind, str] = {"account": "accounts", "team": "teams"}
_MONTH = pd.Timedelta(days=30)


@dataclass(frozen=True)
class Owner:
    """An account or a team.

    Attributes:
        kind: which of the two.
        name: as bills, inventories or the rules of allocation have it.
        cost: what the last 30 days billed cost, of a team its newest billing period, by currency.
        before: the 30 days before, of an account whose bills reach back as far.
        saving_usd: what the portfolio saves of it in a month, what costs more counting against it; NaN without dollars.
        recommendations: how many of the portfolio are about it.
    """

    kind: Kind
    name: str
    cost: dict[str, float]
    before: dict[str, float]
    saving_usd: float
    recommendations: int

    @property
    def page(self) -> str:
        """Where its page lies beside the report."""
        return f"{FOLDERS[self.kind]}/{file_name(self.name)}.html"


def file_name(name: str) -> str:
    """A name as part of a path: lower case letters, digits, `_` and `-`; two names never have the same.

    What does not stand for itself has eight digits of its hash behind it, and so has what looks as if it had.
    """
    slug = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:60]
    if slug and slug == name and not re.search(r"-[0-9a-f]{8}$", slug):
        return slug
    return f"{slug or 'other'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def list_owners(findings: Findings, kind: Kind) -> list[Owner]:
    """All that have cost or recommendations, the costliest first, in dollars before others, then by what is saved and by name."""
    cost, before = _costs(findings) if kind == "account" else (_shares(findings), pd.Series(dtype="float64"))
    portfolio = portfolio_of(findings.recommendation)
    owned = portfolio.assign(owner=owner_of(findings, portfolio, kind)).dropna(subset=["owner"])
    saving = numbers(owned["portfolio_savings_usd"]).groupby(owned["owner"]).sum(min_count=1)
    names = {str(name) for name in [*cost.index.get_level_values(0), *owned["owner"]]} - {"", UNALLOCATED}
    found = [
        Owner(
            kind,
            name,
            _by_currency(cost, name),
            _by_currency(before, name),
            float(saving.get(name, float("nan"))),
            int((owned["owner"] == name).sum()),
        )
        for name in names
    ]
    charged = Counter(currency for each in found for currency in each.cost)
    # Currencies are not added: dollars decide, then what most of them are charged in.
    currencies = sorted(charged, key=lambda currency: (currency != "USD", -charged[currency], currency))

    def place(each: Owner) -> tuple[Any, ...]:
        return [-each.cost.get(currency, 0.0) for currency in currencies], -np.nan_to_num(each.saving_usd), each.name

    return sorted(found, key=place)


def owner_row(owner: Owner) -> Content:
    """A line of the list of owners."""
    return {
        "name": owner.name,
        "page": owner.page,
        "cost": cell_of(owner.cost.get("USD"), usd),
        "foreign": ", ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(owner.cost.items()) if currency != "USD"),
        "before": cell_of(owner.before.get("USD"), usd),
        "saving": cell_of(owner.saving_usd, usd),
        "recommendations": owner.recommendations,
    }


def sections_of(owner: Owner) -> list[tuple[Section, str]]:
    """The sections of an owner's page, each with the name of its template."""
    cost = Section(anchor="cost", title="Cost and budgets", label="Cost", content=partial(_cost, owner=owner))
    advice = replace(RECOMMENDATIONS, content=partial(_advice, owner=owner))
    return [(cost, "owner_cost"), (advice, RECOMMENDATIONS.anchor)]


def _advice(findings: Findings, owner: Owner) -> Content | Empty:
    """The section of recommendations, of the owner's alone: two lots of rows at most, without plots."""
    every, savings = findings.recommendation, findings.savings
    about = owner_of(findings, every, owner.kind) == owner.name
    of_owner = savings[owner.kind] == owner.name
    mine = replace(
        findings,
        recommendation=every[about],
        savings=savings[of_owner],
        rule_record=findings.rule_record.head(0),
    )
    if mine.recommendation[~mine.recommendation["action"].isin(PASSIVE)].empty:
        whose = "of what the rules of allocation give to this team" if owner.kind == "team" else "of this account"
        return Empty(f"Nothing {whose} is recommended to be changed.", "The whole report has what is kept, and why.")
    content = list_recommendations(mine)
    if isinstance(content, Empty):
        return content
    left = content["left_out"] + max(len(content["more"]) - SHOWN, 0) + max(len(content["others"]) - SHOWN, 0)
    shorter = {"more": content["more"][:SHOWN], "others": content["others"][:SHOWN], "left_out": left}
    return {**content, **shorter, "plots": [], "drawn": [], "unmeasured_count": 0}


def _cost(findings: Findings, owner: Owner) -> Content | Empty:
    """What an owner costs: an account by the day and service, a team in its newest billing period; and its budgets."""
    budgets = [budget_row(row) for row in likeliest(findings.budget_status) if _is_scope_of(str(row["scope"]), owner)]
    data = findings.cost_daily[findings.cost_daily["account"] == owner.name] if owner.kind == "account" else pd.DataFrame()
    if data.empty and not owner.cost and not budgets:
        return Empty(f"No bill of the last 120 days charges this {owner.kind}.", "Ingest a billing export that has it.")
    shared = {"owner": owner_row(owner), "kind": owner.kind, "budgets": budgets}
    if data.empty:
        return {**shared, "share": _share(findings, owner), "rows": [], "svg": "", "origin_kind": "", "last": ""}
    in_usd = data[data["currency"] == "USD"]
    by_day = pd.DataFrame({"ts": in_usd["ts"], "usd": dollars(in_usd)}).groupby("ts")["usd"].sum()
    origin = kind_of_sources(data["source"].astype("str"))
    shown = {"rows": _services(findings, data), "svg": _chart(owner, by_day, origin), "origin_kind": origin}
    return {**shared, **shown, "share": "", "last": day(data["ts"].max())}


def _chart(owner: Owner, by_day: pd.Series, origin: str) -> Any:
    if by_day.empty:
        return ""
    spread = f"{usd(by_day.median())} a day in the middle, {usd(by_day.max())} at most"
    words = f"{len(by_day)} days from {day(by_day.index[0])}: {spread}."
    return charts.time_chart(
        with_kind(f"Cost of {owner.name} per day, USD", origin),
        charts.Curves([charts.Line(list(by_day.index), floats(by_day), "observed", "cost")], described=words),
        charts.Scale("USD per day", usd, is_read=False),
        size=(1080, 200),
    )


def _services(findings: Findings, data: pd.DataFrame) -> list[Content]:
    """The services of an account, the costliest of the last 30 days billed first."""
    recent, before = _windows(findings, data)
    keys = ["service", "currency"]
    parts = {
        name: dollars(rows).groupby([rows["service"].map(lambda each: service_word(str(each))), rows["currency"]]).sum()
        for name, rows in (("now", recent), ("then", before))
    }
    table = pd.DataFrame(parts).reset_index().sort_values(["now", *keys], ascending=[False, True, True], kind="stable")
    table = table[(table[["now", "then"]].abs() >= HALF_A_CENT).any(axis=1)]
    return [
        {
            "service": row["service"],
            "currency": row["currency"],
            "recent": cell_of(row["now"], _plain),
            "before": cell_of(row["then"], _plain),
        }
        for row in records(table.head(SHOWN))
    ]


def _plain(value: Any) -> str:
    return "–" if missing(value) else f"{float(value):,.2f}".replace("-", "−")


def _share(findings: Findings, owner: Owner) -> str:
    """How much of the newest billing period a team has."""
    rows = findings.cost_allocated
    rows = rows[(rows["dimension"] == "team") & (rows["value"] == owner.name)]
    said = [
        f"{_plain(row['cost'])} {row['currency']}, {percent(row['ratio'])} of all in {pd.Timestamp(row['billing_period']):%B %Y}"
        for row in records(rows)
    ]
    return "; ".join(said)


def _windows(findings: Findings, data: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The last 30 days billed of all bills, and the 30 before where these reach back as far, of some rows."""
    every = findings.cost_daily["ts"]
    end = every.max() + pd.Timedelta(days=1)
    recent = data[data["ts"] >= end - _MONTH]
    before = data[(data["ts"] < end - _MONTH) & (data["ts"] >= end - 2 * _MONTH)]
    return recent, before if every.min() <= end - 2 * _MONTH else before.head(0)


def _costs(findings: Findings) -> tuple[pd.Series, pd.Series]:
    """Cost by account and currency of the two windows."""
    data = findings.cost_daily
    windows = (data, data) if data.empty else _windows(findings, data)
    recent, before = (dollars(rows).groupby([rows["account"], rows["currency"]]).sum() for rows in windows)
    return recent, before


def _shares(findings: Findings) -> pd.Series:
    """Cost by team and currency in the newest billing period."""
    rows = findings.cost_allocated[findings.cost_allocated["dimension"] == "team"]
    sums: pd.Series = numbers(rows["cost"]).groupby([rows["value"], rows["currency"]]).sum()
    return sums


def owner_of(findings: Findings, recommendation: pd.DataFrame, kind: Kind) -> pd.Series:
    """Whose each recommendation is; null where nobody knows."""
    if kind == "account":
        return recommendation["account"].astype("object")
    teams = findings.savings.dropna(subset=["team"]).drop_duplicates("recommendation_id").set_index("recommendation_id")["team"]
    return recommendation["recommendation_id"].map(teams).astype("object")


def _by_currency(sums: pd.Series, name: str) -> dict[str, float]:
    if name not in sums.index.get_level_values(0):
        return {}
    return {str(currency): float(amount) for currency, amount in sums.loc[name].items()}


def _is_scope_of(scope: str, owner: Owner) -> bool:
    """Whether a budget's scope, as its row says it, names the owner: `account like 2109* or 3333, service like Amazon*`."""
    likes = like_value if owner.kind == "team" else like
    conditions = (part.partition(" like ") for part in re.split(r", (?=\w+ like )", scope))
    return any(name == owner.kind and likes((patterns, *patterns.split(" or ")))(owner.name) for name, _, patterns in conditions)
