import os
from pathlib import Path

import pytest

from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.devstate import Process, RunningStack, read_stack, write_stack
from proctor.settings import Settings

PRODUCTION = {"TEMPORAL_ADDRESS": "temporal.internal:7233", "DATABASE_URL": "postgresql://u:hush@db/proctor"}


def stack(owner: Process) -> RunningStack:
    return RunningStack(
        owner=owner,
        temporal_address="127.0.0.1:7233",
        temporal_namespace="default",
        temporal_ui_url="http://127.0.0.1:8233",
        database_url="postgresql://postgres@/proctor?host=/x",
        children=(Process(1, 2),),
        health_urls=("http://127.0.0.1:9",),
    )


def test_defaults_lie_under_the_nearest_folder_that_holds_agents(tmp_path: Path) -> None:
    """State and agents belong to the project, wherever in it one stands."""
    inner = tmp_path / "agents" / "clerk"
    inner.mkdir(parents=True)
    settings = Settings.load({}, inner)
    assert (tmp_path, tmp_path / ".proctor", tmp_path / "agents") == (settings.root, settings.home, settings.agents)


def test_folders_from_the_environment_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    """PROCTOR_HOME and PROCTOR_AGENTS win over the defaults."""
    settings = Settings.load({"PROCTOR_HOME": "state", "PROCTOR_AGENTS": "/srv/agents"}, tmp_path)
    assert (tmp_path / "state", Path("/srv/agents")) == (settings.home, settings.agents)


def test_temporal_variables_are_read_by_temporals_own_rules(tmp_path: Path) -> None:
    """Namespace, API key and TLS arrive as a Temporal client takes them."""
    environ = {**PRODUCTION, "TEMPORAL_NAMESPACE": "ops", "TEMPORAL_API_KEY": "k3y"}
    temporal = Settings.load(environ, tmp_path).endpoints().temporal
    assert (temporal.address, temporal.namespace) == ("temporal.internal:7233", "ops")
    assert (temporal.options["api_key"], bool(temporal.options["tls"])) == ("k3y", True)


def test_a_profile_file_can_name_the_server(tmp_path: Path) -> None:
    """TEMPORAL_CONFIG_FILE with a profile is enough; no address is needed beside it."""
    file = tmp_path / "temporal.toml"
    file.write_text('[profile.prod]\naddress = "cloud.example:7233"\nnamespace = "prod.acct"\n')
    environ = {
        "TEMPORAL_CONFIG_FILE": str(file),
        "TEMPORAL_PROFILE": "prod",
        "DATABASE_URL": PRODUCTION["DATABASE_URL"],
    }
    temporal = Settings.load(environ, tmp_path).endpoints().temporal
    assert (temporal.address, temporal.namespace) == ("cloud.example:7233", "prod.acct")


