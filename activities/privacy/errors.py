"""What goes wrong with keys. No text holds key material or an address."""


class KeysUnavailable(Exception):
    """A key cannot be had now: the key store is away, or the master key is not here. Nothing happened; ask again.

    It is an ordinary exception: what waits for the key is delayed, and ends for nobody.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"keys are not available now ({reason})")


class KeyUnusable(KeysUnavailable):
    """A wrapped key was altered, or its master key is not in this keyring: to ask again helps only if that changes.

    ``subject`` is whose key it is, where that is known. No text has it.
    """

    def __init__(self, reason: str, subject: str | None = None) -> None:
        self.subject = subject
        super().__init__(reason)


class KeyringError(Exception):
    """A file of master keys cannot be used."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}. {remedy}")
