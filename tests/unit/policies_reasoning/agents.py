"""Agents that look like real ones: refunds, deployments, mail, service restarts."""

from typing import Any

from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.tool import HttpImplementation, ToolContract


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "additionalProperties": False,
        "properties": properties,
    }


TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
SERVICE = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$"}

REFUND = ToolContract(
    name="Refund",
    effect="irreversible",
    risk="medium",
    input_schema=_object(
        "order amount currency",
        order={"type": "string", "pattern": "^o-[0-9]{1,9}$"},
        amount={"type": "number", "minimum": 0, "maximum": 10_000},
        currency={"enum": ["EUR", "USD", "GBP"]},
        customer=TEXT,
        note=TEXT,
    ),
    output_schema=_object("id", id=TEXT, iban=TEXT, name=TEXT),
    argument_roles={"amount": "amount", "note": "content", "currency": "filter"},
)
LOOKUP = ToolContract(
    name="FindOrder",
    effect="read",
    risk="low",
    input_schema=_object("order", order={"type": "string", "pattern": "^o-[0-9]{1,9}$"}),
    output_schema=_object("email", email=TEXT, total={"type": "number"}),
)
MAIL = ToolContract(
    name="SendMail",
    effect="write",
    risk="low",
    input_schema=_object(
        "to subject body",
        to=TEXT,
        subject=TEXT,
        body={"type": "string", "maxLength": 5000},
        cc={"type": "array", "items": TEXT, "maxItems": 10},
        attachments={"type": "integer", "minimum": 0, "maximum": 20},
        urgent={"type": "boolean"},
    ),
    argument_roles={"body": "content", "subject": "content", "attachments": "content", "urgent": "content"},
)
DEPLOY = ToolContract(
    name="Deploy",
    effect="write",
    risk="high",
    input_schema=_object(
        "service release target",
        service=SERVICE,
        release={"type": "string", "pattern": "^[a-z0-9.-]{1,40}$"},
        target={"enum": ["staging", "canary", "production"]},
        replicas={"type": "integer", "minimum": 1, "maximum": 100},
        options=_object("", force={"type": "boolean"}, strategy={"enum": ["rolling", "recreate"]}),
    ),
    compensation={"tool": "Deploy", "arguments": {}},
)
RESTART = ToolContract(
    name="RestartService",
    effect="write",
    risk="medium",
    input_schema=_object("service", service=SERVICE, grace_s={"type": "integer", "minimum": 0, "maximum": 600}),
)
FETCH = ToolContract(
    name="FetchPage",
    effect="read",
    risk="low",
    input_schema=_object("url", url={"type": "string", "maxLength": 500}),
    egress_arguments=("url",),
    implementation=HttpImplementation(method="GET", base_url="https://kb.example.com"),
)
TOOLS = (REFUND, LOOKUP, MAIL, DEPLOY, RESTART, FETCH)


def fact(name: str, **asked: Any) -> dict[str, Any]:
    """Write a comparison as a document does; `in_` and `not_in` stand for lists."""
    return {"fact": name, **{key.rstrip("_"): value for key, value in asked.items()}}


