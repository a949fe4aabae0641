"""A key that is revoked signs nothing more, whatever Temporal's clock says."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.signature_activities import SignatureActivities
from activities.signatures.register_changes import revoke
from activities.signatures.register_file import RegisterFile
from activities.signatures.sessions import ThisLog
from activities.signatures.verifying import SignatureProblem, refusal_of
from simulation.moves.next_move import next_move
from tests.cli.helpers import invented
from tests.journey.play import before
from workflows.journey.commands import Command, Sign
from workflows.messages import SignatureCheck


async def test_a_revoked_key_signs_nothing_by_a_clock_that_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    play, signers = before("signoff.sign"), invented()
    move = next_move(play.journey, play.at)
    assert isinstance(move, Command)
    assert isinstance(move.body, Sign)
    signed = signers.signed(play.journey.id, move, play.at, play.journey.scope)
    assert isinstance(signed.body, Sign)
    assert signed.body.signature is not None
    file = signers.register
    presented = SignatureCheck(
        journey_id=play.journey.id, scope=play.journey.scope, command=signed, claimed=(), rests_on=(), at=play.at
    )
    activities = SignatureActivities(file, ThisLog("invented", demonstration=True))
    check = ActivityEnvironment().run
    assert (await check(activities.verify, presented)).refusal is None
    # It is half an hour later by every other clock.
    at = play.at + timedelta(minutes=30)
    after = revoke(file.current(), signed.body.signature.key_id, at=at, because="lost", by="demo-security")
    monkeypatch.setattr(RegisterFile, "current", lambda _: after)
    assert (await check(activities.verify, presented)).refusal == refusal_of(SignatureProblem.REVOKED)
