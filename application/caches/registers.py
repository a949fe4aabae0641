"""The registers of signers that a process has read."""

from pathlib import Path

from activities.signatures.register_file import RegisterFile
from activities.signatures.signer_registry import Register


class Registers:
    """Reads registers, always as their files are now. Of each file it takes no older one than it has read there."""

    def __init__(self) -> None:
        self._files: dict[tuple[Path, bytes], RegisterFile] = {}

    def read(self, path: Path, organisation_key: bytes) -> Register:
        """Read the register in a file, and verify its signature.

        Raises:
            RegisterError: it cannot be trusted now. An earlier one must not be used instead.
        """
        file = self._files.setdefault((path, organisation_key), RegisterFile(path, organisation_key))
        return file.read()