def test_pg_variables_make_a_url_that_keeps_every_character(tmp_path: Path) -> None:
    """Passwords with reserved characters and Unix sockets survive."""
    environ = {
        "TEMPORAL_ADDRESS": "t:1",
        "PGHOST": "/run/postgresql",
        "PGUSER": "app",
        "PGPASSWORD": "a/b@c#? d",
        "PGDATABASE": "my db",
    }
    expected = "postgresql:///my%20db?host=%2Frun%2Fpostgresql&user=app&password=a%2Fb%40c%23%3F%20d"
    assert expected.replace("%2F", "/") == Settings.load(environ, tmp_path).endpoints().database_url.replace("%2F", "/")


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PROCTOR_HEALTH_PORT": "http"}, "PROCTOR_HEALTH_PORT"),
        ({"PROCTOR_HEALTH_PORT": "70000"}, "PROCTOR_HEALTH_PORT"),
        ({"PROCTOR_HEALTH_PORT": "-1"}, "PROCTOR_HEALTH_PORT"),
        ({"PROCTOR_DRAIN_S": "soon"}, "PROCTOR_DRAIN_S"),
        ({"PROCTOR_DRAIN_S": "nan"}, "PROCTOR_DRAIN_S"),
        ({"PROCTOR_LOG_LEVEL": "loud"}, "PROCTOR_LOG_LEVEL"),
        ({"PROCTOR_ENVIRONMENT": "prod"}, "PROCTOR_ENVIRONMENT"),
        ({**PRODUCTION, "TEMPORAL_ADDRESS": "http://x:1"}, "TEMPORAL_ADDRESS"),
        ({**PRODUCTION, "TEMPORAL_ADDRESS": "nowhere"}, "TEMPORAL_ADDRESS"),
        ({**PRODUCTION, "TEMPORAL_CONFIG_FILE": "/does/not/exist", "TEMPORAL_PROFILE": "x"}, "TEMPORAL_"),
        ({**PRODUCTION, "DATABASE_URL": "mysql://u:hush@h/d"}, "DATABASE_URL"),
        ({**PRODUCTION, "DATABASE_URL": "postgresql://u:hush@h:port/d"}, "DATABASE_URL"),
        ({"TEMPORAL_ADDRESS": "t:1", "PGHOST": "h", "PGPORT": "x"}, "PGPORT"),
        ({"TEMPORAL_ADDRESS": "t:1"}, "TEMPORAL_ADDRESS is set, and no database is"),
        ({"DATABASE_URL": PRODUCTION["DATABASE_URL"], "HOME": "/nonexistent"}, "TEMPORAL_ADDRESS"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(environ: dict[str, str], named: str, tmp_path: Path) -> None:
    """Each wrong value is one clear error that names the variable and repeats no secret."""
    with pytest.raises(InvalidInput) as caught:
        Settings.load(environ, tmp_path)
    assert named in caught.value.diagnostics()
    assert "hush" not in caught.value.diagnostics()
    assert caught.value.hint


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """Printing settings or endpoints shows no password, token or API key."""
    environ = {**PRODUCTION, "TEMPORAL_API_KEY": "k3y-hush", "PROCTOR_TOKEN": "t0ken-hush"}
    settings = Settings.load(environ, tmp_path)
    assert "hush" not in f"{settings!r} {settings} {settings.endpoints()!r}"


def test_without_anything_set_the_running_stack_is_used(tmp_path: Path) -> None:
    """A live `proctor dev` on the state folder is found, and named as the source."""
    settings = Settings.load({}, tmp_path)
    settings.home.mkdir()
    write_stack(settings.home, stack(Process.of(os.getpid())))
    found = settings.endpoints()
    assert (found.source, found.temporal.address) == ("dev", "127.0.0.1:7233")
    assert (settings.home / "dev.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("owner", [Process(2**22 + 5, 1), Process(os.getpid(), 1)])
def test_a_stale_file_does_not_count_as_running(owner: Process, tmp_path: Path) -> None:
    """Neither a pid that is gone nor one that was given to another process is the stack."""
    settings = Settings.load({}, tmp_path)
    settings.home.mkdir()
    write_stack(settings.home, stack(owner))
    with pytest.raises(Unavailable, match="nothing to connect to"):
        settings.endpoints()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"owner": 1}', "null"])
def test_a_damaged_file_does_not_count_as_running(content: str, tmp_path: Path) -> None:
    """A half-written or foreign file is the same as none."""
    (tmp_path / "dev.json").write_text(content)
    assert None is read_stack(tmp_path)


def test_what_the_environment_names_wins_over_a_running_stack(tmp_path: Path) -> None:
    """With both at hand, the environment decides."""
    settings = Settings.load(PRODUCTION, tmp_path)
    settings.home.mkdir()
    write_stack(settings.home, stack(Process.of(os.getpid())))
    assert (
        settings.endpoints().source,
        settings.endpoints().temporal.address,
    ) == ("environment", "temporal.internal:7233")


def test_environment_is_production_unless_it_is_said_or_seen_to_be_another(tmp_path: Path) -> None:
    """Nobody gets a development installation by forgetting to say something."""
    assert "production" == Settings.load({}, tmp_path).environment
    assert "production" == Settings.load(PRODUCTION, tmp_path).environment
    assert "staging" == Settings.load({**PRODUCTION, "PROCTOR_ENVIRONMENT": "staging"}, tmp_path).environment
    (tmp_path / ".proctor").mkdir()
    write_stack(tmp_path / ".proctor", stack(Process.of(os.getpid())))
    assert "development" == Settings.load({}, tmp_path).environment
    assert "production" == Settings.load(PRODUCTION, tmp_path).environment
