"""Read models: worklists, caseloads and figures, kept beside the record. Each answer is true up to a position of it."""

from activities.record.read_models.claims import Claim, claim, release
from activities.record.read_models.listed import (
    Case,
    CaseloadFilter,
    PastCase,
    Refusals,
    ServiceLevel,
    Signing,
    SignOffRequest,
    Stale,
    Task,
    WorklistFilter,
)
from activities.record.read_models.pages import MOST_COUNTED, ListPage, NotACursor
from activities.record.read_models.projector import NotYetProjected, retry, wait_for
from activities.record.read_models.queries import (
    caseload,
    caseload_as_of,
    refusals,
    service_levels,
    sign_off_requests,
    stale,
    worklist,
)
from activities.record.read_models.rebuild import BeingRebuilt, BuildFailed, rebuild
from activities.record.read_models.runner import run, running
from activities.record.read_models.status import (
    ProjectionStatus,
    ReadModelBuild,
    head,
    read_status,
    wait_until_caught_up,
)

__all__ = [
    "MOST_COUNTED",
    "BeingRebuilt",
    "BuildFailed",
    "Case",
    "CaseloadFilter",
    "Claim",
    "ListPage",
    "NotACursor",
    "NotYetProjected",
    "PastCase",
    "ProjectionStatus",
    "ReadModelBuild",
    "Refusals",
    "ServiceLevel",
    "SignOffRequest",
    "Signing",
    "Stale",
    "Task",
    "WorklistFilter",
    "caseload",
    "caseload_as_of",
    "claim",
    "head",
    "read_status",
    "rebuild",
    "refusals",
    "release",
    "retry",
    "run",
    "running",
    "service_levels",
    "sign_off_requests",
    "stale",
    "wait_for",
    "wait_until_caught_up",
    "worklist",
]
