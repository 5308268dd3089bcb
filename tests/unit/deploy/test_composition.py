"""docker-compose.yml hangs together. No container engine is asked: docs/how-to/production.md says what that leaves."""

import re
from typing import Any

import pytest

from tests.unit.deploy.composition import (
    ROOT,
    load,
    long_running,
    mounts,
    services,
    variables,
)
from workers.embedded.temporal import DYNAMIC_CONFIG

ALL = list(services())
PROCTORS = ["proctor-migrate", "worker", "gateway", "cli"]
PINNED = re.compile(r"[\w./-]+:v?\d+(\.\d+)+(-[\w.]+)?")


def test_what_is_waited_for_exists_and_can_come_true() -> None:
    """A healthy service has a health check, and a job that is to complete ends by itself."""
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            needed = services()[other]
            if how["condition"] == "service_healthy":
                assert "healthcheck" in needed, (name, other)
            else:
                assert how["condition"] == "service_completed_successfully", (name, other)
                assert needed["restart"].startswith("on-failure:"), (name, other)


def test_each_named_volume_network_and_config_is_defined_once_and_used() -> None:
    """No name leads nowhere, and nothing is defined for nobody."""
    whole = load("docker-compose.yml")
    everyone = services().values()
    used = {
        "volumes": {name for service in everyone for name in mounts(service)},
        "networks": {name for service in everyone for name in service["networks"]},
        "configs": {config["source"] for service in everyone for config in service.get("configs", [])},
    }
    for kind, names in used.items():
        assert names == set(whole[kind]), kind
    assert "secrets" not in whole


def test_each_config_is_a_file_of_the_project() -> None:
    """A missing file would become an empty folder in the container."""
    for name, config in load("docker-compose.yml")["configs"].items():
        assert (ROOT / config["file"]).is_file(), name


def test_entry_points_that_are_mounted_are_mounted_where_they_are_called() -> None:
    """A job that runs a script of ours finds it."""
    for name, service in services().items():
        script = service.get("entrypoint", ["", ""])[1]
        if script:
            assert script in {config["target"] for config in service["configs"]}, name
            assert "depends_on" in service


@pytest.mark.parametrize("name", ALL)
def test_images_are_pinned(name: str) -> None:
    """The same file starts the same software next year."""
    image: str = services()[name]["image"]
    for variable in variables(image):
        image = re.sub(r"\$\{[^}]*\}", variable.default, image)
    assert PINNED.fullmatch(image), image


def test_temporal_and_its_tools_have_one_version() -> None:
    """The schema that the tools set up is the one that the server expects."""
    images = [service["image"] for service in services().values() if service["image"].startswith("temporalio/")]
    versions = {image.rpartition(":")[2] for image in images if not image.startswith("temporalio/ui:")}
    assert len(versions) == 1


@pytest.mark.parametrize("name", ALL)
def test_only_this_machine_reaches_a_published_port(name: str) -> None:
    """Nothing has a login of its own on these ports, so nothing is published beyond loopback."""
    service = services()[name]
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port
    assert "network_mode" not in service


def test_databases_publish_no_port() -> None:
    """Whoever holds a database's password still has to be inside its network."""
    for name in ("store-postgres", "temporal-postgres"):
        assert "ports" not in services()[name]


def test_the_store_is_on_a_network_of_its_own() -> None:
    """Only what needs Proctor's Postgres can open a connection to it."""
    members = {name for name, service in services().items() if "store" in service["networks"]}
    assert {"store-postgres", *PROCTORS} == members
    assert load("docker-compose.yml")["networks"]["store"] == {"internal": True}


def test_passwords_have_no_default_and_stop_the_start_when_they_are_missing() -> None:
    """There is no password that everybody knows."""
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|PWD|METRICS_TOKEN", variable):
                assert [found.is_required for found in variables(value)] == [True], (name, variable)


def test_the_example_of_the_environment_names_every_variable_and_gives_no_secret() -> None:
    """An operator who fills in the example has said everything, and has nothing to replace."""
    example = (ROOT / "deploy/env.example").read_text(encoding="utf-8")
    offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, flags=re.MULTILINE))
    used = {found.name: found for found in variables((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))}
    assert set(used) == set(offered)
    for name, variable in used.items():
        assert variable.default == offered[name], name


@pytest.mark.parametrize("name", ALL)
def test_every_container_is_bounded_and_without_privileges(name: str) -> None:
    """One that runs wild takes neither the machine nor more rights."""
    service = services()[name]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "max-size" in service["logging"]["options"]


def test_root_file_systems_are_read_only_but_for_the_ui() -> None:
    """Only the Temporal UI writes beside its binary, when it starts."""
    assert [name for name, service in services().items() if not service.get("read_only")] == ["temporal-ui"]


def test_what_runs_for_good_is_watched_and_started_again() -> None:
    """Every service has a health check, and comes back after a crash or a reboot."""
    expected = {"temporal-postgres", "temporal", "temporal-ui", "store-postgres", "worker", "gateway", "prometheus"}
    assert expected == {name for name, service in long_running().items() if service["healthcheck"]["test"]}


def test_data_folders_are_those_of_the_images() -> None:
    """Postgres images keep data in one place up to version 17 and in another from 18 on; elsewhere it would be lost."""
    for name in ("store-postgres", "temporal-postgres"):
        service = services()[name]
        major = int(re.findall(r":(\d+)", service["image"])[0])
        assert list(mounts(service).values()) == ["/var/lib/postgresql" + ("" if major >= 18 else "/data")]


def test_the_server_is_configured_as_the_one_that_everything_is_tested_on() -> None:
    """Flags of the embedded server hold in production too, but for one that only a single shard needs."""
    flags: dict[str, Any] = load("deploy/temporal-dynamicconfig.yaml")
    wanted = {name: value for name, value in DYNAMIC_CONFIG.items() if name != "history.transferProcessorMaxPollRPS"}
    assert wanted == {name: str(values[0]["value"]).lower() for name, values in flags.items()}
