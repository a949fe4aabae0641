"""Messages that a server accepted and that came back later: what says so, and what follows.

A mail server hands in its notification (RFC 3464), a gateway a signed webhook. Either names the message by the id that
it was sent under, and says nothing about anybody. The next way is tried then, or a person sees to it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Annotated, Final, Literal, NamedTuple
from uuid import UUID

import structlog
from pydantic import StringConstraints, ValidationError

from activities.notices.queue import report_bounce
from activities.notices.smtp import REFERENCE
from activities.notices.webhooks import is_signed
from application.context import Context
from application.errors import InvalidInput, NotAllowed, Unavailable
from workflows.journey.vocabulary.base import InputModel

log = structlog.get_logger("messages")

OLD: Final = timedelta(minutes=5)
"""How far the time of a signed report may be from ours."""
MESSAGE_ID: Final = re.compile(r"msg_([0-9a-f]{32})_([A-Za-z0-9._-]{1,100})")
"""The id that a message is sent under (`webhook-id`, and the beginning of `Message-ID`): its notice and the point."""
CODE: Final = re.compile(r"[A-Za-z0-9.-]{1,20}")
FAILED: Final = "failed"
"""What a notification says of a recipient whom the message did not reach, and will not (RFC 3464, 2.3.3)."""


class Bounce(NamedTuple):
    """A message that came back: its notice, the point it was for, and why, in one word."""

    notice_id: UUID
    point: str
    code: str | None


class ReportedBounce(InputModel):
    """What the report of a gateway is about: ``message_id`` is the `webhook-id` under which it took the message."""

    message_id: Annotated[str, StringConstraints(max_length=200)]
    code: Annotated[str, StringConstraints(max_length=200)] | None = None


class WebhookReport(InputModel):
    """The body of a report."""

    type: Literal["message.bounced"]
    data: ReportedBounce


async def take_webhook(context: Context, key: bytes, headers: Mapping[str, str], body: bytes) -> None:
    """Take the report of a gateway, signed after Standard Webhooks with a key.

    Raises:
        NotAllowed: it is not signed with the key, or not now.
        InvalidInput: it is no report.
        Unavailable: it came before the message was seen to be accepted; it is to come again.
        RecordUnavailable, RecordFault: as the record does.
    """
    if not is_signed(key, headers, body, context.now(), within=OLD):
        raise NotAllowed("the signature of this report does not count", "Sign it with the secret agreed on")
    try:
        report = WebhookReport.model_validate_json(body)
    except ValidationError:
        raise InvalidInput("this is no report of a message", "See the guide to channels") from None
    await _keep(context, bounce_of(report.data.message_id, report.data.code))


async def take_notification(context: Context, content: bytes) -> bool:
    """Take a delivery status notification that a mail server wrote. Return whether it says that a message of this
    service did not arrive; what is no such notification, or is about a delay, does not.

    Raises:
        Unavailable: it came before the message was seen to be accepted; it is to come again.
        RecordUnavailable, RecordFault: as the record does.
    """
    found = read_notification(content)
    await _keep(context, found)
    return found is not None


async def _keep(context: Context, bounce: Bounce | None) -> None:
    """Keep that a message came back. Of one that is not known nothing is said: whoever reports learns of none."""
    if bounce is None:
        log.info("messages.bounce_unknown")
        return
    outcome = await report_bounce(await context.record(), *bounce)
    if outcome == "early":
        raise Unavailable("this message is still being sent", "Report it again in a minute")
    if outcome == "kept":
        log.info("messages.bounce_kept", notice_id=str(bounce.notice_id))
    else:
        log.info("messages.bounce_unknown", notice_id=str(bounce.notice_id))


def bounce_of(message_id: str, code: str | None) -> Bounce | None:
    """Return the bounce of the message with an id; None where it is no id of ours."""
    found = MESSAGE_ID.fullmatch(message_id)
    said = code if code is not None and CODE.fullmatch(code) else None
    return None if found is None else Bounce(UUID(found[1]), found[2], said)


def read_notification(content: bytes) -> Bounce | None:
    """Return what a delivery status notification (RFC 3464) says did not arrive. None where there is no such thing, it
    says of nobody that it failed, or brings no message of ours back. Each message goes to one address: it names one.

    The notification may be a part of another mail, and have its own parts within parts: gateways pass it on so.
    """
    try:
        reports = _parts(message_from_bytes(content, policy=compat32), "multipart/report")
        return next((found for found in map(_read_report, reports) if found is not None), None)
    except RecursionError:  # No mail server puts parts into parts so often.
        return None


def _read_report(report: Message) -> Bounce | None:
    codes = [str(group.get("Status", "")).split()[:1] for group in _recipients(report) if _action(group) == FAILED]
    for each in _returned_ids(report) if codes else ():
        found = bounce_of(each, "".join(codes[0]))
        if found is not None:
            return found
    return None


def _parts(mail: Message, kind: str) -> Iterator[Message]:
    """All parts of a kind, however deep they lie."""
    return (part for part in mail.walk() if part.get_content_type() == kind)


def _recipients(report: Message) -> Iterator[Message]:
    """The fields about each recipient. Those of the first group are about the message."""
    for part in _parts(report, "message/delivery-status"):
        groups = part.get_payload()
        if isinstance(groups, list):
            yield from (group for group in groups[1:] if isinstance(group, Message))


def _action(group: Message) -> str:
    return str(group.get("Action", "")).strip().lower()


def _returned_ids(report: Message) -> Iterator[str]:
    """The ids that the message which came back may have been sent under."""
    for headers in (*report.walk(), *_headers_alone(report)):
        if headers is not report:
            yield str(headers.get("Message-ID", "")).strip().removeprefix("<").rpartition("@")[0]
            yield str(headers.get(REFERENCE, "")).strip()


def _headers_alone(report: Message) -> Iterator[Message]:
    """The headers that came back without their message (RFC 6522, 4)."""
    for part in _parts(report, "text/rfc822-headers"):
        payload = part.get_payload(decode=True)
        yield message_from_bytes(payload if isinstance(payload, bytes) else b"", policy=compat32)
