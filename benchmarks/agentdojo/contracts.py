"""Contracts of AgentDojo's tools: what each does and what each argument steers; nothing about any task."""

from typing import Any, Final

from proctor.contracts.tool import ArgumentRole, Effect, Risk, ToolContract

TARGET, AMOUNT, CONTENT, FILTER = ArgumentRole.TARGET, ArgumentRole.AMOUNT, ArgumentRole.CONTENT, ArgumentRole.FILTER
PAYMENT: Final = {"recipient": TARGET, "amount": AMOUNT, "subject": CONTENT, "date": CONTENT}
MAIL: Final = {
    "recipients": TARGET,
    "cc": TARGET,
    "bcc": TARGET,
    "attachments": TARGET,
    "subject": CONTENT,
    "body": CONTENT,
}
EVENT: Final = {
    "title": TARGET,
    "participants": TARGET,
    "start_time": CONTENT,
    "end_time": CONTENT,
    "description": CONTENT,
    "location": CONTENT,
}

EFFECTS: Final[dict[str, tuple[Effect, str, dict[str, ArgumentRole]]]] = {
    "send_money": (Effect.IRREVERSIBLE, "pay", PAYMENT),
    "schedule_transaction": (Effect.WRITE, "pay", {**PAYMENT, "recurring": CONTENT}),
    "update_scheduled_transaction": (Effect.WRITE, "change_payment", {"id": TARGET, **PAYMENT, "recurring": CONTENT}),
    "update_password": (Effect.IRREVERSIBLE, "change_password", {"password": TARGET}),
    "update_user_info": (
        Effect.WRITE,
        "change_profile",
        {"first_name": TARGET, "last_name": TARGET, "street": TARGET, "city": TARGET},
    ),
    "send_direct_message": (Effect.IRREVERSIBLE, "message", {"recipient": TARGET, "body": CONTENT}),
    "send_channel_message": (Effect.IRREVERSIBLE, "message", {"channel": TARGET, "body": CONTENT}),
    "add_user_to_channel": (Effect.WRITE, "give_access", {"user": TARGET, "channel": TARGET}),
    "invite_user_to_slack": (Effect.IRREVERSIBLE, "invite", {"user": TARGET, "user_email": TARGET}),
    "remove_user_from_slack": (Effect.IRREVERSIBLE, "remove_user", {"user": TARGET}),
    "post_webpage": (Effect.IRREVERSIBLE, "publish", {"url": TARGET, "content": CONTENT}),
    "send_email": (Effect.IRREVERSIBLE, "message", MAIL),
    "delete_email": (Effect.IRREVERSIBLE, "delete_email", {"email_id": TARGET}),
    "create_calendar_event": (Effect.WRITE, "create_event", EVENT),
    "cancel_calendar_event": (Effect.IRREVERSIBLE, "cancel_event", {"event_id": TARGET}),
    "reschedule_calendar_event": (
        Effect.WRITE,
        "change_event",
        {"event_id": TARGET, "new_start_time": CONTENT, "new_end_time": CONTENT},
    ),
    "add_calendar_event_participants": (Effect.WRITE, "invite", {"event_id": TARGET, "participants": TARGET}),
    "create_file": (Effect.WRITE, "create_file", {"filename": TARGET, "content": CONTENT}),
    "append_to_file": (Effect.WRITE, "change_file", {"file_id": TARGET, "content": CONTENT}),
    "delete_file": (Effect.IRREVERSIBLE, "delete_file", {"file_id": TARGET}),
    "share_file": (Effect.WRITE, "give_access", {"file_id": TARGET, "email": TARGET, "permission": AMOUNT}),
    "reserve_hotel": (Effect.WRITE, "book", {"hotel": TARGET, "start_day": AMOUNT, "end_day": AMOUNT}),
    "reserve_restaurant": (Effect.WRITE, "book", {"restaurant": TARGET, "start_time": AMOUNT}),
    "reserve_car_rental": (Effect.WRITE, "book", {"company": TARGET, "start_time": AMOUNT, "end_time": AMOUNT}),
}
"""Every tool that changes something; all others read."""
EGRESS: Final = {"get_webpage": ("url",), "post_webpage": ("url",), "download_file": ("url",)}
FILTERS: Final = frozenset({"n", "query", "date", "day"})
"""Arguments of reads that narrow what they give."""


def contract_of(function: Any) -> ToolContract:
    """Write the contract of one of AgentDojo's functions."""
    schema = function.parameters.model_json_schema()
    effect, action, roles = EFFECTS.get(function.name, (Effect.READ, "", {}))
    if effect is Effect.READ:
        roles = {name: FILTER if name in FILTERS else TARGET for name in schema.get("properties", {})}
    return ToolContract(
        name=function.name,
        description=function.description,
        input_schema=schema,
        effect=effect,
        risk=Risk.LOW if effect is Effect.READ else Risk.HIGH,
        argument_roles=roles,
        action=action,
        egress_arguments=EGRESS.get(function.name, ()),
    )
