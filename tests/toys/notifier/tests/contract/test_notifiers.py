"""What every file in pipeline/notifiers promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import plugs

OPTIONS = {"outbox": {"folder": "messages"}}


@pytest.mark.parametrize("name", plugs.names("notifiers"))
def test_a_message_is_sent_once_however_often_it_is_handed_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notify = plugs.bind("notifiers", name, plugs.check_options("notifiers", name, OPTIONS[name]))

    assert [notify(["disk of db-1 is full on Friday"]), notify(["disk of db-1 is full on Friday", "so is web-1's"])] == [1, 1]
