"""The rules of allocation, as a file states them: dimensions with their tags and accounts, rules by patterns, shared costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pipeline.errors import suggestion
from pipeline.stated import parse_stated
from pipeline.tables.columns import UNALLOCATED, Split
from pipeline.tables.spelling import fold

#: What is known of a charge beside its tags and its day; a rule compares it with patterns.
MATCHED = ("provider", "payer", "account", "service", "region", "usage_type", "resource_id", "charge_category")
#: The rule of what none decides.
NO_RULE = "none"
_ALL = Decimal(100)


def _as_list(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,79}$")]
DimensionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
Patterns = Annotated[tuple[Text, ...], BeforeValidator(_as_list)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dimension(_Part):
    """One way to divide all cost: which tags say it, how its values are spelled, and what accounts belong to."""

    tags: Patterns = Field(default=(), description="Keys of tags, the first that a charge has decides; its own name when empty.")
    values: dict[Text, Patterns] = Field(default_factory=dict, description="Value → other spellings of it.")
    accounts: dict[Text, Text] = Field(default_factory=dict, description="Account → value of what it is charged for.")

    @model_validator(mode="after")
    def _spellings_are_of_one_value(self) -> Self:
        known: dict[str, str] = {}
        for value, spellings in self.values.items():
            for spelling in (value, *spellings):
                if not fold(spelling):
                    raise ValueError(f"{spelling!r} names nobody; what is {UNALLOCATED} follows from the rules")
                if known.setdefault(fold(spelling), value) != value:
                    raise ValueError(f"{spelling!r} is a spelling of {known[fold(spelling)]!r} and of {value!r}; expected one")
        return self


class Match(_Part):
    """Which charges are meant: those that meet every condition, each by one of its patterns, in which `*` and `?` are open."""

    provider: Patterns = ()
    payer: Patterns = ()
    account: Patterns = ()
    service: Patterns = ()
    region: Patterns = ()
    usage_type: Patterns = ()
    resource_id: Patterns = ()
    charge_category: Patterns = ()
    tags: dict[Text, Patterns] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not self.tags and not any(patterns for _, patterns in self.conditions()):
            raise ValueError(f'expected at least one of {", ".join((*MATCHED, "tags"))}; all charges are `service = "*"`')
        return self

    def conditions(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What is compared, with its patterns; tags stand beside these."""
        yield from ((name, getattr(self, name)) for name in MATCHED if getattr(self, name))

    def __str__(self) -> str:
        tags = ((f"tag {key}", patterns) for key, patterns in self.tags.items())
        return ", ".join(f"{name} like {' or '.join(patterns)}" for name, patterns in (*self.conditions(), *tags))


class _Asked(_Part):
    """What a rule and a shared cost have in common."""

    name: Name = Field(description="Stands in every row that it decides.")
    match: Match = Field(description="Which charges it is about.")
    since: date | None = Field(default=None, description="Day of the charge from which it holds.")
    until: date | None = Field(default=None, description="The first day on which it does not hold any more.")
    first: bool = Field(default=False, description="It is asked before tags and accounts.")

    @model_validator(mode="after")
    def _holds_for_some_day(self) -> Self:
        if self.since and self.until and self.until <= self.since:
            raise ValueError(f"it holds until {self.until}, which is not after {self.since}")
        return self


class Rule(_Asked):
    """Sends what it matches to one value of each dimension that it names."""

    assign: dict[DimensionName, Text] = Field(min_length=1, description="Dimension → value.")


