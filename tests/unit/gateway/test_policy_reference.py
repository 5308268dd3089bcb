"""`docs/reference/policy.md` says what is so: its example is run, and its tables name all there is."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.assumed_facts import LABELS, MOMENT, assumed_facts
from gateway.coverage import coverage
from gateway.policy_files import PolicyFolder, read_policy_folder
from gateway.policy_testing import run_cases
from policies.engine import BUILT_IN, CompiledPolicy
from policies.facts import PLATFORM
from policies.manifest_policy import compile_policy
from proctor.contracts.decision import Verdict
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import (
    AskEachTime,
    CoolDown,
    Escalate,
    MaxAmount,
    Notify,
    Quorum,
    Redact,
    ReviewAfter,
    Signed,
    Stages,
)
from proctor.contracts.policy import OPERATORS, PolicyDocument, RuleForm, WindowForm

from .policy_agents import write_clerk

PAGE = (Path(__file__).parents[3] / "docs/reference/policy.md").read_text(encoding="utf-8")
POLICY, CASES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MANIFEST = """\
agent:
  name: refund-clerk
  owner: maria.ops
  autonomy: supervised
  autonomy_by_risk: {high: approval_required}
  allowed_tools: [FindOrder, RefundOrder, SendMail]
  allow_domains: [shop.example.com]
  thresholds:
    - {tool: RefundOrder, argument: amount, max: 5000, beyond: forbid}
  planner: {kind: playbook}
"""
TOOLS = """\
tools:
  - name: FindOrder
    effect: read
    risk: low
    egress_arguments: [order]
    input: {type: object, required: [order], properties: {order: {type: string, maxLength: 12}}}
    output: {type: object, properties: {state: {type: string}}}
    implementation: {kind: http, method: GET, base_url: "https://shop.example.com", path: "/orders/{order}"}
  - name: RefundOrder
    effect: write
    risk: low
    idempotency: native
    argument_roles: {amount: amount, country: content}
    input:
      type: object
      required: [order, amount]
      additionalProperties: false
      properties:
        order: {type: string, maxLength: 12}
        amount: {type: number, minimum: 0, maximum: 10000}
        country: {type: string, pattern: "^[A-Z]{2}$"}
    implementation: {kind: http, method: POST, base_url: "https://shop.example.com", path: "/refunds"}
  - name: SendMail
    effect: write
    risk: low
    idempotency: native
    argument_roles: {text: content}
    input:
      type: object
      required: [to, text]
      properties:
        to: {type: string, maxLength: 100}
        copies: {type: array, items: {type: string, maxLength: 100}}
        text: {type: string, maxLength: 2000}
    implementation: {kind: http, method: POST, base_url: "https://shop.example.com", path: "/mails"}
