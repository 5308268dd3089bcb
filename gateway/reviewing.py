"""People's verdicts on what an agent proposed or did: the evidence that its autonomy rests on."""

from proctor.contracts.errors import InvalidInput, UnknownName
from proctor.contracts.governing import Review, ReviewVerdict
from proctor.contracts.governing_ports import AutonomyRecord
from proctor.contracts.human import Principal

SHORTEST_PREFIX = 8
LONGEST_REASON = 500


async def find_review(record: AutonomyRecord, review_id: str) -> Review:
    """Find a review, decided or not, by its id or a unique prefix of at least 8 characters. Raises `UnknownName`."""
    known = await record.reviews(None, open_only=False)
    exact = [review for review in known if review.id == review_id]
    begun = [review for review in known if len(review_id) >= SHORTEST_PREFIX and review.id.startswith(review_id)]
    found = exact or begun
    if len(found) != 1:
        problem = f"{len(found)} reviews begin with" if found else "there is no review"
        raise UnknownName(f"{problem} {review_id}", hint="`proctor reviews --all` lists them")
    return found[0]


async def give_verdict(
    record: AutonomyRecord, review_id: str, verdict: str, *, by: Principal, reason: str = ""
) -> Review:
    """Record a verdict, once. Whoever does not agree says why: the owner of the agent has to mend something.

    Raises:
        InvalidInput: there is no such verdict, or no reason. `UnknownName`: there is no such review.
        NotAuthorised: `by` is neither approver nor owner, or asked for the run.
        Refused: it is decided already.

    """
    word, told = _verdict(verdict), reason.strip()
    if len(told) > LONGEST_REASON:
        raise InvalidInput(f"the reason may have {LONGEST_REASON} characters", hint="say in a line why")
    if not told and word is not ReviewVerdict.AGREE:
        raise InvalidInput(f"`{word}` needs a reason", hint="--reason says what was wrong")
    review = await find_review(record, review_id)
    return await record.review(review.id, word, by, told)


def _verdict(word: str) -> ReviewVerdict:
    try:
        return ReviewVerdict(word)
    except ValueError as error:
        raise InvalidInput(f"{word!r} is no verdict", hint=f"one of {', '.join(ReviewVerdict)}") from error
