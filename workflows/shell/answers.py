"""What the sender of an update is answered that was not taken. Each answer to a command has the command's digest."""

from temporalio.exceptions import ApplicationError

from workflows import messages as m
from workflows.journey.commands import Command
from workflows.journey.receipts import command_digest
from workflows.journey.vocabulary.refusals import Refusal


class UpdateRefused(ApplicationError):
    """It is refused. Without a command, nothing could be read, or a whole run is refused."""

    def __init__(self, refusal: Refusal, command: Command | None = None) -> None:
        answers = () if command is None else (command_digest(command),)
        details = (refusal.model_dump(mode="json"), *answers)
        super().__init__(str(refusal), *details, type=refusal.code.value, non_retryable=True)


class Undecided(ApplicationError):
    """It was accepted, and then the journey was quarantined. Nobody knows yet what becomes of it."""

    def __init__(self, command: Command) -> None:
        what = "this journey is quarantined: what it had accepted before is decided again once ops have looked"
        super().__init__(what, command_digest(command), type=m.UNDECIDED, non_retryable=True)


class NotChecked(ApplicationError):
    """Its sender, or its signature, cannot be checked now."""

    def __init__(self, command: Command) -> None:
        what = "the signature cannot be checked now; nothing happened"
        super().__init__(what, command_digest(command), type=m.NOT_CHECKED)


class TryAgain(ApplicationError):
    """The journey cannot take it at this moment."""

    def __init__(self, why: str, command: Command) -> None:
        super().__init__(f"{why}; nothing happened", command_digest(command), type=m.TRY_AGAIN)
