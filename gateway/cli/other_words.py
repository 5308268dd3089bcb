"""What people type who know other tools, and what it is called here."""

from typing import Any, Final

from typer.core import TyperGroup

OURS: Final = {
    **dict.fromkeys(("status", "list", "ls", "runs", "jobs"), "ps"),
    **dict.fromkeys(("logs", "log", "history", "why"), "explain RUN"),
    **dict.fromkeys(("describe", "get", "inspect", "info"), "show RUN"),
    **dict.fromkeys(("follow", "tail", "attach", "wait"), "watch RUN"),
    **dict.fromkeys(("stop", "cancel", "terminate", "abort", "delete"), "kill RUN"),
    **dict.fromkeys(("start", "submit", "create", "retry", "rerun", "restart"), "run AGENT"),
    **dict.fromkeys(("up", "serve", "server"), "dev"),
    **dict.fromkeys(("reject", "refuse", "decline"), "deny ID"),
    **dict.fromkeys(("pending", "inbox", "queue"), "approvals"),
    **dict.fromkeys(("rollback", "revert"), "undo RUN"),
    **dict.fromkeys(("lint", "check"), "validate PATH"),
    **dict.fromkeys(("users", "people"), "principals"),
    **dict.fromkeys(("continue", "unpause"), "resume RUN"),
    "suspend": "pause RUN",
    "unlock": "release FENCE",
    "verify": "audit verify",
    "login": "whoami",
    "tokens": "api-keys",
    "help": "--help",
}


class CommandWithOtherWords(TyperGroup):
    """The whole command: whoever calls something by another tool's word hears what it is called here."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names; ends with exit code 2 where there is none."""
        word = args[0] if args else ""
        if word in OURS and word not in self.commands:
            ctx.fail(f"No such command {word!r}. Here it is `proctor {OURS[word]}`.")
        return super().resolve_command(ctx, args)
