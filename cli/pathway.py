"""`pathway`: start journeys, list them, and look at one as recorded, even while Temporal is down."""

from datetime import datetime
from typing import Annotated

import typer

from application.input.numbers import number_in
from application.pathway.show import (
    Compared,
    CompareMoments,
    Explained,
    ExplainEvent,
    JourneyAt,
    ShowJourney,
    ShowPatientView,
    ShowReasons,
    ShowTimeline,
    Timeline,
    UnreadEvent,
    WholeRecord,
    compare_moments,
    explain_event,
    show_journey,
    show_patient_view,
    show_reasons,
    show_timeline,
)
from application.pathway.wording import describe_obligations
from application.reading.history import MOMENT
from application.words.codes import say
from application.words.events import title_of_event
from application.words.lines import describe_change
from application.words.rules import title_of_rule
from application.words.terms import terms_of_journey
from application.words.titles import URGENCIES
from application.words.viewer import shown_at
from application.work.caseload import CasePage, ListJourneys, PastPage, list_journeys
from application.work.worklist import MOST
from cli import render, runtime
from cli.input import check_options, journey_id, moment
from cli.output import Output, add_row, facts_box, local_time, table
from cli.references import NONE_KNOWN, Known, references_of
from cli.runtime import Call, command
from cli.start import start
from workflows.journey.events import Event
from workflows.journey.views.patient_view import PatientSummary
from workflows.journey.vocabulary.stage import Stage

At = Annotated[str | None, typer.Option("--at", metavar="VERSION|TIME", help=MOMENT, show_default=False)]
Corrected = Annotated[
    bool, typer.Option("--corrected", help="With --at: with later corrections of what was recorded by then.")
]


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("start")(command(start, to_act=True, json_if=("template", "schema")))
    group.command("list")(command(list_, to_look=True))
    group.command("show")(command(show, to_look=True))
    group.command("timeline")(command(timeline, to_look=True))
    group.command("why")(command(why, to_look=True))
    group.command("patient-view")(command(patient_view, to_look=True))
    group.command("explain")(command(explain, to_look=True))
    group.command("diff")(command(diff, to_look=True))


async def list_(
    call: Call,
    stage: Annotated[str | None, typer.Option(metavar="STAGE", help=f"One of: {', '.join(Stage)}.")] = None,
    pathway: Annotated[str | None, typer.Option(metavar="PATHWAY", help="The name of a pathway, such as PTSD.")] = None,
    awaits: Annotated[str | None, typer.Option(metavar="ROLE", help="Who is awaited first.")] = None,
    clinic: runtime.Clinic = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is past due.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Closed journeys too.")] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="POSITION|TIME",
            help="As was known after this position of the record, or at this time (yours, without an offset).",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="At most so many on a page.")] = 50,
    after: runtime.After = None,
) -> None:
    """List journeys, the oldest first: where each stands, who is awaited first, and until when.

    With --at, where each stood as was known then, in the order of their ids. A time means when things were decided, as
    in `pathway show --at`; a position means what was recorded up to it.
    """
    options = {"stage": stage, "pathway": pathway and pathway.upper(), "awaits": awaits, "clinic": clinic}
    query = check_options(ListJourneys, options)
    then = None if at is None else _moment(at)
    more = {"overdue": overdue, "closed": closed, "at": then, "limit": limit, "after": after}
    found = await list_journeys(call.context, query.model_copy(update=more))
    render_journeys(call.output, found, await references_of(call, found.answer.rows))


def _moment(at: str) -> int | datetime:
    position = number_in(at)
    return moment("--at", at) if position is None else position


def render_journeys(output: Output, page: CasePage | PastPage, known: Known = NONE_KNOWN) -> None:
    """Show a page of journeys."""
    answer, true = page.answer, page.true
    past = page.moment if isinstance(page, PastPage) else None
    if output.json_only:
        then = {} if past is None else {"at": past if isinstance(past, int) else past.isoformat()}
        rows = [case.model_dump(mode="json") for case in answer.rows]
        if isinstance(page, CasePage):
            rows = [{**row, "overdue": page.is_overdue(case)} for row, case in zip(rows, page.answer.rows, strict=True)]
        output.data({**render.freshness(true), **then, "next": answer.next, "rows": rows})
        return
    output.illustrative(any(case.illustrative for case in answer.rows))
    named = output.named
    drawn = render.cases(page, known, named) if isinstance(page, CasePage) else render.past_cases(page, known, named)
    output.show(drawn)
    if past is not None:
        output.note(f"As was known {f'after position {past}' if isinstance(past, int) else local_time(past)}.")
    output.freshness(true)
    output.more(answer.next)


async def show(call: Call, journey: runtime.JourneyId, at: At = None, corrected: Corrected = False) -> None:
    """Show where a journey stands, as recorded; with --at, as it was known at a version or a time."""
    query = ShowJourney(journey_id=journey_id(journey), at=at, corrected=corrected)
    render_journey(call.output, await show_journey(call.context, query))


def render_journey(output: Output, shown: JourneyAt) -> None:
    """Show where a journey stands or stood."""
    if output.json_only:
        output.data(render.summary(shown.journey) | {"unproven_sessions": sorted(shown.unproven)})
        return
    output.illustrative(shown.journey.illustrative)
    output.show(*render.overview(shown.journey, shown.at, shown.unproven, output.named))


async def timeline(call: Call, journey: runtime.JourneyId) -> None:
    """Show what happened in a journey, oldest first, as recorded."""
    render_timeline(call.output, await show_timeline(call.context, ShowTimeline(journey_id=journey_id(journey))))


