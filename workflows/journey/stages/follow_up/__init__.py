"""Contacts after sessions and open-ended follow-up: check-ins, visits, instruments, until a signed discharge."""
