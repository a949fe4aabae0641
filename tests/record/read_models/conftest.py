"""A database with the record's schema, and connections behind its back."""

from tests.record.conftest import admin, migrated, owner, record

__all__ = ["admin", "migrated", "owner", "record"]
