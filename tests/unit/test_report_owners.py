"""A page per account and team: what it costs, its budgets, and what is recommended of it, in files whose names are safe."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from pipeline import tables
from pipeline.report import Findings, render, render_owners
from pipeline.report.owners import file_name, list_owners
from tests.support.report_estate import AS_OF, DAY, NASTY_NAME, estate, rows, utc

ACCOUNT = "100000000001"
PAYMENTS = "Payments & <b>Risk</b>"
ESCAPED = "Payments &amp; &lt;b&gt;Risk&lt;/b&gt;"


def saved(number: int, team: str) -> dict[str, object]:
    """A row of `gold.savings` that says whose a recommendation is."""
    return {
        "as_of": AS_OF, "recommendation_id": f"{number:016x}", "rule_id": "idle", "account": ACCOUNT, "region": "us-east-1",
        "service": "ec2", "resource_id": "i-batch01", "team": team, "action": "stop", "first_seen_at": AS_OF,
        "last_seen_at": AS_OF, "times_seen": 1, "is_counted": False,
    }  # fmt: skip


def budget(name: str, scope: str) -> dict[str, object]:
    return {
        "as_of": AS_OF, "budget": name, "scope": scope, "cost": "billed", "currency": "USD", "period": "monthly",
        "period_start": utc("2026-04-01"), "period_end": utc("2026-05-01"), "amount": 100, "actual": 40, "expected": 90.0,
        "p_breach": 0.2, "drivers_json": "[]",
    }  # fmt: skip


def table(name: str, records: list[dict[str, object]]) -> pd.DataFrame:
    return rows(tables.get(name), records).to_pandas()


@pytest.fixture(scope="module")
def findings() -> Findings:
    bill = [
        {
            "source": "s", "provider": "AWS", "account": account, "service": service, "region": "r", "charge_category": "Usage",
            "currency": currency, "ts": ts.to_pydatetime(), "billed_cost": usd, "effective_cost": usd, "lines": 1,
        }
        for ts in pd.date_range(AS_OF - pd.Timedelta(days=60), periods=60, freq="D")
        for account, service, currency, usd in (
            (ACCOUNT, "AmazonEC2", "USD", 10.0),
            ("222222222222", "AmazonS3", "USD", 20.0),
            ("222222222222", "AmazonS3", "EUR", 1.0),
        )
    ]  # fmt: skip
    period = {"billing_period": pd.Timestamp("2026-04-01"), "dimension": "team", "currency": "USD"}
    allocated = [
        {**period, "value": "search", "cost": 300.0, "ratio": 0.6},
        {**period, "value": PAYMENTS, "cost": 100.0, "ratio": 0.2},
        {**period, "value": "unallocated", "cost": 100.0, "ratio": 0.2},
    ]
    return Findings(
        interval=DAY,
        recommendation=table("gold.recommendation", estate()["gold.recommendation"]),
        savings=table("gold.savings", [saved(2, PAYMENTS)]),
        cost_daily=table("silver.cost_daily", bill),
        cost_allocated=pd.DataFrame(allocated),
        budget_status=table(
            "gold.budget_status", [budget("one", f"account like {ACCOUNT} or 9*, service like AmazonEC2"), budget("all", "all")]
        ),
    )


def test_each_account_has_a_page_with_its_own_cost_budgets_and_recommendations(findings: Findings) -> None:
    pages = render_owners(findings)

    mine, other = pages[f"accounts/{ACCOUNT}.html"], pages["accounts/222222222222.html"]
    assert "<strong>$300.00</strong> in the last 30 days billed, $300.00 in the 30 before" in mine
    assert "<strong>$600.00</strong> and 30.00 EUR in the last 30 days billed" in other
    assert "<strong>one</strong>" in mine
    assert "No budget names this account." in other
    assert "i-app02" in mine
    assert "i-app02" not in other
    assert "Nothing of this account is recommended to be changed." in other
    assert 'href="../report.html"' in mine
    assert "<title>Headroom: account 100000000001, report as of" in mine


def test_a_team_has_what_the_rules_of_allocation_give_it_and_nobodys_cost_is_no_team(findings: Findings) -> None:
    pages = render_owners(findings)

    [path] = [each for each in pages if each.startswith("teams/payments")]
    assert "100.00 USD, 20\u00a0% of all in April 2026" in pages[path]
    assert "i-batch01" in pages[path]
    assert "i-app02" not in pages[path]
    assert [each.name for each in list_owners(findings, "team")] == ["search", PAYMENTS]
    assert list_owners(findings, "team")[1].saving_usd == pytest.approx(124.1)


def test_the_report_lists_them_and_links_to_their_pages(findings: Findings) -> None:
    page, pages = render(findings), render_owners(findings)

    assert re.findall(r'<a class="owner" href="([^"]+)"', page) == list(pages)
    assert f">{ESCAPED}</a>" in page
    assert "$334.34" in page, "what an account's portfolio saves"


def test_there_are_no_more_pages_than_the_settings_say_and_what_is_left_out_is_said(findings: Findings) -> None:
    few = replace(findings, most_pages=1)

    assert list(render_owners(few)) == ["accounts/222222222222.html", "teams/search.html"]
    assert "1 account of less cost has no page and no line here" in render(few)
    assert "1 team of less cost has no page" in render(few)
    assert render_owners(replace(findings, most_pages=0)) == {}


def test_rows_beyond_two_lots_of_a_page_are_counted(findings: Findings) -> None:
    one = findings.recommendation[findings.recommendation["portfolio_rank"] == 1]
    many = pd.concat([one.assign(recommendation_id=f"{number:016x}", portfolio_rank=number) for number in range(1, 71)])

    page = render_owners(replace(findings, recommendation=many))[f"accounts/{ACCOUNT}.html"]

    assert page.count('<td class="resource">') == 50
    assert "20 more rows of these and of the alternatives are in <code>recommendations.csv</code> alone." in page


def test_rows_beyond_what_any_page_has_are_counted_on_an_owners_and_on_the_whole_one(findings: Findings) -> None:
    one = findings.recommendation[findings.recommendation["portfolio_rank"] == 1]
    many = pd.concat([one.assign(recommendation_id=f"{number:016x}", portfolio_rank=number) for number in range(1, 231)])
    whole = replace(findings, recommendation=many)

    assert "180 more rows of these" in render_owners(whole)[f"accounts/{ACCOUNT}.html"]
    assert "30 more rows of these" in render(whole)


def test_currencies_are_not_added_to_tell_who_costs_most(findings: Findings) -> None:
    euros = findings.cost_daily["currency"] == "EUR"
    yen = findings.cost_daily.assign(
        account=findings.cost_daily["account"].mask(euros, "333333333333"),
        currency=findings.cost_daily["currency"].mask(euros, "JPY"),
        billed_cost=findings.cost_daily["billed_cost"].mask(euros, 4_000),
        effective_cost=findings.cost_daily["effective_cost"].mask(euros, 4_000),
    )

    names = [each.name for each in list_owners(replace(findings, cost_daily=yen), "account")]

    assert names == ["222222222222", ACCOUNT, "333333333333"]


@pytest.mark.parametrize(
    ("scope", "is_named"),
    [
        ("team like payments, [risk] or search", True),
        ("team like pay*", True),
        ("team like payments,_[Risk]", True),
        ("team like payments, service like Amazon*", False),
        ("service like Amazon*, team like *[risk]", True),
        ("account like payments*", False),
    ],
)
def test_a_budget_that_names_a_team_is_on_its_page_whatever_the_name_has_in_it(
    findings: Findings, scope: str, is_named: bool
) -> None:
    named = replace(
        findings,
        savings=findings.savings.assign(team="Payments, [Risk]"),
        budget_status=table("gold.budget_status", [budget("mine", scope)]),
    )
    [page] = [page for path, page in render_owners(named).items() if path.startswith("teams/payments-risk")]

    assert ("<strong>mine</strong>" in page) is is_named


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b", "..", ".", "", "A", "a b", NASTY_NAME, "päyments", "x" * 300, "\x00", "con/..\\x", "a.html"],
)
def test_a_file_name_is_safe_whatever_the_name_is(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,80}", file_name(name))


def test_two_names_never_share_a_file_not_even_where_case_does_not_count() -> None:
    hashed = file_name("Payments")
    names = ["payments", "Payments", "PAYMENTS", "pay ments", "pay-ments", "pay/ments", hashed, f"{hashed}-", "a" * 61, "a" * 62]

    assert len({file_name(name).lower() for name in names}) == len(names)
    assert file_name("payments") == "payments"


def test_a_name_that_is_markup_is_text_on_its_page_and_in_the_list(findings: Findings) -> None:
    named = replace(findings, savings=findings.savings.assign(team=NASTY_NAME))
    pages = render_owners(named)

    [path] = [each for each in pages if "script" in each]
    assert NASTY_NAME not in pages[path] + render(named)


def test_the_chart_of_an_account_says_where_its_bill_is_made_up(findings: Findings) -> None:
    made_up = findings.cost_daily["source"].where(findings.cost_daily["account"] != ACCOUNT, "synthetic_bill")

    pages = render_owners(replace(findings, cost_daily=findings.cost_daily.assign(source=made_up)))

    assert f"Cost of {ACCOUNT} per day, USD (synthetic)" in pages[f"accounts/{ACCOUNT}.html"]
    assert '<span class="tag">synthetic</span>' in pages[f"accounts/{ACCOUNT}.html"]
    assert "(synthetic)" not in pages["accounts/222222222222.html"]