"""
TOOL = """\
tool:
  name: Do
  effect: EFFECT
  risk: low
  input: {type: object}
  output: {type: object}
  implementation: {kind: python, function: "a.b:c"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> PolicyFolder:
    texts = {"manifest": MANIFEST, "tools": TOOLS, "policy": POLICY, "tests": CASES}
    return read_policy_folder(write_clerk(tmp_path, **texts))


@pytest.fixture
def bundle(folder: PolicyFolder) -> AgentBundle:
    return folder.sound()


@pytest.fixture
def policy(bundle: AgentBundle) -> CompiledPolicy:
    return compile_policy(bundle)


def test_example_is_sound_and_every_case_of_it_comes_out_as_it_says(folder: PolicyFolder) -> None:
    """The page's statements are its cases, and each of its rules is shown at work."""
    assert ([], []) == (folder.problems, folder.warnings)
    assert folder.cases is not None
    bundle = folder.sound()
    policy = compile_policy(bundle)
    results = run_cases(bundle, policy, folder.cases)
    assert [] == [(result.case, result.differences) for result in results if not result.passed]
    assert [] == [rule.rule for rule in coverage(bundle, policy, results) if rule.lacks_case]


def named(names: list[str]) -> list[str]:
    return [name for name in names if f"`{name}`" not in PAGE]


def test_page_names_every_operator_key_and_obligation() -> None:
    """Whoever writes a policy finds each word here."""
    keys = [field.alias or name for name, field in PolicyDocument.model_fields.items()]
    keys += [*RuleForm.model_fields, *WindowForm.model_fields]
    spelled = [{"within_s": "within", "argument": ""}.get(key, key) for key in keys]
    assert [] == named([*OPERATORS, *filter(None, spelled)])
    forms = (Redact, Quorum, Stages, Escalate, Notify, MaxAmount, CoolDown)
    kinds = [get_args(form.model_fields["kind"].annotation)[0] for form in forms]
    assert [] == [kind for kind in kinds if f"kind: {kind}" not in PAGE]
    assert [] == named([ReviewAfter().kind, Signed().kind, AskEachTime().kind])


def test_page_names_every_fact() -> None:
    """The platform's own, each by its name."""
    assert [] == named(list(PLATFORM))


def test_page_names_every_built_in_rule(bundle: AgentBundle, policy: CompiledPolicy) -> None:
    """What `explain` can name is explained here; `N`, `TOOL` and `ARGUMENT` stand for what they say."""
    document = {rule.id for rule in bundle.policy.rules} if bundle.policy else set()
    found = {rule.id for rule in policy.rules if rule.id.partition(":")[0] not in document}
    shapes = {re.sub(r"threshold-\d+:\w+\.\w+", "threshold-N:TOOL.ARGUMENT", name) for name in found}
    shapes = {re.sub(r":\w+$", ":TOOL", name) for name in shapes}
    assert [] == named(sorted(shapes | BUILT_IN - {"engine-error"}))


def test_page_says_what_is_assumed_of_a_case(bundle: AgentBundle, policy: CompiledPolicy) -> None:
    """The table of harmless facts is the code's."""
    facts = assumed_facts(bundle, "RefundOrder", {}, {}, windows=policy.windows_for("RefundOrder"))
    assert (12, "mon", "2026-01-05", 0) == (*MOMENT.values(), facts["iteration"])
    assert ("trusted", "internal", ["request"], []) == tuple(LABELS.values())
    assert (False, "none", "no", "requester", "default", "production") == tuple(
        facts[name]
        for name in ("run.has_read_untrusted", "run.plan", "goal.denied", "requester", "tenant", "environment")
    )
    assert {} == {name: facts[name] for name in ("cost.spent_usd", "cost.reserved_usd") if facts[name]}


@pytest.mark.parametrize(
    ("level", "verdicts"),
    [
        ("suggest", ["allow", "deny", "deny"]),
        ("approval_required", ["allow", "require_approval", "require_approval"]),
        ("supervised", ["allow", "allow", "require_approval"]),
        ("autonomous", ["allow", "allow", "allow"]),
    ],
)
def test_table_of_levels_is_what_is_decided(tmp_path: Path, level: str, verdicts: list[str]) -> None:
    """Per level: a read, a write, an irreversible effect."""
    found: list[Any] = []
    for effect in ("read", "write", "irreversible"):
        tool = TOOL.replace("EFFECT", effect)
        manifest = f"agent:\n  name: refund-clerk\n  owner: o\n  autonomy: {level}\n  allowed_tools: [Do]\n"
        texts = {"manifest": manifest, "tools": tool, "policy": "rules: []\n", "tests": "cases: []\n"}
        folder = read_policy_folder(write_clerk(tmp_path / effect, **texts))
        assert folder.bundle is not None
        decision = compile_policy(folder.bundle).judge(assumed_facts(folder.bundle, "Do", {}, {}, windows=()))
        found.append(decision)
    assert [Verdict(verdict) for verdict in verdicts] == [decision.verdict for decision in found]
    assert [level == "supervised"] == [bool(found[1].obligations)]
