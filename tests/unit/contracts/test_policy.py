import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.policy import OPERATORS, PolicyDocument

CONDITIONS = st.recursive(
    st.builds(
        lambda operator, default: {"fact": "f", operator: True if operator == "exists" else ["a"], **default},
        st.sampled_from(sorted(set(OPERATORS) - {"matches"})),
        st.sampled_from([{}, {"default": None}, {"default": 1}]),
    ),
    lambda inner: (
        st.builds(lambda part: {"not": part}, inner)
        | st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_policy_is_read_again_from_the_store_as_it_was_written(when: dict[str, object]) -> None:
    """A pinned bundle says what its document said: the same words, and no operator that nobody gave."""
    document = PolicyDocument.model_validate({"rules": [{"id": "r", "effect": "permit", "reason": "x", "when": when}]})
    bundle = AgentBundle(manifest=AgentManifest(name="a", autonomy="suggest"), policy=document, tools=())
    for read in (
        AgentBundle.model_validate(bundle.model_dump(mode="json")),
        AgentBundle.model_validate_json(bundle.model_dump_json()),
    ):
        assert bundle == read
        assert read.policy is not None
        assert when == read.policy.model_dump(mode="json")["rules"][0]["when"]


@pytest.mark.parametrize(
    "part",
    [
        {"validate": [{"tool": "T", "path": "p", "schema": {"enum": [1]}}]},
        {"windows": [{"id": "w", "measure": "count", "tool": ["A", "B"], "within_s": 60}]},
        {"rules": [{"id": "r", "effect": "forbid", "reason": "x", "tool": "A"}]},
        {
            "prefer": [{"id": "p", "reason": "x"}],
            "risk": [{"id": "k", "when": {"fact": "f", "in": [1]}, "risk": "high"}],
        },
    ],
)
def test_every_part_of_a_policy_is_read_again_as_it_was_written(part: dict[str, object]) -> None:
    """Keys are the document's words when written, too."""
    document = PolicyDocument.model_validate(part)
    assert document == PolicyDocument.model_validate(document.model_dump(mode="json"))
