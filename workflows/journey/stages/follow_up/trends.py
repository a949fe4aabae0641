"""What the patient's own ratings show at a contact, and from contact to contact: small steps for the worse add up.

What is rated so high that once is enough is told to a clinician and reviewed at once. A symptom is worse at a contact
where it is rated so many points above the best rating before; worse so many times, in a row or with better ratings in
between, it is told and reviewed too. How high and how many is the protocol's.
"""

from collections.abc import Mapping, Sequence

from workflows.journey.aggregate import Journey
from workflows.journey.protocol import Symptoms
from workflows.journey.recall import recalled
from workflows.journey.stages.follow_up.model import OwedContact


@recalled
def contacts_with_record(journey: Journey) -> tuple[OwedContact, ...]:
    """Return the contacts of which there is a record, in the order in which they were planned."""
    return tuple(contact for contact in journey.contacts.values() if contact.record is not None)


@recalled
def find_worsened(journey: Journey) -> tuple[str, ...]:
    """Return the contacts at which a symptom was very high, came to be worse so many times, or rose further after
    that: by the ratings of the evaluation, also as told before a correction that waits for a second person."""
    rated, rules = _list_ratings(journey), journey.protocol.symptoms
    found = dict.fromkeys(
        contact for before in journey.evaluation.baselines() for contact in find_alerts(before, rated, rules)
    )
    return tuple(contact for contact, _ in rated if contact in found)


def count_worse(journey: Journey) -> int:
    """Return how many ratings are worse than the best before them, or very high, whether or not they alert yet."""
    rules, found = journey.protocol.symptoms, 0
    for name in rules.names:
        best = journey.evaluation.symptoms.get(name)
        for rating in (ratings[name] for _, ratings in _list_ratings(journey) if name in ratings):
            found += rating >= rules.alert_at or (best is not None and rating >= best + rules.worse_by)
            best = rating if best is None else min(best, rating)
    return found


def _list_ratings(journey: Journey) -> list[tuple[str, Mapping[str, int]]]:
    """What was rated at which contact, oldest first."""
    done = sorted(
        (contact for contact in contacts_with_record(journey) if contact.done_at is not None),
        key=lambda contact: contact.done_at or journey.started_at,
    )
    return [(contact.id, contact.record.symptoms) for contact in done if contact.record is not None]


def find_alerts(
    baseline: Mapping[str, int], rated: Sequence[tuple[str, Mapping[str, int]]], rules: Symptoms
) -> tuple[str, ...]:
    """Return at which contacts, oldest first, some symptom alerts."""
    found: list[str] = []
    for name in rules.names:
        best, run, untold, told = baseline.get(name), 0, 0, None
        for contact, ratings in rated:
            rating = ratings.get(name)
            if rating is None:
                continue
            worse = best is not None and rating >= best + rules.worse_by
            best = rating if best is None else min(best, rating)
            if rating >= rules.alert_at:
                found.append(contact)
            if not worse:
                run, told = 0, None
                continue
            run += 1
            untold += told is None
            if rules.times_in_a_row in (run, untold) or (told is not None and rating > told):
                found.append(contact)
                untold, told = 0, max(rating, told or 0)
    return tuple(contact for contact, _ in rated if contact in found)
