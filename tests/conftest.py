"""What all tests share: tiers, servers, databases, invented people. Nothing else is imported from a conftest."""

pytest_plugins = [
    "tests.fixtures.garbage",
    "tests.fixtures.clear",
    "tests.fixtures.driver_types",
    "tests.fixtures.tiers",
    "tests.fixtures.logs",
    "tests.fixtures.processes",
    "tests.fixtures.servers",
    "tests.fixtures.receivers",
    "tests.fixtures.environment",
    "tests.fixtures.clinics",
    "tests.fixtures.databases",
    "tests.fixtures.keys",
    "tests.fixtures.people",
    "tests.fixtures.moved_clock",
    "tests.fixtures.workflow_cache",
]
