"""A form for each command, made from the core's own model, and what comes of sending it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from application.context import Ask
from application.errors import InvalidInput, NotAllowed, NotFound, UseCaseError
from application.identity.names import names_in_register
from application.identity.passkeys import ANSWER
from application.identity.staff import staff_of
from application.input import forms
from application.pathway.as_said import keep_as_said
from application.pathway.command_catalog import (
    ALWAYS_ASKED,
    KINDS,
    TASK,
    CommandKind,
    as_task,
    choose_questionnaire,
    find_task,
    names_asked_for,
    require_role,
)
from application.pathway.commands import prepare, submit, wait_until_recorded
from application.pathway.wording import route_of
from application.questionnaires.folder import Folder
from application.questionnaires.wording import Wording
from application.reading.access_log import ActOn
from application.reading.history import load_history, read_journey
from application.sign_offs.consequences import SIGNED_FORMS
from application.words.codes import say
from application.words.viewer import viewers_zone, zone_of_browser
from console import corrections, names
from console.completing import complete
from console.drafts import ID, PERSON
from console.forms import ANSWERS, OBSERVED, Field, answers_of, as_said, fields_of, in_words, read_back
from console.going_back import KEY
from console.known_names import names_people, offer
from console.names import FormContext, standing_death
from console.pages import done, news, page
from console.sign_ins import Flash
from console.to_patients import title_of
from console.visits import Looks, Says, Visit, firsts
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import list_observers
from workflows.journey.commands import (
    SIGNED,
    Amend,
    AnyBody,
    DoubtDeath,
    KeepReport,
    Observe,
    RecordInstrument,
    RecordPlan,
    ReviewAccess,
)
from workflows.journey.events import Event, GlassBroken, InstrumentRecorded, SessionObserved
from workflows.journey.instruments import Instrument
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role
from workflows.journey.vocabulary.proof import WITHOUT_KEY
from workflows.journey.vocabulary.severity import Severity

router = APIRouter()
ONCE = "once"
"""The id of what a form sends is in its address (see `with_id`)."""
AFTER = "after"
"""The hidden control that says where somebody goes on: to the session room."""
WORDING = "wording"
"""The hidden control that says which words were shown: the digest of their file."""
CLOCK = "times_of"
"""The hidden control that says on whose clock times were shown: the name of a zone. They are read on the same, also
where whoever sends them is somewhere else by then, or the patient is."""
SENT_BEFORE = " It was sent before, and nothing new was sent now. If you mean it once more, open the form anew."
"""What is said where the same is sent again from a page that stood open, or that somebody went back to."""
UNANSWERED = "no question is answered", "Answer what you can, and send it again: what you leave out counts as no answer"
"""What is wrong with a questionnaire that nobody filled in, and what to do."""
BESIDE = ("form_token", PERSON, ID, AFTER, WORDING, CLOCK, "version", "signer", "passphrase")
"""The controls of a form beside its fields."""
CHOSEN = ("instrument", "version")
"""What is chosen first, where the fields of a form depend on it."""
NOT_KEPT = (ONCE, KEY, TASK, *CHOSEN)
"""What an address says of this form alone, and not of another one that is chosen there."""
NOT_ASKED: Mapping[Role, tuple[str, ...]] = {Role.OBSERVER: (OBSERVED,), Role.PATIENT: ("told_by", "told_over")}
"""Fields that somebody is not asked for: what clinical staff rate on a scale is nothing for the adult who stays with
the patient, and the patient speaks for themselves."""
BY_NAME = {kind.name: kind for kind in KINDS}


class Form(NamedTuple):
    """A form for one command of a journey. ``journey`` is None for somebody who may not look at it: to hold, to report
    harm and to call for help they need not. Times are on the clock of ``zone``. ``corrects`` is the recorded fact that
    it corrects; as long as none is chosen, ``choices`` are those it may correct. ``wording`` are the words of the
    questionnaire that it asks, if they are known here. ``filled`` is what the service fills in for them, and ``about``
    what it is about, in words. ``sent`` are the ids of what was recorded before. ``given`` is what
    the address says, with what its code stands for."""

    kind: CommandKind
    journey: Journey | None
    fields: tuple[Field, ...]
    zone: str
    corrects: Event | None = None
    choices: tuple[corrections.Correctable, ...] = ()
    wording: Wording | None = None
    filled: Mapping[str, Any] = MappingProxyType({})
    about: tuple[tuple[str, str], ...] = ()
    sent: frozenset[UUID] = frozenset()
    given: Mapping[str, str] = MappingProxyType({})

    @property
    def calls(self) -> bool:
        """Whether somebody calls for help with it."""
        return self.kind.noun in ("support", "crisis") and self.kind.model.by_anybody

    @property
    def questions(self) -> tuple[Field, ...]:
        """The items of the questionnaire that is answered in it; none where it asks none item by item."""
        return tuple(field for field in self.fields if field.path[-2:-1] == (ANSWERS,))


@router.get("/journeys/{journey_id}/{noun}/{verb}")
async def show_form(visit: Looks, journey_id: UUID, noun: str, verb: str) -> Response:
    if visit.by_script:
        return news(visit)
    given: Mapping[str, str] = visit.request.query_params
    once = command_id_of(given.get(ONCE))
    if once is None:
        return with_id(visit)
    form = await _form(visit, journey_id, noun, verb, given)
    if form.calls and once in form.sent:
        return with_id(visit)  # Somebody went back, or opened an address that they kept, to call once more.
    given = form.given
    values = {field.name: [given.get(field.name) or field.default] for field in form.fields}
    if form.corrects is not None:
        values |= corrections.recorded(form.corrects, form.fields, form.zone)
    if given.get(AFTER):
        values[AFTER] = [given[AFTER]]
    draft = visit.take_draft()
    if not draft:
        return _shown(visit, journey_id, form, values, once)
    entered = firsts(draft)
    if any(entered.get(name) != given.get(name) for name in CHOSEN if name in entered):
        # What was entered is of another questionnaire or fact than the address: answers stay with their questions.
        form = await _form(visit, journey_id, noun, verb, {**given, **entered})
    form = form._replace(zone=_clock_of(draft) or form.zone)
    # Perhaps it arrived, and only the answer did not: sent again it is the same.
    return _shown(visit, journey_id, form, draft, command_id_of(entered.get("command_id")) or once)


@router.post("/journeys/{journey_id}/{noun}/{verb}")
async def send(visit: Says, journey_id: UUID, noun: str, verb: str) -> Response:
    kind = BY_NAME.get(f"{noun}.{verb}")
    if kind is None or not kind.model.by_anybody:
        visit.require_working_session()
    form = await _form(visit, journey_id, noun, verb, firsts(visit.sent))
    once, strange = command_id(visit), _strange(form, visit.sent)
    if not strange and _is_unanswered(form, visit):
        return _shown(visit, journey_id, form, visit.sent, once, InvalidInput(*UNANSWERED))
    try:
        _require_same_words(form, visit)
        _require_known(form, strange)
        body = body_of(form, visit.sent)
    except InvalidInput as problem:
        async with visit.context() as context:
            said = as_said(form.fields, visit.sent, form.zone, strange)
            problem.state = await keep_as_said(context, form.kind, journey_id, said, problem, once) or problem.state
        return _shown(visit, journey_id, form, visit.sent, once, problem)
    try:
        async with visit.context(answers_from(visit)) as context:
            command, known = await prepare(context, form.kind, journey_id, body, once)
            accepted = await submit(context, journey_id, command)
            recorded = await wait_until_recorded(context, accepted, known)
    except UseCaseError as error:
        # What was entered stays on the page, to be corrected and sent again under the same id.
        return _shown(visit, journey_id, form, visit.sent, once, error)
    more = []
    if visit.signed_in.person.role in STAFF_ROLES:
        more = [("recorded at position", str(recorded.position)), ("version", str(accepted.version))]
    route = None if recorded.journey is None else route_of(recorded.journey, command)
    if route is not None:
        more.insert(0, ("whom to reach now", route))
    title = title_of(form.kind, visit.signed_in.person.role)
    notice = Flash(f"Done: {title}.{SENT_BEFORE if once in form.sent else ''}", tuple(more))
    visit.signed_in.notice = notice
    onward = f"/journeys/{journey_id}" if recorded.theirs or visit.signed_in.passage is not None else "/work"
    if visit.value(AFTER) == "room":
        onward = f"/journeys/{journey_id}/room"
    return done(notice, onward) if visit.by_script else RedirectResponse(onward, 303)


def body_of(form: Form, sent: Mapping[str, Sequence[str]]) -> AnyBody:
    """Return the command that a browser sent with a form.

    Raises:
        InvalidInput: it cannot be read, or does not fit.
    """
    content = {**form.filled, **read_back(form.fields, sent, form.zone)}
    asked = content if form.corrects is None else content.setdefault(corrections.CORRECTION, {})
    if form.wording is not None and (form.questions or _rates_in_words(form.wording, asked, sent)):
        asked["wording"] = form.wording.name
    if form.corrects is not None and form.journey is not None:
        corrections.name_fact(content, form.corrects)
        complete(content[corrections.CORRECTION], corrections.FORMS[type(form.corrects.body)], form.journey)
    elif form.journey is not None:
        complete(content, form.kind.model, form.journey)
    return cast("AnyBody", forms.check(form.kind.model, content, {"kind": form.kind.name}, templated=False))


def _rates_in_words(wording: Wording, asked: Mapping[str, Any], sent: Mapping[str, Sequence[str]]) -> bool:
    """Whether an observation rates what it may rate, in the words that were shown. It is never refused for other words:
    those that were shown are not known then."""
    return OBSERVED in asked and firsts(sent).get(WORDING) == wording.sha256


async def _form(visit: Visit, journey_id: UUID, noun: str, verb: str, given: Mapping[str, str]) -> Form:
    """Return the form of a command, in the words of the journey's protocol for those who may look at it. What is
    ``given`` may say what it depends on: a questionnaire, or the version that is corrected.

    Raises:
        NotFound, NotAllowed: there is no such command or journey, or it is not theirs to send.
    """
    kind = BY_NAME.get(f"{noun}.{verb}")
    if kind is None:
        raise NotFound("there is no such form", "Choose one on the patient's page")
    known: FormContext | None = None
    filled: dict[str, Any] = {}
    async with visit.context() as context:
        require_role(context.actor, kind)
        query = ActOn(action=f"{noun} {verb}", journey_id=journey_id)
        try:
            events, read, *_ = await read_journey(context, query, journey_id, participants=True)
            given = {**find_task(read, kind, given.get(TASK)), **given}
            instrument = _instrument_in(kind, given)
            asks = names_people(kind.model) or kind.model is Amend
            staff = staff_of(context, read.clinic) if asks and context.person.role in STAFF_ROLES else None
            called, whole = names_in_register(context), context.person.role != Role.OBSERVER
            known = FormContext(
                read, events, staff, whole=whole, called=called, instrument=instrument, now=context.now()
            )
        except NotAllowed:
            events, read, *_ = await load_history(context, journey_id)  # They are shown nothing of it.
            if not (kind.model.by_anybody or _tells_later(visit, kind, read)):
                raise
            instrument = _instrument_in(kind, given)
        if kind.model is DoubtDeath and (known is None or not known.whole):
            # They cannot say which.
            filled = {"death": standing_death(read)}
    sent = frozenset(event.command_id for event in events)
    journey = None if known is None else known.journey
    words = ALWAYS_ASKED.get(kind.model, {}) if journey is None else names_asked_for(kind, journey)
    fields = offer(fields_of(kind.model, words), kind.model, known)
    fields = tuple(field for field in fields if field.name not in filled)
    role = visit.signed_in.person.role
    if kind.model is KeepReport and role not in STAFF_ROLES:
        fields = tuple(_of_their_forms(field, role) if field.name == "about" else field for field in fields)
    wording = None
    fields = those_asked_of(role, fields)
    if kind.model is Observe and journey is not None:
        wording = words_of(visit, Instrument.CADSS_6, journey)
        fields = in_words(fields, wording, OBSERVED)
    if instrument is not None:
        wording = None if journey is None else words_of(visit, instrument, journey)
        answers = answers_of(instrument, wording)
        fields = (*(field for field in fields if field.path[0] != ANSWERS), *answers)
    if kind.model is RecordPlan and journey is not None:
        # It may be absent, with the reason in another field.
        therapy = ("plan", "components", journey.protocol.care_plan.therapy)
        fields = tuple(field._replace(required=field.required and field.path != therapy) for field in fields)
    zone = _clock_of(visit.sent) or (str(viewers_zone().key) if journey is None else journey.patient.zone)
    if kind.model is ReviewAccess and known is not None:
        return Form(kind, journey, fields, zone, about=_access(known, given.get("access")), sent=sent, given=given)
    if kind.model is not Amend or known is None:
        return Form(kind, journey, fields, zone, filled=filled, wording=wording, sent=sent, given=given)
    fact = corrections.fact_at(known.events, given.get("version"))
    if fact is None:
        return Form(kind, journey, (), zone, choices=corrections.choices(known.events, zone))
    if isinstance(fact.body, InstrumentRecorded):
        wording = words_of(visit, fact.body.instrument, known.journey)
    if isinstance(fact.body, SessionObserved):
        wording = words_of(visit, Instrument.CADSS_6, known.journey)
    fields, about = corrections.fields_for(fact, known, wording), corrections.not_kept(fact)
    return Form(kind, journey, fields, zone, corrects=fact, wording=wording, about=about, sent=sent, given=given)


def _instrument_in(kind: CommandKind, given: Mapping[str, str]) -> Instrument | None:
    """Return the questionnaire that is chosen in a form of one; None where none is."""
    chosen = given.get("instrument") if kind.model is RecordInstrument else None
    return Instrument(chosen) if chosen in tuple(Instrument) else None


def _tells_later(visit: Visit, kind: CommandKind, journey: Journey) -> bool:
    """Whether somebody who was named as observer sends a fact. They may have entered it before their session was over,
    and are shown nothing of it any more: whether it counts, or is kept as a report, the journey says."""
    person = visit.signed_in.person
    named = person.role == Role.OBSERVER and person.id in list_observers(journey)
    return named and kind.model.fact and visit.request.method == "POST"


def those_asked_of(role: Role, fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return the fields of a form that somebody in this role is asked for."""
    return tuple(field for field in fields if field.path[0] not in NOT_ASKED.get(role, ()))


