"""What may be said about a file that the file does not say itself."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.reading.dialect import Decimal
from pipeline.reading.names import RESOURCE_LABELS, check_template
from pipeline.tables.columns import TimeFormat

#: The names that columns usually have, in lower case.
TIME = ("ts", "timestamp", "@timestamp", "time", "date", "datetime")
RESOURCE = ("resource_id", "series_id", "instance", "instance_id", "host", "hostname", "server", "node", "resource", "series")
METRIC = ("metric", "metric_name", "__name__", "name")
VALUE = ("value",)


class Reading(BaseModel):
    """How to read a file of samples; what is not set is told from the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layout: Literal["long", "wide"] | None = Field(
        default=None,
        description="long: one row per sample; wide: one column per series, of metrics or of resources. Unset: long where "
        "there is a column of values.",
    )
    time_column: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description=f"Column with the start of a sample's period; unset: the one named {', '.join(TIME)}, in any case.",
    )
    time_format: TimeFormat = Field(
        default="iso", description="How moments are written: iso, or as seconds, milliseconds or microseconds since 1970."
    )
    timezone: str = Field(default="UTC", max_length=64, description="IANA time zone of moments that carry no offset.")
    ambiguous: Literal["first", "second", "drop"] | None = Field(
        default=None,
        description="Of moments in the hour that the change from summer time repeats: take the first or the second hour, or drop "
        "the rows, with those in the hour that is skipped; unset: refuse.",
    )
    decimal: Decimal | None = Field(default=None, description="Decimal sign; unset: told from the file where it is certain.")
    resource_column: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description=f"Column naming the resource; unset: the one named {', '.join(RESOURCE)}.",
    )
    resource_id: str | None = Field(
        default=None, min_length=1, max_length=255, description="The resource of every sample, where the file names none."
    )
    metric_column: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description=f"Column naming the metric (long); unset: the one named {', '.join(METRIC)}.",
    )
    metric: str | None = Field(
        default=None, min_length=1, max_length=128, description="The metric of every sample, where the file names none."
    )
    value_column: str | None = Field(
        default=None, min_length=1, max_length=200, description="Column with the sample (long); unset: value."
    )
    series: str | None = Field(
        default=None,
        max_length=200,
        description="What the columns of a wide file, or the resources of a long one, are called: {metric}, {resource}, or both "
        'as in "{metric} {resource}".',
    )
    resource_label: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description='Label that names the resource of series such as cpu{host="a", job="b"}; unset: the one named '
        f"{', '.join(RESOURCE_LABELS)}, or the only one.",
    )

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no IANA time zone named {value!r}") from error
        return value

    @field_validator("series")
    @classmethod
    def _series_is_a_template(cls, value: str | None) -> str | None:
        if value is not None:
            check_template(value)
        return value
