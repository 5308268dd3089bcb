from pathlib import Path

import pytest

from proctor.contracts.durations import seconds_of
from proctor.documents.agent import read_agent
from proctor.documents.catalog import FileAgentCatalog
from proctor.documents.policy import read_policy
from proctor.documents.policy_tests import read_policy_tests
from proctor.documents.source import parse_source
from proctor.documents.validation import validate
from tests.unit.documents.agents import write_agent
from tests.unit.documents.policies import POLICY, TESTS, TOOLS


def write(root: Path, policy: str = POLICY, tests: str = TESTS) -> Path:
    folder = write_agent(root, tools=TOOLS)
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    (folder / "policy.tests.yaml").write_text(tests, encoding="utf-8")
    return folder


def test_policy_is_part_of_the_bundle(tmp_path: Path) -> None:
    """What is pinned with a run holds the agent's rules; a window is kept in seconds."""
    write(tmp_path)
    policy = FileAgentCatalog(tmp_path).load("clerk").policy
    assert policy is not None
    assert [rule.id for rule in policy.rules] == ["refund-small", "refund-rest"]
    assert [(window.within_s, window.measure) for window in policy.windows] == [(86_400, "sum")]


def test_policy_is_optional_and_noticed_when_it_appears(tmp_path: Path) -> None:
    """An agent without the file has no document; one that is written later is read at the next load."""
    write_agent(tmp_path, tools=TOOLS)
    catalog = FileAgentCatalog(tmp_path)
    assert catalog.load("clerk").policy is None
    (tmp_path / "clerk/policy.yaml").write_text(POLICY)
    assert catalog.load("clerk").policy is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2 w", 1_209_600), ("0h", None), ("1y", None)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int | None) -> None:
    """A number and a unit; nothing is no duration."""
    assert seconds == seconds_of(text)


