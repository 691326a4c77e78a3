"""What a rule says of itself in the head of its SQL, and a row that it gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from pipeline.errors import ConfigError
from pipeline.tables.columns import CHECK_SEVERITIES

#: When rules are asked: over whole days, or over parts of a day by the DAG `monitor`.
RHYTHMS = (DAY, MONITOR) = ("day", "monitor")
#: The columns of every rule's SELECT.
COLUMNS = ("subject", "cause", "severity", "since", "observed", "expected", "measured_in", "detail", "depends_on")


@dataclass(frozen=True)
class Rule:
    """One file of `sql/alerts`, as its head states.

    Attributes:
        name: of the file.
        title: what is so where it fires.
        severities: those that its rows may have.
        means: what that means to the estate.
        to_do: what a person does next.
        rhythm: when it is asked; what runs of the other rhythm know of it, they neither change nor end.
        ends_untold: whether nobody is told that it is over: what happened once does not end, it is only found no more.
        behind: rules of which an alert about the same subject, as grave at least, says what one of this would whose detail names
            its cause.
    """

    name: str
    title: str
    severities: tuple[str, ...]
    means: str
    to_do: str
    rhythm: str = DAY
    behind: tuple[str, ...] = ()
    ends_untold: bool = False


@dataclass(frozen=True)
class Fired:
    """What a rule found in a run: a row of its SELECT, with the team that the subject belongs to; see `gold.alert`."""

    rule: str
    subject: str
    cause: str
    severity: str
    since: datetime
    observed: float | None = None
    expected: float | None = None
    measured_in: str | None = None
    detail: str | None = None
    depends_on: str | None = None
    team: str | None = None


def parse_rule(name: str, text: str) -> Rule:
    """The rule that the text of `sql/alerts/<name>.sql` states.

    A line of its head that begins with a capital word and two or more blanks, or with `Severity`, states one thing, and goes on
    in the lines that are indented below it.

    Raises:
        ConfigError: something is not stated, or a severity or the rhythm is no such word.
    """
    head = [
        line.removeprefix("--").removeprefix(" ") for line in takewhile(lambda line: line.startswith("--"), text.splitlines())
    ]
    title = re.fullmatch(rf"alerts\.{name}: (.+)", head[0] if head else "")
    stated: dict[str, str] = {}
    last = ""
    for line in head[1:]:
        if begins := re.match(r"([A-Z][a-z]+)\s+(.*)", line):
            last = begins[1]
            stated[last] = begins[2]
        elif last and line.startswith("  "):
            stated[last] += f" {line.strip()}"
        else:
            last = ""
    severities = tuple(word.strip() for word in stated.get("Severity", "").split(","))
    strange = [f"severity {word!r}" for word in severities if word not in CHECK_SEVERITIES]
    missing = [what for what in ("Severity", "Means", "Do") if not stated.get(what)]
    behind = tuple(word.strip() for word in stated.get("Behind", "").split(",") if word.strip())
    strange += [f"behind {other!r}" for other in behind if not re.fullmatch("[a-z][a-z0-9_]*", other) or other == name]
    strange += [f"rhythm {rhythm!r}"] if (rhythm := stated.get("Rhythm", DAY)) not in RHYTHMS else []
    strange += [f"ends {ends!r}"] if (ends := stated.get("Ends", "told")) not in ("told", "untold") else []
    if title is None or missing or strange:
        wrong = "its first line" if title is None else f"`{missing[0]}`" if missing else strange[0]
        raise ConfigError(
            f"sql/alerts/{name}.sql: look at {wrong}: the head begins with `-- alerts.{name}: what is so` and states "
            f"`-- Severity  …` ({', '.join(CHECK_SEVERITIES)}), `-- Means  …` and `-- Do  …`; "
            f"`-- Rhythm  …` is {' or '.join(RHYTHMS)}, `-- Behind  …` names other rules, "
            "`-- Ends  …` is told or untold"
        )
    return Rule(name, title[1], severities, stated["Means"], stated["Do"], rhythm, behind, ends == "untold")
