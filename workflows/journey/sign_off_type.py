"""What is asked of a kind of sign-off.

Who may sign, within which time and whether two people have to, is the clinic's: its protocol says so under the
name of the kind. What stands between a request and its approval is said by the stage it belongs to.

Sources: 21 CFR 11.50 (a signature has a meaning) and 11.70 (it is bound to exactly what was signed); "a clinician
determines appropriateness on a case-by-case basis": nothing here approves, it says what an approval brings about.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.obligation_types import Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.clinical import IN_CLINIC
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.journey.vocabulary.stage import Outcome

Content = dict[str, Any]
Contents = Callable[[Journey, str | None], Content]
Authors = Callable[[Journey, str | None], tuple[str, ...]]
Effect = Callable[[Journey, e.SignedOff], Iterator[e.EventBody]]


def _nobody(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffType:
    """All that is asked of one kind of sign-off.

    - ``request``: what is asked for, in words; ``{subject}`` stands for what it is about, ``{name}`` for
      its id as people say it, where several may be asked for beside each other.
    - ``meaning``: what signing it means; the only one a protocol may state.
    - ``content``: what of the journey a signature covers, besides the evidence of the kinds it ``rests_on``.
    - ``authors``: who wrote what is decided on, the latest last; ``written_by``: how many may have.
    - ``returns_to_author``: a request that comes back with a question goes to them, not to the journey's clinician.
    - ``choices``: what an approval can choose from, and the outcome of a choice that ends the pathway.
    - ``approval``: what follows at once from approving. Without it the gates read the decision when care would go on.
    - ``declining``: ``stands`` until the evidence changes; ``asks_again`` on a fresh clock, because it means "not
      yet"; ``ends`` the pathway, because this treatment is not for this patient.
    - ``reasoned``: an approval needs its reason too. Every other decision always does.
    - ``two_people``: a protocol must name a second person for it.
    - ``opens_care``: an approval lets something go on, or end: none over a correction that nobody confirmed. Choices
      that end the pathway do so anyway.
    - ``urgent``: never waits for opening hours.
    - ``care``: the request waits while care is held; what concerns safety does not.
    - ``outlasts``: how far it is still asked for once the pathway ends.
    """

    kind: SignOffKind
    request: str
    meaning: Meaning
    content: Contents
    rests_on: tuple[SignOffKind, ...] = ()
    authors: Authors = _nobody
    written_by: Literal["nobody", "one", "several"] = "nobody"
    returns_to_author: bool = False
    choices: Mapping[str, Outcome | None] = field(default_factory=dict)
    approval: Effect | None = None
    declining: Literal["stands", "asks_again", "ends"] = "stands"
    reasoned: bool = False
    two_people: bool = False
    opens_care: bool = False
    urgent: bool = False
    care: bool = True
    outlasts: Outlasts = Outlasts.NOTHING

    def ending(self, journey: Journey, decision: str, choice: str | None) -> Outcome | None:
        """How a decision of this kind ends the pathway because of what it says, if it does. Care in a clinic ends it
        only where the protocol has no sessions there."""
        if decision == "decline":
            return Outcome.INELIGIBLE if self.declining == "ends" else None
        ends = self.choices.get(choice or "") if decision == "approve" else None
        return None if ends == Outcome.IN_CLINIC and IN_CLINIC in journey.protocol.sessions.settings else ends
