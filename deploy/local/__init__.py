"""The local stack: real PostgreSQL and Temporal servers from packages, for demonstrations and tests."""
