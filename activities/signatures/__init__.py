"""Signatures: clinicians' own keys, the register of who may sign, and two separate ways to check.

`keys` signs; `verifying` checks, and `guard` asks it while journeys run; `offline` checks the record afterwards and
shares nothing with them but the written format, docs/reference/signatures.md. Import the modules: nothing is
re-exported here, so that using one of them does not load the others.
"""
