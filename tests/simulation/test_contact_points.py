"""The contact points that a local stack gives to its invented people."""

from uuid import UUID, uuid4

import pytest

from activities.notices.contacts import Contacts
from activities.privacy.errors import KeysUnavailable
from activities.privacy.key_store import KeyStore
from activities.record import Opening, Record
from activities.record.event_codec import to_new
from simulation.contact_points import give_to_new_journeys
from tests.cli.conftest import opening
from tests.record.read_models.courses import renamed


@pytest.mark.parametrize("error", [KeysUnavailable("invented"), ValueError("invented")])
async def test_a_journey_that_cannot_be_read_keeps_no_other_from_contact_points(
    record: Record, key_store: KeyStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for number in range(3):
        journey_id = uuid4()
        begun = Opening(patient_keys=(record.patients.of_ref(f"pat-{number}"),), medicine="invented")
        await record.append(journey_id, 0, [to_new(each) for each in renamed(opening(), journey_id)], opening=begun)
    contacts, tried, became = Contacts(record, key_store), list[UUID](), dict[UUID, str]()
    of_patient = Contacts.of_patient

    async def falter(self: Contacts, journey_id: UUID) -> str | None:
        tried.append(journey_id)
        if journey_id == tried[0]:
            raise error
        return await of_patient(self, journey_id)

    async def reached() -> set[UUID]:
        subjects = {each: await of_patient(contacts, each) for each in tried}
        return {each for each, whose in subjects.items() if whose and (await contacts.find(whose)).contact.points}

    with monkeypatch.context() as patched:
        patched.setattr(Contacts, "of_patient", falter)
        for _ in range(2):
            await give_to_new_journeys(contacts, became)
            assert await reached() == {*tried[1:3]}
    assert tried == [*tried[:3], tried[0]], "only the one that failed is tried again"
    await give_to_new_journeys(contacts, became)
    assert await reached() == {*tried}
