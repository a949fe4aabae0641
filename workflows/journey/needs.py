"""What a journey waits for now: what every stage needs, as far as it is still awaited once the pathway ends."""

from collections.abc import Callable, Iterator

from workflows.journey.aggregate import Journey
from workflows.journey.always.access import rules as access
from workflows.journey.always.adverse_events import rules as adverse_events
from workflows.journey.always.corrections import rules as corrections
from workflows.journey.always.death import rules as death
from workflows.journey.always.dose_limits import rules as dose_limits
from workflows.journey.always.handover import rules as handover
from workflows.journey.always.holds import rules as holds
from workflows.journey.always.medicines import rules as medicines
from workflows.journey.always.observations import rules as observations
from workflows.journey.always.particulars import rules as particulars
from workflows.journey.always.patient import rules as patient
from workflows.journey.always.permissions import rules as permissions
from workflows.journey.always.pregnancy import rules as pregnancy
from workflows.journey.always.reports import rules as reports
from workflows.journey.always.safety import rules as safety
from workflows.journey.always.supply import rules as supply
from workflows.journey.entries import as_entries
from workflows.journey.obligation_types import LEFTOVERS, OBLIGATION_TYPES, RETURNED, WITNESS, Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import recalled
from workflows.journey.requirements import Needs, Requirement, as_needs
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.stages.education import rules as education
from workflows.journey.stages.evaluation import rules as evaluation
from workflows.journey.stages.follow_up import rules as follow_up
from workflows.journey.stages.screening import rules as screening
from workflows.journey.stages.sessions import rules as sessions
from workflows.journey.vocabulary.actors import Role
from workflows.journey.watch import contact_outlasts, ended

NEEDS = (
    evaluation.needs,
    screening.needs,
    education.needs,
    sessions.needs,
    follow_up.needs,
    medicines.needs,
    supply.needs,
    pregnancy.needs,
    permissions.needs,
    particulars.needs,
    safety.needs,
    death.needs,
    observations.needs,
    handover.needs,
    adverse_events.needs,
    holds.needs,
    patient.needs,
    corrections.needs,
    dose_limits.needs,
)


EACH_NEEDS = (*education.EACH_NEEDS, *follow_up.EACH_NEEDS, *safety.EACH_NEEDS, *reports.EACH_NEEDS, *access.EACH_NEEDS)


def group_needs(journey: Journey) -> tuple[Needs, ...]:
    """Return everything the journey waits for now, in groups. A group is the same object as long as nothing has changed
    of what it is worked out from."""
    read = ((each, tuple(_read(journey, name) for name in each.reads)) for each in EACH_NEEDS)
    pages = (
        page.recall(each.of_page, *given)
        for each, given in read
        for page in as_entries(getattr(journey, each.field)).pages
    )
    stages = (_needs(journey, stage) for stage in NEEDS)
    groups = tuple(group for group in (*pages, *stages) if group.by_id)
    if journey.closing is None:
        return groups
    needed = (need for group in groups for need in group.by_id.values())
    return (as_needs(need for need in needed if outlasts_of(journey, need) >= ended(journey)),)


def _read(journey: Journey, name: str) -> object:
    """Return a field that is read; of the people who are asked, nobody who has left."""
    value = getattr(journey, name)
    return None if name in ("clinician", "coordinator") and journey.has_left(value, Role(name)) else value


def needs(journey: Journey) -> Iterator[Requirement]:
    """Return everything the journey waits for now."""
    for group in group_needs(journey):
        yield from group.by_id.values()


@recalled
def _needs(journey: Journey, stage: Callable[[Journey], Iterator[Requirement]]) -> Needs:
    return as_needs(
        need.model_copy(update={"person": None})
        if need.person is not None and journey.has_left(need.person, need.owner)
        else need
        for need in stage(journey)
    )


def wanted_now(journey: Journey) -> dict[str, Requirement]:
    """Return what is to be awaited now, by its id: everything that is needed, but for care while it is held."""
    return {need.id: need for need in needs(journey) if not (need.care and journey.held)}


def outlasts_of(journey: Journey, need: Requirement) -> Outlasts:
    """Return how far something is still awaited once the pathway ends. A returned request goes as far as the request,
    and the witness of a disposal as far as the doses that are left: they count as there until then. Contacts after a
    dose go on as long as the protocol says that they are owed."""
    contact = journey.contacts.get(need.subject or "")
    if contact is not None and (owed := contact_outlasts(journey, contact)):
        return owed
    if need.kind == RETURNED.kind and need.subject:
        return SIGN_OFF_TYPES[SignOffKind(need.subject.partition(":")[0])].outlasts
    if need.kind == WITNESS.kind and need.subject in journey.disposals:
        return LEFTOVERS.outlasts
    return SIGN_OFF_TYPES[need.sign_off].outlasts if need.sign_off else OBLIGATION_TYPES[need.kind].outlasts
