from datetime import datetime
from pathlib import Path

import pytest

from pipeline import plugs, settings
from pipeline.errors import ConfigError


def test_an_unknown_environment_variable_is_an_error_that_names_it_and_what_was_meant() -> None:
    with pytest.raises(ConfigError, match=r"HEADROOM_HORIZON_DAY; did you mean 'horizon_days'"):
        settings.load({"HEADROOM_HORIZON_DAY": "30"})


def test_an_unknown_key_in_the_file_is_an_error_that_names_key_and_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("shardz = 3\n")

    with pytest.raises(ConfigError, match=r"key 'shardz' in .*mine\.toml; did you mean 'shards'"):
        settings.load({"HEADROOM_CONFIG": str(file)})


def test_a_value_out_of_bounds_is_an_error_with_the_value() -> None:
    with pytest.raises(ConfigError, match=r"horizon_days='900'.*180"):
        settings.load({"HEADROOM_HORIZON_DAYS": "900"})


def test_the_environment_is_stronger_than_the_file_and_an_argument_stronger_than_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("shards = 3\nhorizon_days = 30\n")
    environ = {"HEADROOM_CONFIG": str(file), "HEADROOM_SHARDS": "4", "HEADROOM_SOURCES": "fleet, prices"}

    read = settings.load(environ, lookback_days=21)

    assert (read.shards, read.horizon_days, read.lookback_days, read.sources) == (4, 30, 21, ("fleet", "prices"))


def test_a_plug_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"no source named 'mainframe'; there are .*samples"):
        settings.load({"HEADROOM_SOURCES": "samples,mainframe"})


def test_a_missing_config_file_is_an_error_only_when_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert settings.load({}).shards == 1
    with pytest.raises(ConfigError, match="does not exist"):
        settings.load({"HEADROOM_CONFIG": "nowhere.toml"})


@pytest.mark.parametrize(("given", "complaint"), [("{", "not JSON"), ("shards == 3", "not TOML")])
def test_broken_text_is_refused_with_its_place(tmp_path: Path, given: str, complaint: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(given)
    environ = {"HEADROOM_OPTIONS": given} if complaint == "not JSON" else {"HEADROOM_CONFIG": str(file)}

    with pytest.raises(ConfigError, match=complaint):
        settings.load(environ)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in settings.Settings.model_fields.items() if not field.description] == []


def test_the_lake_is_a_folder_or_a_bucket_and_nothing_else() -> None:
    assert settings.load({"HEADROOM_LAKE": "s3://my-bucket/lake"}).lake_uri == "s3://my-bucket/lake"
    with pytest.raises(ConfigError, match="expected a folder or s3://bucket/prefix"):
        settings.load({"HEADROOM_LAKE": "https://example.org/lake"})


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ('{"sources": {"cloudwach": {}}}', "no source named 'cloudwach'; did you mean 'cloudwatch'"),
        ('{"sourcs": {}}', "no folder of plugs named 'sourcs'; did you mean 'sources'"),
        ('{"sources": {"fleet": 3}}', "options.sources.fleet: Input should be a valid dictionary"),
        ('{"fleet": {"preset": "realistic"}}', "no folder of plugs named 'fleet'"),
    ],
)
def test_options_of_a_plug_that_does_not_exist_are_refused_by_name(given: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        settings.load({"HEADROOM_OPTIONS": given})


def test_the_key_of_before_is_refused_with_the_new_one_in_file_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[source_options.fleet]\npreset = "realistic"\n')

    for environ in ({"HEADROOM_SOURCE_OPTIONS": "{}"}, {"HEADROOM_CONFIG": str(file)}):
        with pytest.raises(ConfigError, match=r"is now called `options`: \[options\.sources\.<source>\]"):
            settings.load(environ)


def test_recommenders_are_all_there_are_unless_some_are_named_or_none() -> None:
    assert settings.load({}).recommenders == plugs.names("recommenders")
    assert settings.load({"HEADROOM_RECOMMENDERS": "idle"}).recommenders == ("idle",)
    assert settings.load({"HEADROOM_RECOMMENDERS": ""}).recommenders == ()
    for name in ("SOURCES", "CHALLENGERS", "DETECTORS"):
        with pytest.raises(ConfigError, match="name at least one"):
            settings.load({f"HEADROOM_{name}": ""})


def test_the_monitor_asks_only_sources_that_have_samples_of_metrics() -> None:
    assert settings.load({"HEADROOM_MONITOR_SOURCES": "cloudwatch,csv"}).monitor_sources == ("cloudwatch", "csv")
    with pytest.raises(ConfigError, match="billing, prices: no samples of metrics; sources that have some are .*cloudwatch, csv"):
        settings.load({"HEADROOM_MONITOR_SOURCES": "prices,csv,billing"})


def test_an_unknown_forecaster_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no forecaster named 'nope'"):
        settings.load({"HEADROOM_FALLBACK_FORECASTER": "nope"})


def test_the_file_is_found_beside_the_pipeline_whatever_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / "headroom.toml").write_text('sources = ["fleet"]\n')

    assert settings.load({}).sources == ("fleet",)
    (elsewhere / "headroom.toml").write_text('sources = ["prices"]\n')
    assert settings.load({}).sources == ("prices",), "the working folder's comes first"


def test_an_address_of_a_report_is_a_path_or_one_in_s3_and_the_newest_has_no_date(tmp_path: Path) -> None:
    as_of = datetime(2026, 3, 2)

    local, cloud = settings.load({}, home=tmp_path), settings.load({}, lake="s3://lake/estate/")

    assert local.report_address(as_of) == f"{tmp_path}/lake/reports/2026-03-02T0000/report.html"
    assert cloud.report_address(as_of, "recommendations.csv") == "s3://lake/estate/reports/2026-03-02T0000/recommendations.csv"
    assert cloud.report_address() == "s3://lake/estate/reports/latest/report.html"