MISTAKES = [
    ("version: 1", "version: 2", 1, "'version' is", "write one of 1"),
    ("description:", "descripton:", 2, "unknown key 'descripton'", "did you mean `description`?"),
    ("windows:", "window:", 3, "unknown key 'window'", "did you mean `windows`?"),
    ("    measure: sum", "    measure: total", 5, "'measure' is", "write one of count, sum, last"),
    ("    within: 24h\n", "", 4, "'within' is missing", "within: 24h"),
    ("    within: 24h", "    within: 24", 8, "'within' is 24", "within: 24h"),
    ("    within: 24h", "    within: a day", 8, "'within' is 'a day'", "within: 24h"),
    ("    within: 24h", "    within: 400d", 8, "'within' is '400d'", "at most 366d"),
    ("    within: 24h", "    within_s: 86400", 8, "unknown key 'within_s'", "write `within: 24h`"),
    ("    per: agent", "    per: team", 9, "'per' is", "write one of run, agent, requester, tenant"),
    ("id: refunds_today", "id: Refunds-Today", 4, "'id' is", "it must match"),
    (
        "    tool: Refund\n    argument",
        "    tool: {a: 1}\n    argument",
        6,
        "'tool' must be a tool's name",
        "tool: NAME",
    ),
    ("id: refund-small", "id: Refund_Small", 11, "'id' is", "it must match"),
    ("effect: permit", "effect: allow", 12, "'effect' is", "write one of permit, require_approval, forbid"),
    ("effect: permit", "efect: permit", 12, "unknown key 'efect'", "did you mean `effect`?"),
    ("    effect: permit\n", "", 11, "'effect' is missing", "add `effect:`"),
    ("at_most: 50", "atmost: 50", 14, "unknown operator 'atmost'", "did you mean `at_most`?"),
    ("at_most: 50", "at_most: 50, at_least: 1", 14, "says at_most and at_least", "under `all:`"),
    (", at_most: 50", "", 14, "says nothing of the fact", "add one of equals"),
    (
        "fact: arguments.order.amount, at_most",
        "facts: arguments.order.amount, at_most",
        14,
        "write one of all, any",
        "",
    ),
    (
        "{fact: arguments.order.amount, at_most: 50}",
        "{not: {fact: a, is: 1}}",
        14,
        "unknown operator 'is'",
        "write one",
    ),
    ("{fact: arguments.order.amount, at_most: 50}", "[1]", 14, "write one of all, any, not, or a fact", ""),
    ("      any:\n", "      any:\n        - {}\n", 22, "write one of all, any, not, or a fact", ""),
    (
        "        - {fact: arguments.order.amount, g",
        "        - {not: {}, fact: arguments.order.amount, g",
        22,
        "says not and fact",
        "under `all:`",
    ),
    (
        "obligations: [review_after]",
        "obligations: [review_afterwards]",
        16,
        "'obligations 1' is",
        "write one of review_after",
    ),
    ("obligations: [review_after]", "obligations: [{count: 2}]", 16, "does not say its kind", "add `kind:`"),
    ("obligations: [review_after]", "obligations: [{kind: quorum, cnt: 2}]", 16, "'count' is missing", "add `count:`"),
    ("obligations: [review_after]", "obligations: [{kind: quorum, count: 0}]", 16, "greater than or equal to 1", ""),
    ("obligations: [review_after]", "obligations: [{kind: escalate, to: [ana]}]", 16, "'after' is missing", "30m"),
    (
        "obligations: [review_after]",
        "obligations: [{kind: escalate, to: [ana], after: 31d}]",
        16,
        "'after' is '31d', and not a time that can be waited",
        "at most 30d",
    ),
    (
        "obligations: [review_after]",
        "obligations: [{kind: escalate, to: [ana], after_s: 60}]",
        16,
        "unknown key 'after_s'",
        "write `after: 30m`",
    ),
    (
        "obligations: [review_after]",
        "obligations: [{kind: stages, stages: [{role: boss}]}]",
        16,
        "'role' is",
        "write one of approver, owner, operator",
    ),
    ("obligations: [review_after]", "obligations: [{kind: stages, stages: []}]", 16, "at least 1", ""),
    (
        "obligations: [review_after]",
        "obligations: [{kind: stages, stages: [{rol: owner}]}]",
        16,
        "unknown key 'rol'",
        "did you mean `role`?",
    ),
    ("obligations: [review_after]", "obligations: [sined]", 16, "'obligations 1' is", "signed"),
    ("    reason: A person looks at large refunds.\n", "", 17, "'reason' is missing", "add `reason:`"),
    ("    advice:", "    advise:", 25, "unknown key 'advise'", "did you mean `advice`?"),
    ("version: 1\n", "version: 1\ndata_flow: off\n", 2, "'data_flow' is", "write one of enforced, observed"),
    (
        "version: 1\n",
        "version: 1\nrisk: [{id: r, when: {fact: risk, equals: low}, risk: low}]\n",
        2,
        "'risk' is",
        "medium, high",
    ),
    ("version: 1\n", "version: 1\nvalidate: [{tool: Search, path: a, scheme: {}}]\n", 2, "'scheme'", "`schema`?"),
    ("version: 1\n", "version: 1\nprefer: [{id: p, weight: 0, reason: r}]\n", 2, "greater than or equal to 1", ""),
    ("version: 1\n", "version: 1\naddress_book: DE1\n", 2, "'address_book' must be a list", ""),
]


@pytest.mark.parametrize(("old", "new", "line", "message", "hint"), MISTAKES)
def test_mistake_in_a_policy_is_named_with_line_and_fix(old: str, new: str, line: int, message: str, hint: str) -> None:
    """Each message says what is wrong on which line, and what to write or read."""
    assert old in POLICY
    document, found = read_policy(parse_source(POLICY.replace(old, new, 1), "policy.yaml"))
    assert document is None
    about = [problem for problem in found if message in problem.message]
    assert [(line, "policy.yaml")] == [(problem.line, problem.file) for problem in about]
    assert hint in about[0].hint
    assert all(problem.hint for problem in found)


@pytest.mark.parametrize("text", ["", "- a", "rules", "7"])
def test_what_is_no_mapping_is_no_policy(text: str) -> None:
    """One problem, and what a policy begins with."""
    assert ["a policy is a mapping with `rules:`"] == [
        problem.message for problem in read_policy(parse_source(text, "policy.yaml"))[1]
    ]


def test_one_mistake_is_told_once_and_two_are_told_together() -> None:
    """Nobody runs the check once per mistake, nor reads the same one twice."""
    text = POLICY.replace("at_most: 50", "at_most: 50, all: []").replace("measure: sum", "measure: total")
    found = read_policy(parse_source(text, "policy.yaml"))[1]
    assert [14, 5] == [problem.line for problem in found]


