"""The local stack with the invented staff: their keys, the register that lists them, and their profiles."""

import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from activities.record.verification.anchors import AnchorKeyError
from activities.signatures.keys import KeyFileError, WrongPassphrase
from deploy.local.stack import PROFILES, Stack, StackError, local_stack, put_back
from simulation.keys import Signers, invent
from simulation.people import PEOPLE, profile

QUESTIONNAIRES = Path(__file__).with_name("questionnaires")


@dataclass(frozen=True)
class StaffedStack(Stack):
    """A running local stack on which the invented staff act and sign."""

    signers: Signers

    @property
    def env(self) -> dict[str, str]:
        """The variables that people's command line needs to find this stack."""
        return {**super().env, **self.signers.env}


class Environment(NamedTuple):
    """What points a person's programs at a stack: a file to source, and the variables in it."""

    path: Path
    variables: Mapping[str, str]


@asynccontextmanager
async def staffed_stack(
    directory: Path, *, keep_data: bool, time_skipping: bool, headless: bool = False
) -> AsyncIterator[StaffedStack]:
    """Start a `local_stack`, and let the invented staff in.

    Raises:
        StackError: as `local_stack`.
    """
    async with local_stack(directory, keep_data=keep_data, time_skipping=time_skipping, headless=headless) as stack:
        profiles = stack.directory / PROFILES
        try:
            signers = invent(profiles)
        except (KeyFileError, WrongPassphrase, AnchorKeyError) as problem:
            left = put_back(profiles)
            raise StackError(
                "read the keys of the invented people", None, str(problem).rstrip("."), left=left
            ) from None
        yield StaffedStack(stack.directory, stack.postgres, stack.temporal, stack.anchor_key, signers)


def write_environment(stack: StaffedStack, directory: Path) -> Environment:
    """Write the profiles of the invented people, and a file to source that points the command line at this stack."""
    profiles = directory / PROFILES
    profiles.mkdir(parents=True, exist_ok=True)
    for role, person in PEOPLE.items():
        (profiles / f"{role.value}.json").write_text(profile(person))
    variables = {
        **stack.env,
        "CAREPATH_PROFILE": str((profiles / "coordinator.json").resolve()),
        "CAREPATH_QUESTIONNAIRES_DIR": str(QUESTIONNAIRES.resolve()),
    }
    if stack.ui_url is not None:
        variables["CAREPATH_TEMPORAL_UI"] = f"{stack.ui_url}/namespaces/{stack.temporal.namespace}"
    environment = directory / "env"
    environment.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    return Environment(environment, variables)
