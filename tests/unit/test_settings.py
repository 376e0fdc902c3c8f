"""The environment → settings."""

from pathlib import Path

import pytest

from bulkimport import settings
from bulkimport.settings import SettingsError


def test_the_defaults_are_those_of_the_readme() -> None:
    given = settings.load({})
    assert (given.host, given.port, given.log_level) == ("127.0.0.1", 8000, "INFO")
    assert (given.max_upload_bytes, given.max_rows, given.chunk_rows) == (104_857_600, 1_000_000, 5_000)
    assert given.retention_days == 30
    assert given.jwt_account_claim == "account_id"
    assert given.data_dir == Path("var").absolute()


def test_an_empty_variable_is_an_unset_one() -> None:
    assert settings.load({"PORT": "", "JWT_SECRET": ""}) == settings.load({})


@pytest.mark.parametrize("name", ["PORT", "MAX_ROWS", "CHUNK_ROWS", "WEB_CONCURRENCY", "MAX_UPLOAD_BYTES"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1_000", "٣", " 8", "9" * 30])
def test_a_number_must_be_one_in_range(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f'{name} is "'):
        settings.load({name: text})


def test_a_log_level_must_be_known() -> None:
    assert settings.load({"LOG_LEVEL": "debug"}).log_level == "DEBUG"
    with pytest.raises(SettingsError, match='LOG_LEVEL is "LOUD"'):
        settings.load({"LOG_LEVEL": "loud"})


def test_a_log_format_must_be_known() -> None:
    assert settings.load({}).log_format == "json"
    assert settings.load({"LOG_FORMAT": "Text"}).log_format == "text"
    with pytest.raises(SettingsError, match='LOG_FORMAT is "xml"; it must be one of json, text'):
        settings.load({"LOG_FORMAT": "xml"})


def test_workers_have_a_port_only_where_one_is_set() -> None:
    assert settings.load({}).worker_http_port is None
    assert settings.load({"WORKER_HTTP_PORT": "9101"}).worker_http_port == 9101
    with pytest.raises(SettingsError, match='WORKER_HTTP_PORT is "0"'):
        settings.load({"WORKER_HTTP_PORT": "0"})


def test_a_short_secret_is_refused_and_not_shown() -> None:
    assert settings.load({"JWT_SECRET": "x" * 32}).jwt_secret == "x" * 32
    with pytest.raises(SettingsError, match="has 31 bytes") as refusal:
        settings.load({"JWT_SECRET": "x" * 31})
    assert "xxx" not in str(refusal.value)


@pytest.mark.parametrize(
    "require", ["require_database_url", "require_migration_database_url", "require_jwt_secret"]
)
def test_what_is_needed_and_not_set_is_named(require: str) -> None:
    name = require.removeprefix("require_").upper()
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        getattr(settings.load({}), require)()


def test_secrets_are_not_in_the_repr() -> None:
    given = settings.load(
        {
            "JWT_SECRET": "s3cret" * 10,
            "DATABASE_URL": "postgresql://u:pass@h/d",
            "MIGRATION_DATABASE_URL": "m:pass",
        }
    )
    assert "s3cret" not in repr(given)
    assert "pass" not in repr(given)