class Shared(_Asked):
    """A cost that several share."""

    split: Split = Field(description="By what each is charged otherwise, evenly, or fixed.")
    dimensions: tuple[DimensionName, ...] = Field(default=(), description="In which it is split; all when empty.")
    among: tuple[Text, ...] = Field(default=(), description="Who shares it; all that have cost of their own when empty.")
    shares: dict[Text, Annotated[Decimal, Field(gt=0)]] = Field(
        default_factory=dict, description="Of a fixed split: value → per cent; 100 in all."
    )

    @model_validator(mode="after")
    def _says_who_shares(self) -> Self:
        if (self.split == "fixed") != bool(self.shares):
            raise ValueError("a fixed split has shares, and no other has")
        if self.shares and sum(self.shares.values()) != _ALL:
            raise ValueError(f"shares: expected 100 in all, got {sum(self.shares.values())}")
        if self.shares and self.among:
            raise ValueError("among: a fixed split names who shares in `shares`")
        if (self.shares or self.among) and len(self.dimensions) != 1:
            raise ValueError("dimensions: expected one, for `among` and `shares` name values of it")
        return self


Part: TypeAlias = Rule | Shared
#: What is taken for a dimension's tag where no file says so.
_TAGS = {
    "team": ("team",),
    "project": ("project",),
    "environment": ("environment", "env"),
    "cost_centre": ("cost_centre", "cost_center", "costcentre", "costcenter"),
    "product": ("product",),
}


class Rules(_Part):
    """All that decides about who a cost belongs to.

    Of each dimension: rules and shared costs that come first, tags, accounts, other rules, other shared costs; within one kind in
    the order of the file.
    """

    dimension: dict[DimensionName, Dimension] = Field(
        default_factory=lambda: {name: Dimension(tags=tags) for name, tags in _TAGS.items()}, min_length=1
    )
    rule: tuple[Rule, ...] = ()
    shared: tuple[Shared, ...] = ()

    @model_validator(mode="after")
    def _names_are_known_and_told_apart(self) -> Self:
        seen: set[str] = set()
        for part in self.parts:
            if part.name == NO_RULE:
                raise ValueError(f"a rule cannot be called {NO_RULE!r}, which stands where no rule decides")
            if part.name in seen:
                raise ValueError(f"two rules are called {part.name!r}; expected one name each")
            seen.add(part.name)
            for name in part.assign if isinstance(part, Rule) else part.dimensions:
                if name not in self.dimension:
                    raise ValueError(f"{part.name}: no dimension {name!r}{suggestion(name, self.dimension, self._listed())}")
        for name in self.dimension:
            for value in self._named(name):
                if not fold(value):
                    raise ValueError(f"dimension {name}: {value!r} names nobody; what is {UNALLOCATED} follows from the rules")
        return self

    @property
    def parts(self) -> tuple[Part, ...]:
        """Rules and shared costs, in the order of the file."""
        return (*self.rule, *self.shared)

    def _listed(self) -> str:
        return f"there are {', '.join(self.dimension)}"

    def _named(self, dimension: str) -> Iterator[str]:
        """The values of a dimension that accounts, rules and shared costs name."""
        yield from self.dimension[dimension].accounts.values()
        yield from (rule.assign[dimension] for rule in self.rule if dimension in rule.assign)
        yield from (value for each in self.shared if dimension in each.dimensions for value in (*each.among, *each.shares))

    def spellings(self, dimension: str) -> dict[str, str]:
        """Folded spelling → value, for the values of a dimension that the file names; others are called as they fold."""
        known = self.dimension[dimension].values
        found = {fold(spelling): value for value, others in known.items() for spelling in (value, *others)}
        for value in self._named(dimension):
            found.setdefault(fold(value), value)
        return found

    def keys(self, dimension: str) -> tuple[str, ...]:
        """The keys of tags that decide about a dimension."""
        return self.dimension[dimension].tags or (dimension,)

    def asks(self, column: str) -> bool:
        """Whether a rule looks at a column of a charge."""
        return any(getattr(part.match, column) for part in self.parts)


def parse_rules(text: str, where: str) -> Rules:
    """The rules of a file in TOML.

    Raises:
        ConfigError: it is no TOML, or a rule says what it may not; the message names the file, the line where the rule begins,
            the rule, the key, and what was expected.
    """
    return parse_stated(text, where, Rules, _PARTS)


_PARTS: dict[str, type[BaseModel]] = {"rule": Rule, "shared": Shared, "dimension": Dimension, "match": Match}
