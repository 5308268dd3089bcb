"""Changes of policy: what each does, with a call that shows it."""

from policies.change.changes import Change, Witness, classify
from policies.change.comparison import diff

__all__ = ["Change", "Witness", "classify", "diff"]
