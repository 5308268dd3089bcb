"""Webhooks in: another system begins a run as a service, with an input that nobody here vouches for."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.admission import Submission, submit
from gateway.agents import load_agent
from gateway.cli.reading import parse_json
from gateway.connections import Gateway
from gateway.events.pointers import check_pointer, pick
from gateway.events.sealing import SecretBox
from gateway.events.signing import key_of, new_secret, verify_github, verify_standard
from proctor.contracts.base import Contract
from proctor.contracts.errors import InvalidInput, NotAuthorised, OversizeInput
from proctor.contracts.human import Principal, Role
from proctor.contracts.outside import Hook, HookOrder, OpenedHook
from proctor.contracts.run import MAX_INPUT_BYTES, TaskRequest

MAX_BODY_BYTES = MAX_INPUT_BYTES
MAX_DEPTH = 100
SHORTEST_SECRET = 16


class CreatedHook(Contract):
    """A hook with its secret, which is shown this once."""

    hook: Hook
    secret: str
    sealed: bool
    """Whether the store keeps the secret encrypted (PROCTOR_SECRETS_KEY is set)."""


def source_of(name: str) -> str:
    """Say whose words the input of a hook's run is."""
    return f"webhook:{name}"


def needs_owner(by: Principal) -> None:
    """Say no before anything else is looked at; the store checks it again. Raises `NotAuthorised`."""
    if Role.OWNER not in by.roles:
        raise NotAuthorised(f"{by.name} is not an owner", hint="an owner says what may begin runs")


@dataclass(frozen=True)
class Hooks:
    """Makes hooks and takes their calls."""

    gateway: Gateway
    box: SecretBox
    now: Callable[[], float] = time.time

    async def create(self, order: HookOrder, by: Principal, secret: str | None = None) -> CreatedHook:
        """Make a hook; `secret` is one that the other system made.

        Raises:
            NotAuthorised: `by` is not an owner, or the principal is not a service.
            InvalidInput: a pointer or the secret cannot be used; `UnknownName`, `Refused` when the name is in use.

        """
        needs_owner(by)
        load_agent(self.gateway.catalog, order.agent)
        for pointer in (order.mapping or {}).values():
            check_pointer(pointer)
        chosen = secret or new_secret()
        if order.scheme == "standard":
            key_of(chosen)
        elif len(chosen) < SHORTEST_SECRET:
            raise InvalidInput("the secret is too short", hint=f"use at least {SHORTEST_SECRET} characters")
        sealed = self.box.seal(chosen, f"hook:{order.name}")
        hook = await self.gateway.store.beginnings.put_hook(order, sealed, by)
        return CreatedHook(hook=hook, secret=chosen, sealed=self.box.seals)

    async def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> Submission:
        """Take a call: the same message again is the same run.

        Raises:
            UnknownName: there is no such hook.
            NotAuthorised: the signature over the raw body does not hold, or is too old.
            InvalidInput: the payload is not JSON or does not fit the agent's input; `OversizeInput`.
            Refused: as `gateway.admission.submit`; `Unavailable`.

        """
        if len(body) > MAX_BODY_BYTES:
            raise OversizeInput(f"the payload has more than {MAX_BODY_BYTES} bytes")
        opened = await self.gateway.store.beginnings.hook(name)
        message_id = self._verified(opened, headers, body)
        request = _request(opened, message_id, _payload(body))
        bundle = load_agent(self.gateway.catalog, opened.hook.agent)
        return await submit(
            request,
            bundle,
            by=opened.principal,
            admissions=self.gateway.store.admissions,
            engine=self.gateway.engine,
            changes=self.gateway.changes,
        )

    def _verified(self, opened: OpenedHook, headers: Mapping[str, str], body: bytes) -> str:
        secret = self.box.open(opened.secret, f"hook:{opened.hook.name}")
        if opened.hook.scheme == "github":
            return verify_github(secret, headers, body)
        return verify_standard(secret, headers, body, self.now())


def _payload(body: bytes) -> Any:
    try:
        payload = parse_json(body.decode("utf-8"), "the payload")
    except UnicodeDecodeError:
        raise InvalidInput("the payload is not UTF-8") from None
    if _is_deeper(payload, MAX_DEPTH):
        raise InvalidInput(f"the payload is nested more than {MAX_DEPTH} levels deep")
    return payload


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def _request(opened: OpenedHook, message_id: str, payload: Any) -> TaskRequest:
    hook = opened.hook
    given = payload if hook.mapping is None else {name: pick(payload, at) for name, at in hook.mapping.items()}
    return TaskRequest(
        agent=hook.agent,
        input=given,
        goal=hook.goal,
        requester=hook.principal,
        tenant=hook.tenant,
        idempotency_key=_key(hook.name, message_id),
        source=source_of(hook.name),
    )


def _key(name: str, message_id: str) -> str:
    """Derive the idempotency key: what is signed as the same message is the same run."""
    digest = hashlib.sha256(f"{name}\n{message_id}".encode()).hexdigest()
    return f"hook-{name[:40]}-{digest[:32]}"
