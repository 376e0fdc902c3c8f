"""The environment → settings."""

import re
from pathlib import Path

import pytest

from bulkimport import settings
from bulkimport.devserver import environment
from bulkimport.settings import SettingsError

ROOT = Path(__file__).parents[2]
READ = re.compile(r'variables(?:\.get\(|, )"([A-Z_]+)"')
PAGE = (ROOT / "docs/configuration.md").read_text()
DOCUMENTED = dict(re.findall(r"^\| `([A-Z_]+)` \| ?(.*?) ?\|", PAGE, re.M))


def test_every_variable_is_documented_and_no_other() -> None:
    read = set(READ.findall((ROOT / "src/bulkimport/settings.py").read_text()))
    assert read == set(DOCUMENTED)


@pytest.mark.parametrize("name", [name for name, default in DOCUMENTED.items() if default.startswith("`")])
def test_the_documented_default_is_the_default(name: str) -> None:
    assert settings.load({name: DOCUMENTED[name].strip("`")}) == settings.load({})


def test_a_variable_without_a_documented_default_is_unset_by_default() -> None:
    defaults = vars(settings.load({}))
    unset = {name.lower() for name, default in DOCUMENTED.items() if not default}
    assert {name for name, value in defaults.items() if value is None} == {
        *(unset - {"prometheus_multiproc_dir"}),
        "metrics_folder",
    }


def test_an_empty_variable_is_an_unset_one() -> None:
    assert settings.load({"PORT": "", "JWT_SECRET": ""}) == settings.load({})


@pytest.mark.parametrize("name", ["PORT", "MAX_ROWS", "CHUNK_ROWS", "WEB_CONCURRENCY", "MAX_UPLOAD_BYTES"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1_000", "٣", " 8", "9" * 30])
def test_a_number_must_be_valid_and_in_range(name: str, text: str) -> None:
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


def test_workers_have_a_port_only_if_one_is_set() -> None:
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
def test_a_required_variable_that_is_unset_is_named(require: str) -> None:
    name = require.removeprefix("require_").upper()
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        getattr(settings.load({}), require)()


def test_secrets_are_not_in_the_repr() -> None:
    loaded = settings.load(
        {
            "JWT_SECRET": "s3cret" * 10,
            "DATABASE_URL": "postgresql://u:pass@h/d",
            "MIGRATION_DATABASE_URL": "m:pass",
        }
    )
    assert "s3cret" not in repr(loaded)
    assert "pass" not in repr(loaded)


@pytest.mark.parametrize(
    "names", [("JWT_SECRET", "JWT_PUBLIC_KEY"), ("JWT_PUBLIC_KEY", "JWT_JWKS_URL"), settings.JWT_KEYS]
)
def test_tokens_are_verified_with_one_family_of_keys(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=" and ".join(names)):
        settings.load(dict.fromkeys(names, "https://issuer.example/keys, 32 bytes and more"))


def test_without_any_key_all_three_variables_are_named() -> None:
    with pytest.raises(SettingsError, match="JWT_SECRET is not set, nor is JWT_PUBLIC_KEY or JWT_JWKS_URL"):
        settings.load({}).require_jwt_key()


@pytest.mark.parametrize(
    ("name", "value"), [("JWT_PUBLIC_KEY", "pem"), ("JWT_JWKS_URL", "https://issuer.example/keys")]
)
def test_tokens_cannot_be_signed_with_a_public_key(name: str, value: str) -> None:
    loaded = settings.load({name: value})
    loaded.require_jwt_key()
    for sign in (loaded.require_jwt_secret, lambda: environment.signing_secret(loaded)):
        with pytest.raises(SettingsError, match=f"{name} is set.*JWT_SECRET instead"):
            sign()


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.example/keys?v=1",
        "https://10.1.2.3:8443/keys",
        "http://127.0.0.1:9000/keys",
        "http://[::1]/keys",
        "http://localhost:1/keys",
    ],
)
def test_keys_may_come_from_a_url_that_nobody_can_tamper_with(url: str) -> None:
    assert settings.load({"JWT_JWKS_URL": url}).jwt_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://issuer.example/keys",
            "http://10.1.2.3/keys",
            "http://localhost.example/",
            "http://0.0.0.0/",
        ),
        *("issuer.example/keys", "https:///keys", "file:///etc/keys", "ftp://127.0.0.1/keys", "keys"),
        *("https://user:secret@issuer.example/", "https://issuer.example:99999/", "https://[::1/"),
        *("https://issuer.example/a b", "https://issuer.example/\r\nx", "https://issuér.example/"),
    ],
)
def test_keys_may_not_come_from_any_other_url(url: str) -> None:
    with pytest.raises(SettingsError, match="JWT_JWKS_URL is"):
        settings.load({"JWT_JWKS_URL": url})


def test_scopes_are_required_only_if_so_configured() -> None:
    assert not settings.load({}).jwt_require_scopes
    assert settings.load({"JWT_REQUIRE_SCOPES": "True"}).jwt_require_scopes
    with pytest.raises(SettingsError, match='JWT_REQUIRE_SCOPES is "yes"; it must be one of true, false'):
        settings.load({"JWT_REQUIRE_SCOPES": "yes"})