def _of_their_forms(field: Field, role: Role) -> Field:
    """Have somebody choose what a report is about among the forms that their role may send, by what it calls them."""
    theirs = {name: title_of(BY_NAME[name], role) for name in field.choices if role in BY_NAME[name].roles}
    return field._replace(choices=tuple(theirs), labels=theirs)


def _clock_of(entered: Mapping[str, Sequence[str]]) -> str | None:
    """Return the zone on whose clock times were shown in what was entered; None where it says none that is known."""
    named = next(iter(entered.get(CLOCK, ())), "")
    return None if zone_of_browser(named) is None else named


def _access(known: FormContext, access: str | None) -> tuple[tuple[str, str], ...]:
    """Say who looked in an emergency, when and why; of each that waits for its review, where none is named."""
    waiting, found = names.accesses(known), []
    for event in known.events:
        body = event.body
        if isinstance(body, GlassBroken) and body.access in waiting and access in (None, body.access):
            found += [
                ("who looked", f"{say(event.actor_role.value)} {known.called(event.actor_id)}"),
                ("when", known.at(event.at)),
                ("their reason", body.reason),
            ]
    return tuple(found)


def words_of(visit: Visit, instrument: Instrument, journey: Journey) -> Wording | None:
    """Return the words in which the patient of a journey is asked a questionnaire, if the clinic has them here."""
    folder: Folder = visit.request.app.state.questionnaires
    return folder.words_for(instrument, journey.clinic, journey.patient.language)


