"""The composition starts our own software with settings that it reads, as the roles that it needs."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from proctor.settings import DEFAULT_HEALTH_PORT, Settings
from tests.unit.deploy.composition import ROOT, SECRET, environment, load, seconds, services
from workers.process import CANCEL_GRACE_S

PROCTORS = ["proctor-migrate", "worker", "cli"]


class WatchedEnvironment(dict[str, str]):
    """Remembers which names were asked for one by one: Temporal's envconfig is handed a copy of everything."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def read(service: str, cwd: Path) -> tuple[Settings, set[str]]:
    """Load the settings of a service; gives also the names that nobody asked for."""
    watched = WatchedEnvironment(environment(service))
    settings = Settings.load(watched, cwd)
    unread = set(watched) - watched.asked
    # Temporal's own envconfig reads these; that they arrive is asserted by their values.
    return settings, unread - {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}


@pytest.mark.parametrize("service", PROCTORS)
def test_every_variable_of_the_environment_is_one_that_is_read(service: str, tmp_path: Path) -> None:
    """A misspelt setting would be ignored in silence."""
    settings, unread = read(service, tmp_path)
    assert set() == unread
    assert settings.endpoints().temporal.address == "temporal:7233"
    assert settings.endpoints().temporal.namespace == "proctor"


def test_workers_are_not_who_owns_the_tables(tmp_path: Path) -> None:
    """Only migrations run as the owner; workers and command line cannot change what they have audited."""
    users = {}
    for service in PROCTORS:
        url = urlsplit(read(service, tmp_path)[0].endpoints().database_url)
        login = parse_qs(url.query)
        users[service] = login["user"][0]
        assert (url.path, login["host"], login["password"]) == ("/proctor", ["store-postgres"], [SECRET])
    assert users == {"proctor-migrate": "proctor_owner", "worker": "proctor_worker", "cli": "proctor_worker"}
    assert environment("store-postgres")["POSTGRES_USER"] == "proctor_owner"


def test_the_login_of_workers_is_made_and_takes_its_rights_from_the_role_of_the_migrations() -> None:
    """The script that a fresh store runs makes the login that the composition names."""
    script = (ROOT / "deploy/store-roles.sql").read_text(encoding="utf-8")
    assert "CREATE ROLE proctor_worker LOGIN NOINHERIT PASSWORD :'worker_password' IN ROLE proctor_app;" in script
    assert "PROCTOR_WORKER_PASSWORD" in environment("store-postgres")


def test_prometheus_scrapes_the_port_on_which_workers_tell_their_health(tmp_path: Path) -> None:
    """The address in the scrape configuration, the health check and the settings are one."""
    settings, _ = read("worker", tmp_path)
    scrapes = {job["job_name"]: job for job in load("deploy/prometheus.yml")["scrape_configs"]}
    discovery = scrapes["proctor-worker"]["dns_sd_configs"][0]
    check = services()["worker"]["healthcheck"]["test"][-1]
    assert DEFAULT_HEALTH_PORT == settings.health_port == discovery["port"]
    assert discovery["names"] == ["worker"]
    assert f":{DEFAULT_HEALTH_PORT}/readyz" in check
    assert "metrics_path" not in scrapes["proctor-worker"]
    assert settings.health_host != "127.0.0.1", "Prometheus is in another container"


def test_prometheus_scrapes_temporal_where_it_tells_its_metrics() -> None:
    """The server's endpoint and the scrape target are one, on a network that both are on."""
    scrapes = {job["job_name"]: job for job in load("deploy/prometheus.yml")["scrape_configs"]}
    host, port = scrapes["temporal"]["static_configs"][0]["targets"][0].split(":")
    assert environment(host)["PROMETHEUS_ENDPOINT"].endswith(f":{port}")
    for target in (host, "worker"):
        assert set(services()[target]["networks"]) & set(services()["prometheus"]["networks"])


def test_a_stop_leaves_time_for_the_drain(tmp_path: Path) -> None:
    """No SIGKILL falls into a drain, nor into the end of cancelled activities after it."""
    settings, _ = read("worker", tmp_path)
    grace_s = seconds(services()["worker"]["stop_grace_period"])
    assert grace_s > settings.drain_s + CANCEL_GRACE_S


def test_workers_start_once_store_and_namespace_are_ready() -> None:
    """No worker meets an old schema, nor a namespace that is not there."""
    for name in ("worker", "cli"):
        assert {"proctor-migrate", "temporal-namespace"} == set(services()[name]["depends_on"])
    assert services()["worker"]["deploy"]["replicas"] >= 2
