"""Prometheus of the composition reads the gateway's metrics by a token that the operator gives to these two alone."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from gateway.http.scraping import METRICS_TOKEN, SHORTEST_TOKEN, ScrapeToken
from gateway.http.settings import HttpSettings
from proctor.contracts.errors import InvalidInput
from tests.unit.deploy.composition import ROOT, SECRET, environment, load, services

SCRIPT = ROOT / "deploy/prometheus.sh"
STUB = '#!/bin/sh\nprintf "%s\\n" "$@"\nenv | grep PROCTOR_ || echo none\n'


def test_prometheus_scrapes_the_gateway_with_the_token_that_the_gateway_takes() -> None:
    """Address, network, file and variable are one on both sides."""
    scrapes = {job["job_name"]: job for job in load("deploy/prometheus.yml")["scrape_configs"]}
    job, prometheus = scrapes["proctor-gateway"], services()["prometheus"]
    discovery = job["dns_sd_configs"][0]
    assert (["gateway"], "A") == (discovery["names"], discovery["type"])
    assert HttpSettings.load(environment("gateway")).port == discovery["port"]
    assert set(services()["gateway"]["networks"]) & set(prometheus["networks"])
    assert not {"metrics_path", "scheme"} & set(job), "the gateway of the composition takes plain HTTP from its network"
    assert ScrapeToken.load(environment("gateway")).is_given(SECRET)
    assert SECRET == environment("prometheus")[METRICS_TOKEN]
    assert ["/bin/sh", "/etc/proctor/prometheus.sh", job["authorization"]["credentials_file"]] == prometheus[
        "entrypoint"
    ]
    mounted = {config["target"]: config["source"] for config in prometheus["configs"]}
    assert (
        "./deploy/prometheus.sh" == load("docker-compose.yml")["configs"][mounted[prometheus["entrypoint"][1]]]["file"]
    )


def test_the_file_with_the_token_is_on_a_tmpfs_that_the_images_user_may_write() -> None:
    """The root file system is read-only, and the token is on no disk."""
    prometheus = services()["prometheus"]
    folder = prometheus["entrypoint"][2].rpartition("/")[0]
    options = dict(entry.split(":") for entry in prometheus["tmpfs"])[folder]
    assert "mode=1777" in options.split(",")


def test_the_token_is_given_to_nobody_else() -> None:
    """Neither to workers, whose tools could read it, nor to the command line."""
    assert {"gateway", "prometheus"} == {name for name in services() if METRICS_TOKEN in environment(name)}


def start(folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the script with a `prometheus` that tells its arguments and what it was told of Proctor."""
    (folder / "prometheus").write_text(STUB)
    (folder / "prometheus").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = ["/bin/sh", str(SCRIPT), str(folder / "token"), "--config.file=x", "--a b"]
    return subprocess.run(command, env={"PATH": path, **environ}, capture_output=True, text=True, check=False)


def test_the_script_writes_the_token_for_its_own_user_and_hands_nothing_of_it_on(tmp_path: Path) -> None:
    """No line break that would be sent along; Prometheus shows its environment to whoever may debug it."""
    done = start(tmp_path, **{METRICS_TOKEN: SECRET})
    assert (0, "--config.file=x\n--a b\nnone\n") == (done.returncode, done.stdout)
    assert SECRET == (tmp_path / "token").read_text()
    assert 0o600 == stat.S_IMODE((tmp_path / "token").stat().st_mode)


@pytest.mark.parametrize("environ", [{}, {METRICS_TOKEN: ""}])
def test_the_script_starts_nothing_without_a_token(tmp_path: Path, environ: dict[str, str]) -> None:
    """A gateway that nobody scrapes would look like one that is well."""
    done = start(tmp_path, **environ)
    assert 0 != done.returncode
    assert ("", True) == (done.stdout, "deploy/env.example" in done.stderr)


@pytest.mark.parametrize("token", ["x" * (SHORTEST_TOKEN - 1), "x" * 20 + " ", "x" * 20 + "\n", "é" * 20])
def test_a_token_that_could_be_guessed_or_not_be_sent_stops_the_gateway(token: str) -> None:
    """The message names the variable and shows nothing of its value."""
    with pytest.raises(InvalidInput, match=METRICS_TOKEN) as caught:
        ScrapeToken.load({METRICS_TOKEN: token})
    assert token not in caught.value.diagnostics()


def test_without_a_token_none_is_taken() -> None:
    """Not even an empty one; and it is in no repr."""
    for environ in ({}, {METRICS_TOKEN: ""}):
        assert not ScrapeToken.load(environ).is_given("")
    held = ScrapeToken.load({METRICS_TOKEN: SECRET})
    assert [False, False, True] == [held.is_given(one) for one in ("", SECRET[:-1], SECRET)]
    assert "sha256" not in repr(held)