def test_broken_policy_is_found_with_other_mistakes_of_the_folder(tmp_path: Path) -> None:
    """A policy that cannot be read keeps the agent from loading, and says where it is wrong."""
    folder = write(tmp_path, POLICY.replace("effect: permit", "effect: allow"))
    reading = read_agent(folder, None)
    assert reading.bundle is None
    assert [("policy.yaml", 12)] == [(Path(problem.file).name, problem.line) for problem in reading.problems]


MEANINGS = [
    ("id: refund-rest", "id: refund-small", 17, "the id refund-small is taken", "give every rule its own"),
    ("id: refund-rest", "id: scope", 17, "scope is the name of a built-in rule", "take another"),
    (
        "    tool: Refund\n    argument",
        "    tool: Refunds\n    argument",
        6,
        "not among the agent's",
        "did you mean Refund",
    ),
    ("    argument: order.amount\n", "", 4, "a sum adds up an argument", "add `argument:`"),
    (
        "argument: order.amount",
        "argument: order.amont",
        7,
        "Refund has no argument 'order.amont'",
        "did you mean amount?",
    ),
    ("argument: order.amount", "argument: order.id", 7, "is not a number", "policy.md"),
    ("per: agent", "same: [order.ID]", 9, "Refund has no argument 'order.ID'", "policy.md"),
    ("tool: Refund\n    when: {", "tool: [Search]\n    when: {", 14, "no fact 'arguments.order.amount'", ""),
    ("    tool: Refund\n    when: {", "    when: {", 13, "a rule about arguments names its tools", "add `tool:`"),
    ("arguments.order.amount, at_most", "arguments.order.amonut, at_most", 14, "no fact", "arguments.order.amount?"),
    ("at_most: 50", "at_most: fifty", 14, "'fifty' is not a plain number", "policy.md"),
    ("at_most: 50", 'matches: "5*"', 14, "'matches' does not fit", "use one of equals"),
    ("at_most: 50", "at_most: 50, default: 1", 14, "is always there", "leave out `default`"),
    ("fact: windows.refunds_today", "fact: windows.refunds_tody", 23, "no fact", "windows.refunds_today?"),
    ("{fact: windows.refunds_today, greater_than: 500}", "{fact: risk, equals: huge}", 23, "never 'huge'", ""),
    ("[review_after]", "[{kind: redact, fields: [ide]}]", 16, "the result of Refund has no 'ide'", "did you mean id?"),
    ("[review_after]", "[{kind: max_amount, argument: order.id, max: 9}]", 16, "is not a number", "policy.md"),
    ("effect: permit", "effect: forbid", 16, "what is forbidden is not done", "policy.md"),
    (
        "version: 1",
        "validate: [{tool: Search, path: a, schema: {type: string}}]",
        1,
        "leaves room for text",
        "policy.md",
    ),
    ("version: 1", 'address_book: [""]', 1, "is empty", "policy.md"),
]


@pytest.mark.parametrize(("old", "new", "line", "message", "hint"), MEANINGS)
def test_rule_that_does_not_fit_its_agent_is_named_with_line_and_fix(  # noqa: PLR0917
    tmp_path: Path, old: str, new: str, line: int, message: str, hint: str
) -> None:
    """Facts, types and tools are held against the contracts, and nothing is judged by a rule that does not fit."""
    assert old in POLICY
    reading = read_agent(write(tmp_path, POLICY.replace(old, new, 1)), None)
    assert reading.bundle is None
    about = [problem for problem in reading.problems if message in problem.message]
    assert (line, "policy.yaml") == (about[0].line, Path(about[0].file).name)
    assert hint in about[0].hint
    assert all(problem.hint for problem in reading.problems)


def test_rule_that_can_never_apply_is_a_mistake(tmp_path: Path) -> None:
    """Its author meant something else, and a policy that says less than it seems to is not loaded."""
    both = "all: [{fact: arguments.order.amount, at_most: 5}, {fact: arguments.order.amount, greater_than: 9}]"
    policy = POLICY.replace("{fact: arguments.order.amount, at_most: 50}", f"{{{both}}}")
    reading = read_agent(write(tmp_path, policy), None)
    assert reading.bundle is None
    assert [(14, True)] == [(one.line, "refund-small can never apply" in one.message) for one in reading.problems]
    assert "correct `when`, or leave the rule out" == reading.problems[0].hint


