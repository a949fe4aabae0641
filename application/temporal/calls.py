"""What all raw calls to Temporal share: how long one may take, and what is told when one fails."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.service import RPCError, RPCStatusCode

from activities.privacy.errors import KeysUnavailable
from application.errors import LATER, NOTHING_LOST, TOOK_NOTHING, TemporalRefused, Unavailable

ANSWER = timedelta(seconds=10)
"""How long one call to Temporal may take."""
ONCE_MORE = "Run it again; that is safe"


class _Refusal(NamedTuple):
    """Why Temporal refused a call, and what ops do about it."""

    reason: str
    ops: str


_NO_NAMESPACE = _Refusal(
    "Temporal does not have the namespace of this service",
    "they look whether somebody deleted it, and at `TEMPORAL_NAMESPACE`. Once it is there, journeys are taken up from "
    "the record",
)
_REFUSED: Mapping[RPCStatusCode, _Refusal] = {
    RPCStatusCode.PERMISSION_DENIED: _Refusal(
        "Temporal lets this login not do that", "they give it the right (docs/how-to/protect-temporal.md)"
    ),
    RPCStatusCode.UNAUTHENTICATED: _Refusal(
        "Temporal does not take this login: its key or certificate is missing, wrong or no longer valid",
        "they renew it (docs/how-to/protect-temporal.md)",
    ),
    RPCStatusCode.INVALID_ARGUMENT: _Refusal(
        "Temporal does not take what was sent: it breaks a rule or a limit of that server",
        "the limits, and the search attributes, that it needs are in docs/how-to/run-in-production.md",
    ),
    RPCStatusCode.UNIMPLEMENTED: _Refusal(
        "Temporal is of a version that cannot do that", "docs/how-to/run-in-production.md says which one it takes"
    ),
}
"""What Temporal answers without having done anything. It helps nobody to wait."""
_UNREACHED = {
    "ConnectionRefused": "nothing answers at its address",
    "dns error": "its host is not known here",
    "ertificate": "its certificate is not the one it should have, or it wants another one of us",
    "InvalidContentType": "it does not speak TLS",
}
"""Why Temporal is not reached, by what its library says then. What else that says quotes addresses."""
_WHILE_CONNECTING = {
    "Unauthenticated": RPCStatusCode.UNAUTHENTICATED,
    "PermissionDenied": RPCStatusCode.PERMISSION_DENIED,
}
"""What the library says instead of a status where it connects."""


def failed_call(
    error: Exception,
    otherwise: str = "Temporal did not answer",
    *,
    state: str = NOTHING_LOST,
    again: str = ONCE_MORE,
    sure: bool = True,
) -> Unavailable:
    """Return the error of a call to Temporal that failed: why, how things are left, what to do.

    ``otherwise`` is what is told where nothing more is known, ``state`` how things are left where Temporal has not
    refused it, and ``again`` how to do the same once more. Where it is not ``sure`` that Temporal refused what was
    sent, and not a later question what became of it, that is left open.
    """
    later = LATER if again == ONCE_MORE else again
    if isinstance(error, KeysUnavailable):
        return Unavailable(str(error), later, state=state)
    if (refused := _refusal(error)) is not None:
        left = TOOK_NOTHING if sure else state
        then = f"{again[0].lower()}{again[1:]}"
        return TemporalRefused(refused.reason, f"Tell ops what this says: {refused.ops}. Then {then}", state=left)
    if isinstance(error, RPCError) and error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
        return Unavailable("Temporal takes no more at this moment: a limit of it is reached", later, state=state)
    why = next((said for words, said in _UNREACHED.items() if words in str(error)), None)
    return Unavailable(f"Temporal cannot be reached ({why})" if why else otherwise, later, state=state)


def lacks_namespace(error: Exception) -> bool:
    """Whether a call failed because Temporal does not have the namespace: nothing in it is lost for that."""
    if not isinstance(error, RPCError) or error.status != RPCStatusCode.NOT_FOUND:
        return False
    return any(each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in error.grpc_status.details)


def is_not_there(error: RPCError) -> bool:
    """Whether Temporal answered that it has no such run."""
    return error.status == RPCStatusCode.NOT_FOUND and not lacks_namespace(error)


def _refusal(error: Exception) -> _Refusal | None:
    if lacks_namespace(error):
        return _NO_NAMESPACE
    status = (
        error.status
        if isinstance(error, RPCError)
        else next((status for words, status in _WHILE_CONNECTING.items() if words in str(error)), None)
    )
    return None if status is None else _REFUSED.get(status)
