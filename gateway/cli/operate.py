"""`proctor dev`, `worker`, `gateway`, `demo`, `migrate`, `doctor`, `version`."""

from typing import Annotated, Any

import typer

from gateway.cli.output import Format, print_one, print_rows, say
from gateway.cli.session import OutputOption, wiring_of


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("dev")(dev)
    app.command("worker")(worker)
    app.command("gateway")(gateway)
    app.command("demo")(demo)
    app.command("migrate")(migrate)
    app.command("doctor")(doctor)
    app.command("version")(version)


def dev(
    context: typer.Context,
    workers: Annotated[int, typer.Option(min=0, max=64, help="How many workers.")] = 1,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Temporal's port; 0 takes a free one.")] = 7233,
    ui_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the web UI; 0 takes a free one.")] = 8233,
    gateway_port: Annotated[
        int, typer.Option(min=-1, max=65535, help="Port of the gateway; 0 takes a free one, -1 runs none.")
    ] = 0,
) -> None:
    """Run the whole stack in the foreground. Temporal, Postgres, workers, gateway; state is kept between starts."""
    wiring = wiring_of(context)
    chosen = None if gateway_port < 0 else gateway_port
    run = wiring.entry("dev")
    raise typer.Exit(run(wiring.settings(), workers=workers, port=port, ui_port=ui_port, gateway_port=chosen))


def worker(context: typer.Context) -> None:
    """Run one worker against any Temporal and Postgres. SIGTERM lets it finish what it has begun."""
    wiring = wiring_of(context)
    raise typer.Exit(wiring.entry("worker")(wiring.settings()))


def gateway(context: typer.Context) -> None:
    """Run the REST gateway against any Temporal and Postgres. SIGTERM lets it finish what it has begun."""
    wiring = wiring_of(context)
    raise typer.Exit(wiring.entry("gateway")(wiring.settings()))


def demo(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(metavar="PROVIDER:NAME", help="Plan by this model.")] = None,
) -> None:
    """Play the demo. Three alerts about a service that really breaks, on a stack of its own."""
    wiring = wiring_of(context)
    raise typer.Exit(wiring.entry("demo")(wiring.settings(), model=model))


def migrate(context: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """Bring the database up to date; repeating it is safe."""
    from proctor.store.migrate import migrate as apply

    applied = apply(wiring_of(context).settings().endpoints().database_url)
    print_rows([{"revision": revision} for revision in applied], output, {"APPLIED": "revision"})
    if not applied:
        say("the database is up to date")


def doctor(context: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """Say what is missing on this machine, and how to mend it. Exit 1 when something is."""
    wiring = wiring_of(context)
    findings: list[Any] = wiring.entry("doctor")(wiring.settings())
    print_rows(findings, output, {"CHECK": "name", "STATE": "state", "FOUND": "detail", "WHAT TO DO": "remedy"})
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def version(output: OutputOption = Format.TABLE) -> None:
    """Print the versions that matter for a report. Of Proctor and of its parts."""
    import platform
    from importlib.metadata import version as version_of

    found = {name: version_of(name) for name in ("proctor", "temporalio", "pydantic", "asyncpg")}
    found["python"] = platform.python_version()
    print_one(found, output, {name: name for name in found})
