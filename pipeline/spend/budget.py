"""Budgets, as a file states them: whose cost, in which period, how much is planned, from which share on people are told."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pipeline.stated import parse_stated
from pipeline.tables.columns import BUDGET_MONTHS, EFFECTIVE, UNNAMED, BudgetPeriod, CostMeaning, LeftOut

#: What a scope may name beside one dimension of the allocation.
NAMED = ("provider", "account", "service")

#: What a custom period may be long; the years of a typing error are longer.
LONGEST = timedelta(days=3653)


def _as_list(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


Pattern = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1), BeforeValidator(_as_list)]
Amount = Annotated[Decimal, Field(gt=0, lt=10**12, decimal_places=6)]
Share = Annotated[int, Field(gt=0, le=1000)]
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Budget(BaseModel):
    """How much may be spent in each of its periods."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,79}$")]
    amount: Amount | None = Field(default=None, description="Of each period; or see `planned`.")
    planned: dict[Month, Amount] = Field(
        default_factory=dict, description="Month, YYYY-MM → amount; a period is the sum of its months."
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(
        default="USD", description="Of the bills that count."
    )
    cost: CostMeaning = Field(default="billed", description="What the invoice says, or amortised.")
    period: BudgetPeriod = Field(default="monthly", description="Custom is from `start` to `end`.")
    fiscal_year_starts: int = Field(default=1, ge=1, le=12, description="Month in which a year, and a quarter, begins.")
    start: date | None = Field(
        default=None, description="First day on which it is looked at; a period that it lies in counts whole."
    )
    end: date | None = Field(default=None, description="Last day on which it is looked at, likewise.")
    scope: dict[str, Patterns] = Field(
        default_factory=dict,
        description=f"Whose cost: {', '.join(NAMED)}, and one dimension of the allocation, each → patterns; all when empty.",
    )
    without: tuple[LeftOut, ...] = Field(default=(), description="Charges that do not count.")
    actual_pct: tuple[Share, ...] = Field(default=(80, 100), description="Shares of it that are told once they are spent.")
    forecast_pct: tuple[Share, ...] = Field(default=(100,), description="Shares of it that are told once they are expected.")

    @model_validator(mode="after")
    def _says_how_much_and_when(self) -> Self:
        if (self.amount is None) == (not self.planned):
            raise ValueError("expected either an amount or what is planned of each month")
        if self.period == "custom" and (self.start is None or self.end is None):
            raise ValueError("a custom period has a start and an end")
        if self.period == "custom" and self.planned:
            raise ValueError("planned: a custom period has one amount")
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"it ends on {self.end}, before its start {self.start}")
        if self.period == "custom" and self.start and self.end and self.end - self.start > LONGEST:
            raise ValueError(f"a custom period has ten years at most; it is from {self.start} to {self.end}")
        if len(self.dimensions) > 1:
            raise ValueError(f"scope: expected one dimension at most, got {', '.join(self.dimensions)}")
        return self

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimension of the allocation that its scope names, if any."""
        return tuple(name for name in self.scope if name not in NAMED)

    def period_of(self, day: date) -> tuple[date, date] | None:
        """The period that a day lies in, and the day after it; None where the budget does not count on it."""
        if (self.start and day < self.start) or (self.end and day > self.end):
            return None
        if self.period == "custom" and self.start and self.end:
            return self.start, self.end + timedelta(days=1)
        length = BUDGET_MONTHS[self.period]
        number = day.year * 12 + day.month - self.fiscal_year_starts
        first = number - number % length + self.fiscal_year_starts - 1
        return _month(first), _month(first + length)

    def amount_of(self, first: date, after: date) -> Decimal | None:
        """What is planned of a period; None where nothing is said of one of its months."""
        if self.amount is not None:
            return self.amount
        months = [f"{day:%Y-%m}" for day in map(_month, range(_number(first), _number(after)))]
        amounts = [self.planned.get(month) for month in months]
        return None if None in amounts else sum((each for each in amounts if each is not None), Decimal(0))

    def __str__(self) -> str:
        said = (f"{name} like {' or '.join(patterns)}" for name, patterns in self.scope.items())
        return ", ".join(said) or "all"


def everything(currency: str) -> Budget:
    """What everybody is charged in a calendar month, amortised, of which nothing is planned."""
    return Budget.model_construct(name=UNNAMED, currency=currency, cost=EFFECTIVE)


class _Budgets(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: tuple[Budget, ...] = ()

    @model_validator(mode="after")
    def _names_tell_them_apart(self) -> Self:
        names = [each.name for each in self.budget]
        if UNNAMED in names:
            raise ValueError(f"a budget is called {UNNAMED!r}, which stands for everything without one; expected another name")
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two budgets are called {twice!r}; expected one name each")
        return self


def parse_budgets(text: str, where: str) -> tuple[Budget, ...]:
    """What a file plans: TOML with one `[[budget]]` each.

    Raises:
        ConfigError: it is no TOML, or says what it may not; the message names the file, the line, the entry and the key.
    """
    return parse_stated(text, where, _Budgets, {"budget": Budget}).budget


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
