"""What people read of staff and clinics: names that the register has, and ids."""

from application.context import Context
from application.identity.names import names_beside_ids, names_in_register
from simulation.people import PEOPLE
from tests.cli.helpers import usual_settings
from workflows.journey.vocabulary.actors import Role


def test_who_is_known_is_named_beside_the_id_and_others_are_their_id() -> None:
    cory, context = PEOPLE[Role.COORDINATOR], Context(load=lambda: usual_settings(knows_staff=True))
    named, beside = names_in_register(context), names_beside_ids(context)
    assert (named(cory.id), beside(cory.id)) == (cory.name, f"{cory.name} ({cory.id})")
    assert (named("unknown"), beside("unknown")) == ("unknown", "unknown")
    unknown = names_beside_ids(Context(load=lambda: usual_settings(knows_staff=False)))
    assert unknown(cory.id) == cory.id, "without a register"
