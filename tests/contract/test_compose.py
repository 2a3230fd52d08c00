"""What can be said about the containers without an engine to run them."""

import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
import yaml

from schemas.streams import STREAMS

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()

SCALED = ("fetcher", "matcher", "tracker", "alerter")
OWN = (*SCALED, "api")
FOREIGN = ("kafka", "valkey", "mailpit")
services: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions(name: str) -> list[str]:
    """Return the arguments of every such instruction in the Dockerfile, continued lines joined."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_there_is_one_container_per_service() -> None:
    assert set(services) == {*OWN, *FOREIGN}
    assert [services[name]["command"] for name in OWN] == [[name] for name in OWN]


def test_every_command_of_a_container_is_one_of_the_command_line() -> None:
    from services.cli.main import app

    commands: dict[str, object] = getattr(typer.main.get_command(app), "commands", {})
    assert {*OWN, "up", "doctor"} <= set(commands)


@pytest.mark.parametrize("name", SCALED)
def test_a_service_can_be_scaled(name: str) -> None:
    assert not {"container_name", "ports", "hostname", "volumes"} & set(services[name])


@pytest.mark.parametrize("name", OWN)
def test_a_service_is_set_up_by_redline_s_variables_only(name: str) -> None:
    environment = services[name]["environment"]
    assert all(re.fullmatch(r"REDLINE_[A-Z_]+", variable) for variable in environment)
    assert environment["REDLINE_BROKER_URL"] == "kafka://kafka:9092"
    assert environment["REDLINE_REDIS_URL"] == "redis://valkey:6379/0"
    assert not any("SECRET" in variable for variable in environment), "secrets belong into .env"


@pytest.mark.parametrize("name", OWN)
def test_the_files_a_service_is_pointed_at_are_in_the_image(name: str) -> None:
    paths = [value for value in services[name]["environment"].values() if value.startswith("/app/")]
    assert paths
    assert instructions("WORKDIR")[-1] == "/app"
    assert "seeds ./seeds" in instructions("COPY")
    for path in paths:
        assert path.startswith("/app/seeds/")
        assert (ROOT / path.removeprefix("/app/")).is_file()


@pytest.mark.parametrize("name", OWN)
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    needs = services[name]["depends_on"]
    assert {"kafka", "valkey"} <= set(needs)
    assert all(need["condition"] == "service_healthy" for need in needs.values())
    assert all("healthcheck" in services[need] for need in needs)


@pytest.mark.parametrize("name", [*OWN, "valkey", "mailpit"])
def test_a_container_has_no_more_rights_than_it_needs(name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"].partition(":")[0] not in ("", "0", "root")


@pytest.mark.parametrize("name", [*OWN, *FOREIGN])
def test_a_container_comes_back_and_is_pinned_to_a_version(name: str) -> None:
    assert services[name]["restart"] == "unless-stopped"
    assert re.search(r":v?\d+\.\d+", services[name]["image"])


def test_only_the_api_and_the_mail_page_are_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8600:8600"], "mailpit": ["127.0.0.1:8025:8025"]}
    assert services["api"]["environment"]["REDLINE_API__HOST"] == "0.0.0.0"


def test_stopping_takes_no_data_away() -> None:
    assert services["kafka"]["volumes"] == ["kafka:/var/lib/kafka/data"]
    assert services["kafka"]["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    assert services["valkey"]["volumes"] == ["valkey:/data"]
    assert set(COMPOSE["volumes"]) == {"kafka", "valkey"}


def test_valkey_keeps_every_write_and_evicts_nothing() -> None:
    command = services["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"


def test_kafka_is_a_broker_and_controller_that_invents_no_streams() -> None:
    environment = services["kafka"]["environment"]
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert len(environment["CLUSTER_ID"]) == 22, "sixteen bytes in base64"


def test_the_tests_and_the_containers_run_the_same_kafka() -> None:
    pom = ElementTree.parse(ROOT / "tests" / "kafka" / "pom.xml")
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    (tested,) = (
        dependency.findtext("m:version", namespaces=space)
        for dependency in pom.iterfind(".//m:dependency", space)
        if dependency.findtext("m:artifactId", namespaces=space) == "kafka_2.13"
    )
    assert services["kafka"]["image"] == f"apache/kafka:{tested}"


def test_the_image_is_tagged_with_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {services[name]["image"] for name in OWN} == {f"redline:{version}"}


def test_the_advice_on_scaling_fits_the_streams() -> None:
    advised = re.search(r"streams have (\d+) partitions", (ROOT / "docker-compose.yml").read_text())
    assert advised is not None
    assert int(advised[1]) == max(stream.partitions for stream in STREAMS)


def test_the_image_is_built_in_two_stages_from_pinned_hashed_packages() -> None:
    assert len(instructions("FROM")) == 2
    assert "AS build" in instructions("FROM")[0]
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-[a-z]+", instructions("ARG")[0])
    assert any("--require-hashes --requirement requirements.lock" in run for run in instructions("RUN"))
    assert "PIP_NO_CACHE_DIR=1" in instructions("ENV")[0]


def test_the_image_runs_redline_as_nobody_in_particular() -> None:
    assert instructions("ENTRYPOINT") == ['["redline"]']
    assert instructions("USER") == ["10001:10001"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")
    assert {services[name]["user"] for name in OWN} == {"10001:10001"}
    assert instructions("HEALTHCHECK")[0].endswith('CMD ["redline", "doctor"]')


def test_what_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for copied in instructions("COPY"):
        if copied.startswith("--from="):
            continue
        for path in copied.split()[:-1]:
            assert (ROOT / path).exists()
            assert f"!{path}" in ignored


def test_secrets_do_not_reach_the_builder() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    assert ignored[-1] == "**/.env*"
