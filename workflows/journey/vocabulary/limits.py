"""How large things may be, in bytes of JSON in UTF-8. Each number follows from those it has to hold.

The record's own bound (`schema/functions/record.append.sql`) is `EVENT_LIMIT`; a test holds the two together.
"""

PROTOCOL_LIMIT = 128 * 1024
"""A protocol. Every journey carries its own."""
COMMAND_LIMIT = 64 * 1024
"""A command. Documents belong elsewhere, by reference."""
START_LIMIT = COMMAND_LIMIT + PROTOCOL_LIMIT
"""The command that starts a journey: it brings the protocol along."""
EVENT_LIMIT = START_LIMIT + COMMAND_LIMIT
"""The payload of an event as it is stored: what its command brought, what was decided, and what encryption adds."""