def _require_same_words(form: Form, visit: Visit) -> None:
    """Require that what is answered is what was shown.

    Raises:
        InvalidInput: the words are others now.
    """
    if form.questions and (visit.value(WORDING) or "") != ("" if form.wording is None else form.wording.sha256):
        raise InvalidInput(
            "the words of this questionnaire have changed since this page was loaded",
            "Read them, look your answers over, and send them again",
        )


def _strange(form: Form, sent: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what was filled in that this form does not ask for: it was another one when its page was loaded."""
    known = {*BESIDE, *(field.name for field in form.fields)}
    return tuple(
        name
        for name, values in sent.items()
        if name not in known and not name.startswith(ANSWER) and any(map(str.strip, values))
    )


def _require_known(form: Form, strange: Sequence[str]) -> None:
    """Require that all that was filled in is taken: nothing of it is left out without a word. What anybody may send, to
    stop care or to call for help, goes all the same.

    Raises:
        InvalidInput: the form is another one now.
    """
    if strange and not form.kind.model.by_anybody:
        raise InvalidInput(
            "this form has changed since its page was loaded, and asks no more for some of what you entered",
            "What it still asks for is filled in below. Look it over, and send it again",
        )


def _is_unanswered(form: Form, visit: Visit) -> bool:
    """Whether a form asks questions, and none is answered. What is missing is not negative: recorded, or kept as it was
    said, it would hold care and page clinicians for a button that was touched."""
    return bool(form.questions) and not any((visit.value(each.name) or "").strip() for each in form.questions)


def _shown(
    visit: Visit, journey_id: UUID, form: Form, values: Any, command_id: UUID, error: UseCaseError | None = None
) -> Response:
    choosing = form.kind.model is RecordInstrument and any(field.name == ANSWERS for field in form.fields)
    return page(
        visit.request,
        "form.html",
        visit.signed_in,
        form=form,
        journey_id=journey_id,
        values=values,
        command_id=command_id,
        error=error,
        instruments=_questionnaires(form, visit.signed_in.person.role) if choosing else {},
        choice=TASK if visit.signed_in.person.role in WITHOUT_KEY else "instrument",
        signed=form.kind.model in SIGNED,
        follows=SIGNED_FORMS.get(form.kind.model),
        by_anybody=form.kind.model.by_anybody,
        kept={name: value for name, value in visit.request.query_params.items() if name not in NOT_KEPT},
        route=_whom_to_call(form),
    )


def _questionnaires(form: Form, role: Role) -> dict[str, str]:
    """Return what an address says of each questionnaire that somebody may choose: its name, or its code."""
    if role not in WITHOUT_KEY or form.journey is None:
        return {each: each for each in Instrument}
    return {each: as_task(form.journey, choose_questionnaire(each))[1][TASK] for each in Instrument}


def _whom_to_call(form: Form) -> str | None:
    """Return whom to call where a call for help cannot be sent; None where the form is none, or nobody is known."""
    if form.journey is None or form.kind.noun not in ("support", "crisis"):
        return None
    return form.journey.protocol.contact_routes[Severity.EMERGENCY]


def with_id(visit: Visit) -> Response:
    """Lead to the same address with an id in it, so that whoever goes back and sends a form again sends the same."""
    given = [(name, value) for name, value in visit.request.query_params.multi_items() if name != ONCE]
    return RedirectResponse(f"{visit.request.url.path}?{urlencode([*given, (ONCE, uuid4())])}", 303)


def command_id_of(text: str | None) -> UUID | None:
    """Return the id of a command; None where it is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


def command_id(visit: Visit) -> UUID:
    """Return the id of the command that a form sends.

    Raises:
        InvalidInput: it has none.
    """
    once = command_id_of(visit.value("command_id"))
    if once is None:
        raise InvalidInput("this form is not complete", "Load the page again, and send it from there")
    return once


def answers_from(visit: Visit) -> Ask:
    """Return what answers a use case's questions from the form: the person's id, and their passphrase."""

    def answer(question: str, *, secret: bool = False) -> str:  # noqa: ARG001 - the form of `Ask`
        given = visit.sent.get("passphrase" if secret else "signer", [""])
        return given[0]

    return answer
