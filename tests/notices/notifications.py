"""Notifications of mail servers about a message, as they write them (RFC 3464)."""

from email.message import EmailMessage
from email.policy import SMTP

from activities.notices.smtp import REFERENCE


def notification(
    message_id: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    returned: str = "whole",
    reference: str | None = None,
) -> bytes:
    """What a mail server writes of a message: with all of it, its ``headers`` alone, or nothing. ``reference`` is what
    the message has beside its id."""
    original = EmailMessage(policy=SMTP)
    original["From"], original["To"] = "messages@clinic.example", "pat@home.example"
    original["Message-ID"] = f"<{message_id}@clinic.example>"
    if reference is not None:
        original[REFERENCE] = reference
    original.set_content("There is a task for you.\n")
    parts = [
        (
            "text/plain",
            "This is the mail system at host mail.example.org.\r\n\r\nI'm sorry ...\r\n",
        ),
        (
            "message/delivery-status",
            "Reporting-MTA: dns; mail.example.org\r\nArrival-Date: Mon, 2 Mar 2026 17:00:00 +0000\r\n\r\n"
            f"Final-Recipient: rfc822; pat@home.example\r\nAction: {action}\r\nStatus: {status}\r\n"
            "Remote-MTA: dns; mx.home.example\r\nDiagnostic-Code: smtp; 550 5.1.1 user unknown\r\n",
        ),
    ]
    if returned == "whole":
        parts.append(("message/rfc822", original.as_bytes().decode()))
    elif returned == "headers":
        parts.append(("text/rfc822-headers", original.as_bytes().decode().partition("\r\n\r\n")[0] + "\r\n"))
    inner = "".join(f"--edge\r\nContent-Type: {kind}\r\n\r\n{content}\r\n" for kind, content in parts)
    head = (
        "From: MAILER-DAEMON@mail.example.org\r\nTo: messages@clinic.example\r\nMessage-ID: <1@mail.example.org>\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="edge"\r\n\r\n'
    )
    return f"{head}{inner}--edge--\r\n".encode()


def within(content: bytes, *kinds: str) -> bytes:
    """A mail that has a notification as a part of a part, as gateways write that pass it on, add a notice of their own
    or check it: inside each of these ``kinds``, the last one outermost."""
    for number, kind in enumerate(kinds):
        edge = f"outer-{number}"
        multipart = kind.startswith("multipart/")
        head = f'Content-Type: {kind}; boundary="{edge}"' if multipart else f"Content-Type: {kind}"
        note = f"--{edge}\r\nContent-Type: text/plain\r\n\r\nPassed on.\r\n--{edge}\r\n" if multipart else ""
        end = f"\r\n--{edge}--\r\n" if multipart else ""
        content = f"MIME-Version: 1.0\r\n{head}\r\n\r\n{note}".encode() + content + end.encode()
    return content
