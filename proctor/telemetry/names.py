"""Names that dashboards, alert rules and trace searches depend on. Changing one is a change for operators."""

SERVICE = "proctor"

RUN_ID = "proctor.run_id"
STEP = "proctor.step"
AGENT = "proctor.agent"
TOOL = "proctor.tool"

RUNS_CLOSED = "proctor_runs_closed"
CALLS = "proctor_tool_calls"
PLAN_SECONDS = "proctor_plan_seconds"
TOOL_SECONDS = "proctor_tool_seconds"
TOKENS = "proctor_model_tokens"
COST_USD = "proctor_model_cost_usd"
APPROVALS_PENDING = "proctor_requests_pending"
APPROVALS_DECIDED = "proctor_requests_decided"
DENIALS = "proctor_denials"
FENCES = "proctor_fences"
EVENT_LOOP_LAG_SECONDS = "proctor_event_loop_lag_seconds"
READY = "proctor_ready"

OTHER = "other"
"""Label value that stands for all values beyond the bound."""
