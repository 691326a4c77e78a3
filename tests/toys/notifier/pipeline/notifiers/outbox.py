"""Messages as files in a folder, for whoever collects them; one that comes again is the same file."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline.alerting.message import TAKEN, Message, Outcome, refused


class Options(BaseModel):
    """Where messages go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="The folder; it is there.")


def notify(message: Message, options: Options) -> Outcome:
    """Write the message as `<id>.txt`."""
    try:
        (options.folder / f"{message.message_id}.txt").write_text(f"{message.title}\n\n{message.body}")
    except OSError as error:
        return refused(type(error).__name__)
    return TAKEN
