"""Signed reports of what a check of the record found, to be handed on.

A report is a file of canonical JSON: ``report``, and ``signature``, Ed25519 over the canonical JSON of
``{"domain": "care-pathway/report/1", "report": …}``. verify_export.py checks it.
"""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workflows.journey.vocabulary.base import canonical

DOMAIN = "care-pathway/report/1"


def signed_report(report: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return the content of the file: the report, which holds JSON values only, and its signature."""
    signature = key.sign(canonical({"domain": DOMAIN, "report": report}))
    return canonical({"report": report, "signature": signature.hex()}) + b"\n"
