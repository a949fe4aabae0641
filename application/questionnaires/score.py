"""Score questionnaires. It needs neither a database nor Temporal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from application.errors import InvalidInput
from application.input import forms
from application.protocols.files import unusable
from workflows.journey import instruments
from workflows.journey.instruments import Instrument, Score, Thresholds
from workflows.journey.vocabulary.limits import COMMAND_LIMIT
from workflows.protocols import ProtocolError, list_shipped, load

_NAMES = {"".join(filter(str.isalnum, name.casefold())): name for name in Instrument}


def instrument_of(name: str) -> Instrument:
    """Return the instrument somebody means: `PCL-5`, `pcl5` and `pcl_5` are the same.

    Raises:
        InvalidInput: there is no such instrument.
    """
    found = _NAMES.get("".join(filter(str.isalnum, name.casefold())))
    if found is None:
        raise InvalidInput("INSTRUMENT is not known", f"Use: {', '.join(Instrument)}")
    return found


def thresholds_of(instrument: Instrument, file: Path | None) -> Thresholds:
    """Return the thresholds of a protocol file, or else of the shipped protocol in which the instrument is primary or
    used.

    Raises:
        InvalidInput: the file cannot be used.
    """
    try:
        protocols = [load(path) for path in ((file,) if file is not None else list_shipped())]
    except ProtocolError as error:
        raise unusable(error) from None
    protocols.sort(key=lambda protocol: protocol.instruments.primary != instrument)
    found = (protocol.instruments.thresholds.get(instrument) for protocol in protocols)
    return next((thresholds for thresholds in found if thresholds is not None), Thresholds())


def score_line(raw: bytes, instrument: Instrument, thresholds: Thresholds, earlier: Sequence[int]) -> Score:
    """Score one line, beside ``earlier`` totals, oldest first. Any line has a result; a wrong one says why it has no
    score."""
    problem: str | None = None
    answers: Any = None
    if len(raw) > COMMAND_LIMIT:
        problem = f"the line is larger than {COMMAND_LIMIT // 1024} KiB"
    elif not raw.strip():
        problem = "the line is empty"
    else:
        try:
            answers = forms.strict_json(raw)
        except forms.NotStrictJson as error:
            problem = f"the line cannot be read: {error}"
    scored = instruments.score(instrument, answers, thresholds, earlier)
    return scored if problem is None else scored.model_copy(update={"reason": problem})
