"""What a change of the policy document does beyond the verdicts on calls: to labels, windows and preferences."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.change.changes import Change
from policies.change.windows import counts_at_least
from proctor.contracts.governing import ChangeKind
from proctor.contracts.policy import PolicyDocument, WindowForm

_DOUBT: Final = "labels are made before rules are asked"
_WORDS: Final = ("reason", "advice")


def document_changes(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    """List the changes that change labels, and those that change nothing that is decided."""
    yield from _validations(old, new)
    for name in sorted(set(new.address_book) - set(old.address_book)):
        what = f"{name!r} may be a target whoever names it"
        yield Change(ChangeKind.LOOSENS, "address_book", what, doubt=_DOUBT)
    for name in sorted(set(old.address_book) - set(new.address_book)):
        yield Change(ChangeKind.TIGHTENS, "address_book", f"{name!r} is no longer trusted by itself")
    if old.data_flow != new.data_flow:
        is_looser = new.data_flow == "observed"
        kind = ChangeKind.LOOSENS if is_looser else ChangeKind.TIGHTENS
        what = f"{old.data_flow} becomes {new.data_flow}"
        yield Change(kind, "data_flow", what, doubt="the rules that it takes away have their own" if is_looser else "")
    if old.prefer != new.prefer:
        yield Change(ChangeKind.NEUTRAL, "prefer", "plans are ranked differently; what is allowed is not")
    if old.description != new.description:
        yield Change(ChangeKind.NEUTRAL, "description", "changed")
    yield from _words(old, new)


def window_words(old: PolicyDocument, new: PolicyDocument) -> dict[str, str]:
    """Say how each window of both documents changed."""
    before, after = _windows(old), _windows(new)
    shared = [name for name in before if name in after and before[name] != after[name]]
    return {f"window {name}": _moved(before[name], after[name]) for name in shared}


def _windows(document: PolicyDocument) -> Mapping[str, WindowForm]:
    return {window.id: window for window in document.windows}


def _moved(old: WindowForm, new: WindowForm) -> str:
    fields = [name for name in WindowForm.model_fields if getattr(old, name) != getattr(new, name)]
    said = ", ".join(f"{name} {_said(getattr(old, name))} becomes {_said(getattr(new, name))}" for name in fields)
    if counts_at_least(new, old):
        return f"{said}, so that more calls count"
    return f"{said}, so that fewer calls count" if counts_at_least(old, new) else f"{said}, so that other calls count"


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) or "nothing" if isinstance(value, tuple) else str(value)


def _validations(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    for form in new.validate_results:
        if form not in old.validate_results:
            what = f"{form.path} of the results of {form.tool} is labelled {form.integrity} where it fits a schema"
            yield Change(ChangeKind.LOOSENS, "validate", what, (form.tool,), doubt=_DOUBT)
    for form in old.validate_results:
        if form not in new.validate_results:
            what = f"{form.path} of the results of {form.tool} is labelled as before only where nothing else was said"
            kind = ChangeKind.TIGHTENS if form.confidentiality is None else ChangeKind.LOOSENS
            yield Change(kind, "validate", what, (form.tool,), doubt=_DOUBT if kind is ChangeKind.LOOSENS else "")


def _words(old: PolicyDocument, new: PolicyDocument) -> Iterator[Change]:
    before = {rule.id: rule for rule in old.rules}
    for rule in new.rules:
        other = before.get(rule.id)
        changed = [name for name in _WORDS if other is not None and getattr(rule, name) != getattr(other, name)]
        if changed:
            yield Change(ChangeKind.NEUTRAL, f"rule {rule.id}", f"other words: {', '.join(changed)}")
