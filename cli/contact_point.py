"""`contact-point`: how people are reached. Addresses are never arguments, which others on the machine could see."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, Final

import typer

from activities.notices.contacts import KeptContact
from application.errors import InvalidInput
from application.input import forms
from application.messages import contact_points as use
from application.messages.contact_points import Changed, NewPoint, Whose, Wishes
from cli import runtime
from cli.input import journey_id, read_input
from cli.output import Output, add_row, facts_box, local_time, short_time, table, your_time
from cli.runtime import Call, command

Person = Annotated[
    str | None, typer.Option("--person", metavar="ID", help="One of the staff, by their id.", show_default=False)
]
ObserverOption = Annotated[
    str | None,
    typer.Option("--observer", metavar="REF", help="The observer with this reference.", show_default=False),
]
PointOption = Annotated[
    str, typer.Option("--point", metavar="POINT", help="Its id; see `contact-point show`.", show_default=False)
]
ANYBODY: Final = (("journey", runtime.AnyJourney, None), ("person", Person, None), ("observer", ObserverOption, None))
LET_IN: Final = (("journey", runtime.JourneyId, Parameter.empty), ("observer", ObserverOption, None))
"""The options that say whose points a command is about: anybody's, or of those whom links let in."""


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("show")(command(_about(ANYBODY, show), to_look=True))
    for name, whose, act in (
        ("add", ANYBODY, add),
        ("verify", ANYBODY, verify),
        ("send-code", ANYBODY, send_code),
        ("remove", ANYBODY, remove),
        ("first", ANYBODY, first),
        ("wish", ANYBODY, wish),
        ("set-code", LET_IN, set_code),
        ("send-link", LET_IN, send_link),
    ):
        group.command(name)(command(_about(whose, act), to_act=True))


def _about(
    options: Sequence[tuple[str, Any, Any]], act: Callable[..., Awaitable[None]]
) -> Callable[..., Awaitable[None]]:
    """Give a command the options that say whose points it is about."""

    @wraps(act)
    async def run(call: Call, **given: Any) -> None:
        journey, *others = (given.pop(name, None) for name in ("journey", "person", "observer"))
        wanted = None if journey is None else str(journey_id(journey))
        whose = forms.check(Whose, dict(zip(("journey_id", "person", "observer"), (wanted, *others), strict=True)))
        await act(call, whose, **given)

    call, _, *own = signature(act).parameters.values()
    added = [Parameter(name, call.kind, annotation=kind, default=default) for name, kind, default in options]
    ordered = sorted((*added, *own), key=lambda each: each.default is not Parameter.empty)
    run.__signature__ = Signature([call, *ordered])  # type: ignore[attr-defined]
    return run


async def show(call: Call, whose: Whose) -> None:
    """Show how the patient of a journey, or one of the staff, is reached."""
    _show(call.output, (await use.show_contact(call.context, whose)).kept)


async def add(call: Call, whose: Whose, file: runtime.File = None) -> None:
    """Add a point, and have a code sent there. The form: {"channel": "email", "address": "..."}; or the channel
    webhook, with what its receiver knows them by, such as sms:+15550100."""
    new = forms.check(NewPoint, forms.read_object(read_input(file)))
    _tell(call.output, await use.add_point(call.context, whose, new), "A code is on its way there.")


async def verify(call: Call, whose: Whose, point: PointOption) -> None:
    """Enter the code that came back from a point (you are asked for it). From then on it counts."""
    code = call.context.ask("The code that was sent there").strip()
    _tell(call.output, await use.verify_point(call.context, whose, point, code), "It counts now.")


async def send_code(call: Call, whose: Whose, point: PointOption) -> None:
    """Send another code to a point."""
    _tell(call.output, await use.send_code(call.context, whose, point), "A code is on its way there.")


async def remove(call: Call, whose: Whose, point: PointOption) -> None:
    """Remove a point. It stays in earlier versions."""
    _tell(call.output, await use.remove_point(call.context, whose, point), "It is used no more.")


async def first(call: Call, whose: Whose, point: PointOption) -> None:
    """Have a point tried before the others."""
    _tell(call.output, await use.put_first(call.context, whose, point), "It is tried first.")


async def wish(
    call: Call,
    whose: Whose,
    only_alarms: Annotated[
        bool, typer.Option("--only-alarms/--everything", help="Send nothing but alarms; or everything again.")
    ] = True,
) -> None:
    """Keep what somebody wants of messages. Alarms come all the same."""
    _tell(call.output, await use.set_wishes(call.context, whose, Wishes(only_alarms=only_alarms)), "It is kept.")


async def send_link(call: Call, whose: Whose) -> None:
    """Send a link to a patient, to their own page; with --observer, to an observer, to their session."""
    owner = await use.send_link(call.context, whose)
    if call.output.json_only:
        call.output.data({"to": owner.role})
    else:
        call.output.text("A link is on its way to the points that are verified. It works once, within a day.")


async def set_code(call: Call, whose: Whose) -> None:
    """Set the code that a patient or an observer agreed on with you: you are asked for it twice. Links in their
    messages ask for it.

    See that it is they who choose it. Tell it to nobody, and write it down nowhere: what is kept of it cannot
    be read.
    """
    code = call.context.ask("The code that they chose", secret=True)
    if code != call.context.ask("The same code again", secret=True):
        raise InvalidInput("these are two different codes", "Ask again", state=use.NOTHING_CHANGED)
    _tell(call.output, await use.set_clinic_code(call.context, whose, code), "It counts now.")


def _tell(output: Output, changed: Changed, said: str) -> None:
    _show(output, changed.kept)
    output.note(f"{said} Version {changed.kept.version} is kept.")


def _show(output: Output, kept: KeptContact) -> None:
    if kept.unread:
        output.note(
            f"The last {kept.unread} version(s) cannot be read: a key is away, or they were altered. This is what "
            "stood before; nothing in it counts as verified. Ask ops (`keys list`) before you change it."
        )
    if output.json_only:
        output.data(_as_json(kept))
        return
    known: dict[str, object] = {"version": kept.version, "wants": "only alarms" if kept.contact.only_alarms else "all"}
    known["code of the clinic"] = "set" if kept.contact.clinic_code else "none"
    if kept.at is not None:
        known |= {"by": output.named(kept.by or ""), "at": local_time(kept.at)}
    output.show(facts_box(known, "contact"))
    shown = table("point", "channel", "address", your_time("verified"))
    for point in kept.contact.points:
        verified = "no" if point.verified_at is None else short_time(point.verified_at)
        add_row(shown, point.id, point.channel, point.address, verified)
    output.show(shown)


def _as_json(kept: KeptContact) -> dict[str, Any]:
    points = [point.model_dump(mode="json", exclude={"code"}) for point in kept.contact.points]
    contact = kept.contact
    return {
        "version": kept.version,
        "unread": kept.unread,
        "only_alarms": contact.only_alarms,
        "clinic_code": contact.clinic_code is not None,
        "points": points,
    }
