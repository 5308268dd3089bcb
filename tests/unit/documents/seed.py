"""The four document forms as the blueprint shows them, word for word."""

AGENT = """\
agent:
  name: incident-resolver
  autonomy: approval_required
  allowed_tools:
    - SearchKB
    - CreateSupportTicket
  blocked_domains:
    - "*"  # default deny
  allow_domains:
    - "kb.internal.company"
  max_iterations: 8
  max_cost_usd: 0.50
  guardrails:
    - injection_filter
    - pii_scrubber
    - json_schema_validator
"""

TOOL = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "CreateSupportTicket",
  "type": "object",
  "required": ["title", "severity"],
  "properties": {
    "title": {"type": "string", "maxLength": 120},
    "description": {"type": "string", "maxLength": 2000},
    "severity": {"type": "string", "enum": ["low", "medium", "high"]}
  }
}
"""

SLO = """\
slos:
  - name: ticket-creation-success
    objective: ">= 99.0% over 30 days"
    sli:
      numerator: tool_calls{tool="CreateSupportTicket",status="ok"}
      denominator: tool_calls{tool="CreateSupportTicket"}
    alerts:
      - burn_rate_window: 2h
        threshold: 14x
"""

EVALUATION = """\
tests:
  - name: create_ticket_high_sev
    inputs:
      user_text: "Customer data loss risk in EU region"
    expected:
      severity: high
    metrics:
      - type: json_path
        path: $.severity
        equals: "high"
      - type: tool_success
        tool: CreateSupportTicket
"""