def test_rule_that_a_stronger_one_always_beats_is_a_mistake(tmp_path: Path) -> None:
    """It would look like a permission and be none."""
    policy = POLICY + "  - {id: nothing, effect: forbid, tool: Refund, reason: Not at all.}\n"
    reading = read_agent(write(tmp_path, policy), None)
    assert reading.bundle is None
    assert any("refund-small never decides anything" in problem.message for problem in reading.problems)


def test_rule_that_says_what_another_says_is_a_warning(tmp_path: Path) -> None:
    """The agent runs; `policy check` and `validate` tell."""
    again = "{id: more, effect: require_approval, tool: Refund, reason: Again., when: "
    folder = write(tmp_path, f"{POLICY}  - {again}{{fact: arguments.order.amount, greater_than: 60}}}}\n")
    reading = read_agent(folder, None)
    assert reading.bundle is not None
    assert [(26, True)] == [(one.line, "more adds nothing" in one.message) for one in reading.warnings]
    assert any("policy.yaml:26: more adds nothing" in note for note in validate(folder).notes)
    assert any("policy.yaml:26: more adds nothing" in note for note in validate(folder / "policy.yaml").notes)


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ("expect: allow", "expect: permit", 5, "'expect' is", "write one of allow, require_approval, deny"),
        ("expect: allow", "expct: allow", 5, "unknown key 'expct'", "did you mean `expect`?"),
        (
            "a refund of 60 waits for a person",
            "a refund of 40 is carried out",
            8,
            "stands here twice",
            "say what tells",
        ),
        ("    tool: Refund\n", "", 2, "'tool' is missing", "add `tool:`"),
        ("cases:", "case:", 1, "unknown key 'case'", "did you mean `cases`?"),
        ("[review_after]", "[review]", 7, "'obligations 1' is", "write one of review_after"),
    ],
)
def test_mistake_in_a_case_is_named_with_line_and_fix(old: str, new: str, line: int, message: str, hint: str) -> None:
    """A case that would test nothing is a mistake."""
    assert old in TESTS
    found = read_policy_tests(parse_source(TESTS.replace(old, new, 1), "t.yaml"))[1]
    about = [problem for problem in found if message in problem.message]
    assert [line] == [problem.line for problem in about]
    assert hint in about[0].hint


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("tool: Refund", "tool: Refnd", "clerk has no tool Refnd", "did you mean `Refund`?"),
        ("    expect: allow", "    facts: {iteratoin: 1}\n    expect: allow", "no fact 'iteratoin'", "`iteration`?"),
        ("    expect: allow", "    facts: {windows.today: 1}\n    expect: allow", "no fact 'windows.today'", ""),
        ("    expect: allow", "    facts: {arguments.x: 1}\n    expect: allow", "not given as a fact", "arguments:"),
        ("cases:", "facts: {labels.integrty: trusted}\ncases:", "no fact 'labels.integrty'", "`labels.integrity`?"),
    ],
)
def test_case_about_what_the_agent_does_not_have_is_refused(
    tmp_path: Path, old: str, new: str, message: str, hint: str
) -> None:
    """Misspelt tools and facts are found before a case passes for the wrong reason."""
    report = validate(write(tmp_path, tests=TESTS.replace(old, new, 1)))
    assert [message in problem.message and hint in problem.hint for problem in report.problems] == [True]


def test_validate_understands_a_policy_alone_and_in_its_folder(tmp_path: Path) -> None:
    """Alone it says that nothing was held against tools; in a folder it was."""
    folder = write(tmp_path)
    alone = tmp_path / "rules.yaml"
    alone.write_text(POLICY)
    reports = [validate(path) for path in (alone, folder / "policy.yaml", folder / "policy.tests.yaml", folder)]
    assert ["policy", "policy", "policy tests", "agent folder"] == [report.kind for report in reports]
    assert [(), (), (), ()] == [report.problems for report in reports]
    assert ["read alone" in " ".join(report.notes) for report in reports] == [True, False, False, False]
    assert "policy rules: refund-small (permit), refund-rest (require_approval)" in reports[3].understood
