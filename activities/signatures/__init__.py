"""Signatures: clinicians' own keys, the register of who may sign, and the check of a signature while journeys run.

`keys` signs, `verifying` checks. `signer_registry` says who may sign, `register_changes` how that changes, and
`register_file` keeps it. The record is checked afterwards by `activities.record.verification.sign_offs`, which shares
nothing with them but the written format, docs/reference/signatures.md. Import the modules: nothing is re-exported, so
that using one does not load the others.
"""
