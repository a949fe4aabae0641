"""How many examples a property tries beside others."""

from hypothesis import HealthCheck, settings


def examples(share: float, *suppressed: HealthCheck) -> settings:
    """As many examples as this share of the profile's: more where they are quick, fewer where each says much."""
    profile = settings()
    return settings(
        max_examples=max(1, round(profile.max_examples * share)),
        suppress_health_check=[*profile.suppress_health_check, *suppressed],
    )
