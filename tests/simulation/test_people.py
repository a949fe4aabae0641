"""Whoever starts a stack is told as whom to sign in."""

from simulation.people import HOUSEHOLD, PEOPLE, list_people


def test_an_invented_person_of_each_role_is_named() -> None:
    said = list_people().splitlines()
    assert len(said) == len(PEOPLE)
    for line, (role, person) in zip(said, PEOPLE.items(), strict=True):
        told = "a link in a message" if role in HOUSEHOLD else f"{person.name} ({person.id})"
        assert told in line
