from pathlib import Path
from typing import Any

import pytest

from gateway.assumed_facts import assumed_facts
from gateway.policy_files import read_policy_folder
from policies.engine import CompiledPolicy
from policies.facts import PLATFORM, catalogue
from policies.loading import flaw_in
from policies.manifest_policy import compile_policy
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.policy import LONG_AGO

from .policy_agents import MANIFEST, POLICY, TOOLS, write_clerk

ARGUMENTS = {"order": "7", "amount": 40}
ENDED_BEFORE = POLICY.replace("windows:", "windows:\n  - {id: pause, measure: last, tool: RefundOrder, within: 1h}")


@pytest.fixture
def bundle(tmp_path: Path) -> AgentBundle:
    return read_policy_folder(write_clerk(tmp_path, policy=ENDED_BEFORE)).sound()


@pytest.fixture
def policy(bundle: AgentBundle) -> CompiledPolicy:
    return compile_policy(bundle)


def facts_of(bundle: AgentBundle, given: dict[str, Any], tool: str = "RefundOrder", **arguments: Any) -> dict[str, Any]:
    windows = bundle.policy.windows if bundle.policy else ()
    return assumed_facts(bundle, tool, arguments or ARGUMENTS, given, windows=windows)


@pytest.mark.parametrize("tool", ["FindOrder", "RefundOrder", "SendMail"])
def test_every_fact_that_a_rule_can_ask_for_is_assumed_and_of_its_type(bundle: AgentBundle, tool: str) -> None:
    """Nothing that a case leaves out is missing, so that no case passes because of a fact that is not there."""
    contract = bundle.tool(tool)
    assert contract is not None
    facts = facts_of(bundle, {}, tool)
    known = {name: fact for name, fact in catalogue(bundle, contract).items() if fact.path is None}
    flaws = {name: flaw_in(fact, facts.get(name)) for name, fact in known.items()}
    assert {} == {name: flaw for name, flaw in flaws.items() if flaw}


def test_unknown_tool_has_facts_too(bundle: AgentBundle) -> None:
    """A case may show that a tool outside the scope is denied."""
    facts = facts_of(bundle, {}, "Wipe", disk="a")
    assert {} == {name: fact for name, fact in PLATFORM.items() if name not in facts}
    assert ("", "irreversible", "high") == (facts["tool_version"], facts["effect"], facts["risk"])


def test_call_stands_alone_in_its_windows(bundle: AgentBundle) -> None:
    """Windows include the call itself; the time since the last one is long."""
    facts = facts_of(bundle, {})
    assert (40, LONG_AGO) == (facts["windows.refunded_today"], facts["windows.pause"])
    assert 0 == facts_of(bundle, {}, "FindOrder", order="7")["windows.refunded_today"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"labels.integrity": "trusted", "labels.origins": ["request"], "labels.targets.integrity": "trusted"}),
        (
            {"labels.integrity": "untrusted"},
            {"labels.order.integrity": "untrusted", "labels.targets.integrity": "untrusted"},
        ),
        (
            {"labels.order.integrity": "untrusted"},
            {
                "labels.integrity": "untrusted",
                "labels.targets.integrity": "untrusted",
                "labels.amount.integrity": "trusted",
            },
        ),
        (
            {"labels.amount.integrity": "untrusted"},
            {"labels.integrity": "untrusted", "labels.targets.integrity": "trusted"},
        ),
        (
            {"labels.targets.origins": ["tool"]},
            {
                "labels.order.origins": ["tool"],
                "labels.amount.origins": ["request"],
                "labels.origins": ["request", "tool"],
            },
        ),
        ({"labels.amount.confidentiality": "pii"}, {"labels.confidentiality": "pii"}),
        ({"labels.integrity": 7}, {"labels.integrity": 7, "labels.order.integrity": 7}),
    ],
)
def test_labels_of_a_case_join_as_labels_do(
    bundle: AgentBundle, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    """What is said of one argument shows in the whole call, and what is said of the whole shows in each."""
    facts = facts_of(bundle, given)
    assert expected == {name: facts[name] for name in expected}


@pytest.mark.parametrize(
    ("base_url", "hosts"),
    [
        ("https://shop.example.com/v1", ["shop.example.com"]),
        ("env:SHOP", ["shop.example.com"]),
        ("https://a:8443", ["a:8443"]),
    ],
)
def test_hosts_are_those_of_the_contract_or_the_first_that_is_allowed(
    tmp_path: Path, base_url: str, hosts: list[str]
) -> None:
    """An address that only the worker knows does not make every case fail."""
    manifest = MANIFEST.replace("[shop.example.com]", '[shop.example.com, "a:8443"]')
    tools = TOOLS.replace("https://shop.example.com", base_url)
    bundle = read_policy_folder(write_clerk(tmp_path, tools=tools, manifest=manifest)).sound()
    assert hosts == facts_of(bundle, {})["egress.hosts"]
