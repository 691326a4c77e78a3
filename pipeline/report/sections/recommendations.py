"""The portfolio in order, what was considered beside it, and why the rest stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from pipeline.report.cell import cell_of
from pipeline.report.evidence import draw_evidence
from pipeline.report.findings import Findings
from pipeline.report.frames import json_object, numbers, records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import AT_MOST, SHOWN, assumed_resources, lacks, portfolio_of
from pipeline.report.words import (
    ACTION_WORDS,
    DASH,
    RISK_WORDS,
    age,
    day,
    list_names,
    missing,
    percent,
    text_or_dash,
    usd,
    without_figures,
)
from pipeline.tables.columns import KNOWN, OPEN, PASSIVE, REGRESSED, SET_ASIDE, VERIFIED

#: As hours are counted: 730 in a month.
DAYS_PER_MONTH = 730.0 / 24


def recommendations(findings: Findings) -> Content | Empty:
    content = list_recommendations(findings)
    return content if isinstance(content, Empty) else {**content, **draw_evidence(findings)}


def list_recommendations(findings: Findings) -> Content | Empty:
    """The same without plots."""
    every, unknown = findings.recommendation, lacks(findings, KNOWN)
    if every.empty:
        return Empty(
            "No recommendations in this run.", " ".join(unknown) or "The step `recommend` has not run for this interval."
        )
    assumed = assumed_resources(findings.resource)
    is_passive = every["action"].isin(PASSIVE)
    is_aside = every["status"].isin(SET_ASIDE)
    active, passive = every[~is_passive & ~is_aside], every[is_passive]
    portfolio = portfolio_of(active)
    others = active.drop(index=portfolio.index).sort_values(["resource_id", "rule_id"], kind="stable")
    rows = [_row(row, assumed) for row in records(portfolio)]
    saved = numbers(portfolio["portfolio_savings_usd"])
    return {
        "unknown": unknown,
        "left_out": max(len(rows) - AT_MOST, 0) + max(len(others) - AT_MOST, 0),
        "rows": rows[:SHOWN],
        "more": rows[SHOWN:AT_MOST],
        "others": [_row(row, assumed) for row in records(others.head(AT_MOST))],
        "kept": _reasons(passive),
        "kept_resources": _count_resources(passive[passive["action"] == "keep"]),
        "undecided": _count_undecided(passive[passive["action"] == "insufficient_data"]),
        "record": [_record(row) for row in records(findings.rule_record)],
        "aside": int(is_aside.sum()),
        "prices": _prices(every),
        "total": cell_of(saved.clip(lower=0).sum(), usd),
        "paid": _after_discounts(portfolio),
        "followed": _followed(findings.savings),
        "extra": usd(-saved.clip(upper=0).sum()) if (saved < 0).any() else "",
    }


def _row(row: dict[str, Any], assumed: set[str]) -> Content:
    low, high = row["savings_low_usd"], row["savings_high_usd"]
    return {
        "rank": DASH if missing(row["portfolio_rank"]) else f"{int(row['portfolio_rank'])}",
        "id": row["recommendation_id"],
        "resource": row["resource_id"],
        "where": f"{row['service']} · {row['account']} · {row['region']}",
        "assumed": row["resource_id"] in assumed,
        "status": "" if missing(row["status"]) or row["status"] == OPEN else row["status"],
        "action": ACTION_WORDS.get(row["action"], row["action"]),
        "current": text_or_dash(row["current_config"]),
        "target": "" if missing(row["target_config"]) else row["target_config"],
        "saving": cell_of(row["savings_monthly_usd"], usd),
        "range": "" if missing(low) or missing(high) or usd(low) == usd(high) else f"{usd(low)} to {usd(high)}",
        "after": cell_of(row["savings_after_discounts_usd"], usd),
        "cost": cell_of(row["monthly_cost_usd"], usd),
        "breach": cell_of(row["breach_probability"], percent),
        "risk": cell_of(row["risk_level"], _risk_word),
        "effort": str(row["effort"]).replace("_", " "),
        "restart": bool(row["restart_needed"]),
        "rollback": str(row["rollback_note"]) if row["rollback_possible"] else "cannot be undone",
        "reason": row["reason"],
        "record": "" if missing(row["record"]) else f"{row['rule_id']}, {row['record']}",
        "rule": f"{row['rule_id']} {row['rule_version']}",
        "confidence": percent(row["confidence"]),
        "price_as_of": day(row["price_as_of"]),
        "price_age": age(row["price_as_of"], row["as_of"]),
        "evidence": _evidence(row["evidence_json"]),
    }


def _record(row: dict[str, Any]) -> Content:
    """What following a rule before would have come to; what it is compared with has no version."""
    changes, broke = int(row["changes"]), int(row["violating"])
    return {
        "rule": str(row["rule_id"]) if row["is_reference"] else f"{row['rule_id']} {row['rule_version']}",
        "kind": "compared" if row["is_reference"] else "recommends",
        "resources": int(row["resources"]),
        "changes": changes,
        "promised": cell_of(row["promised_usd"], usd),
        "saved": cell_of(row["saved_usd"], usd),
        "broke": cell_of(broke / changes if changes else None, percent),
    }


def _after_discounts(portfolio: pd.DataFrame) -> Content | None:
    """What the portfolio saves at what is really paid, of as many of its rows with dollars as the bill has; None of none."""
    saved, after = numbers(portfolio["portfolio_savings_usd"]), numbers(portfolio["savings_after_discounts_usd"])
    share = after / numbers(portfolio["savings_monthly_usd"])
    known = (saved > 0) & share.notna()
    if not known.any():
        return None
    return {"saving": cell_of((saved * share)[known].sum(), usd), "known": int(known.sum()), "of": int((saved > 0).sum())}


def _followed(savings: pd.DataFrame) -> Content | None:
    """How many recommendations were followed, and what those that are measured promise and save a month; None of none.

    What one change followed twice counts once; what was taken back saves no more of what it promised. Sums are of dollars paid.
    """
    followed = savings[savings["status"].notna() & savings["is_counted"].astype(bool)]
    if followed.empty:
        return None
    known = followed[(numbers(followed["days"]) > 0) & (followed["currency"] == "USD")]
    lasting = known[known["ended_on"].isna()]
    realised = (numbers(lasting["saved_cost"]) / numbers(lasting["days"])).sum() * DAYS_PER_MONTH
    return {
        "count": len(followed),
        "known": len(known),
        "realised": cell_of(realised, usd) if len(known) else None,
        "promised": cell_of(numbers(known["promised_monthly_usd"]).sum(), usd),
        "verified": int((followed["status"] == VERIFIED).sum()),
        "regressed": int((followed["status"] == REGRESSED).sum()),
    }


def _count_resources(rows: pd.DataFrame) -> int:
    """Distinct resources: one that two rules answer for counts once, as in `inputs.passive_answers`."""
    return len(rows[["account", "region", "resource_id"]].drop_duplicates())


def _count_undecided(rows: pd.DataFrame) -> str:
    """`9 ec2, 1 rds`: resources that some rule has too little data for, by service."""
    return ", ".join(f"{_count_resources(group)} {service}" for service, group in rows.groupby("service", sort=True))


def _prices(priced: pd.DataFrame) -> str:
    """From when the list prices are, and how old: `2023-09-18, 2.6 years old`."""
    days = sorted(priced["price_as_of"].dropna().unique())
    if not days:
        return ""
    as_of = priced["as_of"].iloc[0]
    first = f"{day(days[0])}, {age(days[0], as_of)}"
    return first if len(days) == 1 else f"{first}, to {day(days[-1])}, {age(days[-1], as_of)}"


def _risk_word(level: Any) -> str:
    return DASH if missing(level) else RISK_WORDS[int(level)]


def _evidence(text: Any) -> list[tuple[str, str]]:
    """What a rule looked at: name and value, what was observed first, then what it was held to, then the rest."""
    given = json_object(text)
    parts = [(part, given.pop(part)) for part in ("observed", "thresholds") if isinstance(given.get(part), dict)]
    told = [(f"{part.rstrip('s')}: {name}", value) for part, values in parts for name, value in sorted(values.items())]
    return [(str(name).replace("_", " "), _evidence_text(value)) for name, value in [*told, *sorted(given.items())]]


def _evidence_text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: DASH}[value]
    if isinstance(value, (int, float)):
        return f"{value:,.4g}"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _reasons(passive: pd.DataFrame) -> list[Content]:
    """Answers that change nothing, those that differ in their figures alone as one; what most resources share comes first."""
    alike = passive["reason"].map(lambda text: without_figures(str(text)))
    kept: list[Content] = [
        {
            "action": ACTION_WORDS[str(action)],
            "rule": str(rule),
            "reason": str(group["reason"].iloc[0]),
            "resources": int(group["resource_id"].nunique()),
            "names": list_names(group["resource_id"]),
        }
        for (action, rule, _), group in passive.assign(_alike=alike).groupby(["action", "rule_id", "_alike"], sort=True)
    ]
    return sorted(kept, key=lambda k: (k["action"], -k["resources"], k["rule"], k["reason"]))


SECTION = Section(anchor="recommendations", title="Recommendations", label="Recommendations", content=recommendations)
