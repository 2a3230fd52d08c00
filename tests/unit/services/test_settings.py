"""Settings: defaults, file, environment, and every fault at once with its place."""

from pathlib import Path

import pytest

from services.provisioning.faults import ConfigurationError
from services.settings import SEEDS, LoadedSettings, load_settings, setting_keys


def loaded(tmp_path: Path, text: str, **environ: str) -> LoadedSettings:
    config = tmp_path / "redline.yaml"
    config.write_text(text)
    return load_settings(config, environ)


def faults_of(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **environ)
    return [str(fault).replace(str(tmp_path), "") for fault in caught.value.faults]


def test_without_configuration_the_embedded_default_runs_on_the_seeds(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "").settings
    assert settings.embedded_broker
    assert settings.redis_url is None
    assert settings.topics == SEEDS / "topics"
    assert settings.log_url.startswith("sqlite:////")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, "fetch: {concurrency: 3, contact: me}", REDLINE_FETCH__CONCURRENCY="5")
    assert (found.settings.fetch.concurrency, found.settings.fetch.contact) == (5, "me")
    assert found.origins["fetch.concurrency"] == "REDLINE_FETCH__CONCURRENCY"
    assert found.origins["fetch.contact"] == f"{tmp_path}/redline.yaml:1"


def test_paths_in_the_file_are_relative_to_the_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, "topics: my/topics").settings.topics == tmp_path / "my/topics"


def test_spans_may_be_written_with_a_unit(tmp_path: Path) -> None:
    found = loaded(tmp_path, "fetch: {max_interval_seconds: 2h}", REDLINE_FETCH__DEFAULT_INTERVAL_SECONDS="15m")
    assert (found.settings.fetch.max_interval_seconds, found.settings.fetch.default_interval_seconds) == (7200, 900)


def test_every_fault_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        "topcs: x\nfetch:\n  concurency: 3\n  timeout_seconds: -1\n",
        REDLINE_FETCH__CONTCT="me",
        REDLINE_BROKER_URL="amqp://user:hunter2@host",
    )
    assert faults == [
        "/redline.yaml:1: topcs: unknown key (did you mean 'topics'?)",
        "/redline.yaml:3: fetch.concurency: unknown key (did you mean 'fetch.concurrency'?)",
        "REDLINE_FETCH__CONTCT: no such setting (did you mean 'REDLINE_FETCH__CONTACT'?)",
        "REDLINE_BROKER_URL: broker_url: expected an address that begins with sqlite://, kafka://"
        " (found 'amqp://user:***@host')",
        "/redline.yaml:4: fetch.timeout_seconds: Input should be greater than 0 (found -1)",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a\n- b\n", "/redline.yaml:1: expected keys and values, found a list"),
        ("fetch: 3\n", "/redline.yaml:1: fetch: expected keys and values in this section"),
        ("data_dir: a\ndata_dir: b\n", "/redline.yaml:2: key 'data_dir' stands on line 1 already"),
    ],
)
def test_a_malformed_file_is_told_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    assert faults_of(tmp_path, text) == [fault]


def test_a_file_that_is_not_yaml_is_told_with_a_line(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "fetch:\n  contact: [1")
    assert fault.startswith("/redline.yaml:")
    assert "expected ',' or ']'" in fault


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.yaml", {})


def test_secrets_come_from_the_environment_or_from_files_and_are_masked(tmp_path: Path) -> None:
    held = tmp_path / "token"
    held.write_text("xoxb-1\n")
    found = loaded(tmp_path, "", REDLINE_SECRET_A="s3cret", REDLINE_SECRET_B_FILE=str(held))
    assert {name: secret.get_secret_value() for name, secret in found.secrets.items()} == {"A": "s3cret", "B": "xoxb-1"}
    assert "s3cret" not in repr(found)


def test_a_secret_whose_file_is_missing_is_told(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "", REDLINE_SECRET_B_FILE="/nowhere/at/all")
    assert fault.startswith("REDLINE_SECRET_B_FILE: the secret's file /nowhere/at/all cannot be read")


def test_every_setting_can_be_set_by_the_environment(tmp_path: Path) -> None:
    defaults = load_settings(None, {}).settings
    for key in setting_keys():
        value = defaults
        for part in key.split("."):
            value = getattr(value, part)
        if value is None or isinstance(value, Path):
            continue
        variable = f"REDLINE_{key.upper().replace('.', '__')}"
        assert loaded(tmp_path, "", **{variable: str(value).lower()}).origins == {key: variable}