RULES: tuple[dict[str, Any], ...] = (
    {
        "id": "refund-small",
        "effect": "permit",
        "tool": "Refund",
        "when": {"all": [fact("arguments.amount", at_most=50), fact("labels.targets.integrity", equals="trusted")]},
        "obligations": [{"kind": "redact", "fields": ["iban", "name"]}, {"kind": "notify", "who": ["ana"]}],
        "reason": "Small refunds need nobody",
    },
    {
        "id": "refund-large",
        "effect": "require_approval",
        "tool": "Refund",
        "when": fact("arguments.amount", greater_than=50),
        "obligations": [{"kind": "quorum", "count": 2, "role": "approver"}, {"kind": "redact", "fields": ["iban"]}],
        "reason": "Large refunds are looked at by two people",
    },
    {
        "id": "refund-never",
        "effect": "forbid",
        "tool": "Refund",
        "when": {"any": [fact("arguments.amount", greater_than=5000), fact("windows.refunds_today", greater_than=999)]},
        "reason": "More than this is never paid by an agent",
    },
    {
        "id": "refund-currency",
        "effect": "forbid",
        "tool": "Refund",
        "when": fact("arguments.currency", not_in=["EUR", "USD"]),
        "reason": "We have accounts in two currencies",
    },
    {
        "id": "refund-night",
        "effect": "require_approval",
        "tool": "Refund",
        "when": {"any": [fact("time.hour", less_than=6), fact("time.weekday", in_=["sat", "sun"])]},
        "reason": "Nobody watches at night",
    },
    {
        "id": "mail-inside",
        "effect": "permit",
        "tool": "SendMail",
        "when": {
            "all": [
                fact("arguments.to", matches="*@example.com"),
                fact("arguments.cc", only=["*@example.com", "*@example.org"], default=[]),
            ]
        },
        "reason": "Mail within the company is harmless",
    },
    {
        "id": "mail-outside",
        "effect": "require_approval",
        "tool": "SendMail",
        "when": {"not": fact("arguments.to", matches="*@example.com")},
        "reason": "Mail to others is read by a person first",
    },
    {
        "id": "mail-boss",
        "effect": "forbid",
        "tool": "SendMail",
        "when": fact("arguments.to", in_=["ceo@example.com", "board@example.com"]),
        "reason": "Agents do not write to the board",
    },
    {
        "id": "mail-many",
        "effect": "forbid",
        "tool": "SendMail",
        "when": {"any": [fact("arguments.attachments", greater_than=5, default=0), fact("windows.mails", at_least=20)]},
        "reason": "That much mail looks like a mistake",
    },
    {
        "id": "mail-urgent",
        "effect": "require_approval",
        "tool": "SendMail",
        "when": {"all": [fact("arguments.urgent", exists=True), fact("arguments.urgent", equals=True, default=False)]},
        "reason": "What is urgent is seen by a person",
    },
    {
        "id": "deploy-staging",
        "effect": "permit",
        "tool": "Deploy",
        "when": {"all": [fact("arguments.target", equals="staging"), fact("compensable", equals=True)]},
        "obligations": [{"kind": "cool_down", "seconds": 600}, {"kind": "review_after"}],
        "reason": "Staging may break",
    },
    {
        "id": "deploy-production",
        "effect": "require_approval",
        "tool": "Deploy",
        "when": fact("arguments.target", in_=["canary", "production"]),
        "obligations": [{"kind": "quorum", "count": 2, "role": "owner"}],
        "reason": "Production has owners",
    },
    {
        "id": "deploy-friday",
        "effect": "forbid",
        "tool": "Deploy",
        "when": {
            "all": [
                fact("time.weekday", equals="fri"),
                fact("time.hour", at_least=14),
                fact("arguments.target", equals="production"),
            ]
        },
        "reason": "Not before the weekend",
    },
    {
        "id": "deploy-payments",
        "effect": "forbid",
        "tool": "Deploy",
        "when": {
            "all": [
                fact("arguments.service", matches="pay*"),
                {"not": fact("arguments.service", matches="*-test")},
                fact("requester", not_in=["pia", "paul"]),
            ]
        },
        "reason": "Payments are deployed by two people only",
    },
    {
        "id": "deploy-force",
        "effect": "forbid",
        "tool": "Deploy",
        "when": fact("arguments.options.force", equals=True, default=False),
        "reason": "Checks are there for a reason",
    },
    {
        "id": "restart-known",
        "effect": "permit",
        "tool": "RestartService",
        "when": {"all": [fact("arguments.service", matches="web-*"), fact("windows.restarts", at_most=3)]},
        "reason": "The web tier may be restarted",
    },
    {
        "id": "restart-soon",
        "effect": "forbid",
        "tool": "RestartService",
        "when": fact("windows.last_restart", less_than=300),
        "reason": "A service needs time to come up",
    },
    {
        "id": "restart-costly",
        "effect": "require_approval",
        "tool": "RestartService",
        "when": {"any": [fact("iteration", greater_than=10), fact("cost.spent_usd", greater_than=0.5)]},
        "reason": "A run this long is off track",
    },
    {
        "id": "tainted",
        "effect": "require_approval",
        "tool": ["Refund", "Deploy", "RestartService"],
        "when": {"all": [fact("run.has_read_untrusted", equals=True), fact("run.plan", not_equals="on_plan")]},
        "reason": "What follows untrusted text is looked at",
    },
    {
        "id": "fetch-outside",
        "effect": "forbid",
        "tool": "FetchPage",
        "when": {"not": fact("egress.hosts", only=["kb.example.com", "*.docs.example.com"])},
        "reason": "Pages are read from our own hosts",
    },
    {
        "id": "high-risk",
        "effect": "require_approval",
        "when": fact("risk", equals="high"),
        "reason": "What is risky is looked at",
    },
)
WINDOWS: tuple[dict[str, Any], ...] = (
    {
        "id": "refunds_today",
        "measure": "sum",
        "tool": "Refund",
        "argument": "amount",
        "within_s": 86_400,
        "per": "requester",
    },
    {"id": "mails", "measure": "count", "tool": "SendMail", "within_s": 3600, "per": "agent"},
    {"id": "restarts", "measure": "count", "tool": "RestartService", "within_s": 86_400, "same": ["service"]},
    {"id": "last_restart", "measure": "last", "tool": "RestartService", "within_s": 3600, "same": ["service"]},
)
DOCUMENT: dict[str, Any] = {
    "rules": list(RULES),
    "windows": list(WINDOWS),
    "risk": [
        {
            "id": "big-refund",
            "tool": "Refund",
            "when": fact("arguments.amount", greater_than=2000),
            "risk": "high",
        }
    ],
    "validate": [{"tool": "FindOrder", "path": "total", "schema": {"type": "number", "minimum": 0, "maximum": 9999}}],
    "address_book": ["billing@example.com"],
}
MANIFEST: dict[str, Any] = {
    "name": "clerk",
    "owner": "ana",
    "autonomy": "autonomous",
    "autonomy_by_tool": {"SendMail": "supervised"},
    "allowed_tools": [tool.name for tool in TOOLS],
    "allow_domains": ["kb.example.com", "*.docs.example.com"],
    "thresholds": [{"tool": "Refund", "argument": "amount", "max": 4000, "beyond": "forbid"}],
    "guardrails": ["pii_scrubber"],
}


def bundle(
    document: dict[str, Any] | None = None,
    manifest: dict[str, Any] | None = None,
    tools: tuple[ToolContract, ...] = TOOLS,
) -> AgentBundle:
    return AgentBundle(
        manifest=AgentManifest.model_validate(manifest or MANIFEST),
        policy=PolicyDocument.model_validate(document or DOCUMENT),
        tools=tools,
    )