def render_timeline(output: Output, shown: Timeline) -> None:
    """Show what happened in a journey."""
    if output.json_only:
        output.data([_event(event) | _marks(event.version, shown) for event in shown.events])
        return
    output.illustrative(shown.illustrative)
    output.show(render.timeline(shown.events, shown.zone, shown.late, shown.unproven, output.named))


def render_record(output: Output, shown: WholeRecord) -> None:
    """Show again what somebody printed: what happened in a journey."""
    journey = shown.journey
    seen = Timeline(shown.events, journey.patient.zone, shown.late, journey.illustrative, shown.unproven)
    render_timeline(output, seen)


def _event(event: Event | UnreadEvent) -> dict[str, object]:
    if isinstance(event, Event):
        return event.model_dump(mode="json")
    at = None if event.at is None else event.at.isoformat()
    return {**event._asdict(), "at": at, "unreadable": True}


def _marks(version: int, shown: Timeline) -> dict[str, bool]:
    marks = {"recorded_late": shown.late, "not_proven": shown.unproven}
    return {name: True for name, versions in marks.items() if version in versions}


async def why(call: Call, journey: runtime.JourneyId) -> None:
    """Say why this patient is waiting: what is awaited, of whom, since, until when, and what comes next."""
    render_reasons(call.output, await show_reasons(call.context, ShowReasons(journey_id=journey_id(journey))))


def render_reasons(output: Output, shown: JourneyAt) -> None:
    """Show why a journey waits."""
    journey = shown.journey
    said = list(describe_obligations(journey, shown.at))
    if output.json_only:
        awaited = render.summary(journey)["obligations"]
        told = {"illustrative": journey.illustrative, "sentences": said, "obligations": awaited}
        output.data(told | {"unproven_sessions": sorted(shown.unproven)})
        return
    output.illustrative(journey.illustrative)
    for sentence in (*(render.not_proven(f"Session {number}") for number in sorted(shown.unproven)), *said):
        output.text(f"• {sentence}")


async def patient_view(call: Call, journey: runtime.JourneyId) -> None:
    """Show what the patient sees: where they stand, what is next, and whom to reach. For: the patient, and staff."""
    render_patient_view(
        call.output, await show_patient_view(call.context, ShowPatientView(journey_id=journey_id(journey)))
    )


def render_patient_view(output: Output, seen: PatientSummary) -> None:
    """Show what a patient sees of their journey."""
    if output.json_only:
        output.data(seen.model_dump(mode="json"))
        return
    output.illustrative(seen.illustrative)
    known: dict[str, object] = {"where you are": seen.where, "what is next": seen.next}
    if seen.step is not None:
        place = f"{seen.steps.index(seen.step) + 1} of {len(seen.steps)}"
        known = {"step": f"{place}: {say(seen.step)}", **known}
    asked = [f"{task.what}, by {shown_at(task.due, seen.zone)}" for task in seen.tasks]
    known |= {"asked of you": "\n".join(asked) or "nothing now", "your care": seen.part_of_care}
    output.show(facts_box(known, f"{seen.organisation} · {seen.title}"))
    balance = table("about", "what it may do for you", "its limits")
    for topic, told in seen.topics.items():
        add_row(balance, say(topic), told.benefit, told.limitation)
    reach = {URGENCIES[urgency]: route for urgency, route in seen.whom_to_reach.items()}
    output.show(balance, facts_box(reach, "whom to reach"))
    output.text(f"{seen.disclaimer} {seen.organisation}")


async def explain(
    call: Call,
    journey: runtime.JourneyId,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The event; see `pathway timeline`.")],
) -> None:
    """Say why an event is in the record: who asked for what, and which rule made what followed."""
    query = ExplainEvent(journey_id=journey_id(journey), version=version)
    render_explanation(call.output, await explain_event(call.context, query))


def render_explanation(output: Output, shown: Explained) -> None:
    """Show why an event is in the record."""
    explained, journey, unproven = shown
    if output.json_only:
        marks = [each.version for each in explained.chain if each.version in unproven]
        output.data(explained.model_dump(mode="json") | {"not_proven": marks})
        return
    output.illustrative(journey.illustrative)
    said = {
        "event": title_of_event(explained.kind),
        "at": shown_at(explained.at, journey.patient.zone),
        "asked by": f"{say(explained.actor_role.value)} {output.named(explained.actor_id)}",
        "command": explained.command_id,
    }
    output.show(facts_box(said, f"Version {explained.version} of journey {journey.id}"))
    chain = table("version", "event", "because", title="How it came about")
    for each in explained.chain:
        what = title_of_event(each.kind)
        what = render.not_proven(what) if each.version in unproven else what
        add_row(chain, each.version, what, title_of_rule(each.rule))
    output.show(chain)


async def diff(
    call: Call,
    journey: runtime.JourneyId,
    earlier: Annotated[str, typer.Argument(metavar="FROM", help=MOMENT)],
    later: Annotated[str | None, typer.Argument(metavar="TO", help="The same; otherwise now.")] = None,
) -> None:
    """Show what changed in a journey between two moments, as was known at each."""
    query = CompareMoments(journey_id=journey_id(journey), earlier=earlier, later=later)
    render_comparison(call.output, await compare_moments(call.context, query))


def render_comparison(output: Output, shown: Compared) -> None:
    """Show what changed in a journey."""
    before, after, changes, unproven = shown
    if output.json_only:
        told = [{"path": change.place, "then": change.then, "now": change.now} for change in changes]
        output.data({"changes": told, "unproven_sessions": sorted(unproven)})
        return
    output.illustrative(after.illustrative)
    output.text(f"version {before.version} → version {after.version}")
    terms = terms_of_journey(after)._replace(called=output.named)
    for number in sorted(unproven):
        output.text(render.not_proven(f"Session {number}"))
    for change in changes:
        output.text(describe_change(change, terms))
    if not changes:
        output.note("Nothing changed but what is awaited.")
