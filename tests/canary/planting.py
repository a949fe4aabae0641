"""Words that stand nowhere else, put into everything that people write in their own words: read from the models of all
commands, so that a new field is planted as soon as it is there."""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import uuid4

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulation.people import referral
from tests.canary.places import new_word
from tests.cli.valid import FORMS
from workflows.journey import commands as c
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.base import Raw, Short, Text
from workflows.journey.vocabulary.signed_statement import ProtocolApproval, SignatureHeader
from workflows.protocols.demonstration import load_demonstration

Model = TypeVar("Model", bound=BaseModel)


def kind_of(body: type[c.CommandBody]) -> str:
    """Return the kind of a command, as it is spelled."""
    return str(body.model_fields["kind"].default)


IN_THEIR_WORDS = [rule for kind in (Text, Short, Raw) for rule in get_args(kind)[1:]]
"""What tells a text from a coded word, whatever the field says of it besides."""
NOT_OF_PATIENTS = (Protocol, ProtocolApproval, SignatureHeader)
"""A protocol is the clinic's, and what it tells patients is sent to them; a signature is checked word for word."""
BODIES: Sequence[type[c.CommandBody]] = [
    body for body in get_args(get_args(c.AnyBody)[0]) if not kind_of(body).startswith("clock.")
]
"""What people send. What the clock and the shell send holds nobody's words but those of a message that came."""
ONES_OWN = ("pathway.start: organisation",)
"""What only one word is right for."""

A = "a"
ELSEWHERE = {"name": A, "organisation": A, "reached_by": A, "accepted": True}
MORE: Mapping[str, Mapping[str, Any]] = {
    "access.break-glass": {"reason": A},
    "signoff.sign": {"request": "plan-1", "decision": "return", "meaning": "plan", "evidence": "0" * 64},
    "screening.record": {"findings": {"safety": {"holds": True, "because": A}}},
    "visit.record": {"answers": {"how": A}, "function": {"sleep": A}},
}
"""What a command has that its usual form leaves out."""


class Planter:
    """Plants words, and remembers where each of them is."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def word(self, where: str) -> str:
        """Return a new word, for a place that is called this."""
        word = new_word()
        self.planted[word] = where
        return word

    def sown(self, body: Model, *, all_fields: bool = False) -> Model:
        """Return this with a word in the place of each text, and with ``all_fields`` also where none has to be."""
        kind = getattr(body, "kind", type(body).__name__)
        return self._in_model(body, f"{kind}:", all_fields=all_fields)

    def _in_model(self, model: Model, where: str, *, all_fields: bool) -> Model:
        if all_fields:
            try:
                sown = self._with_words(model, where, all_fields=True)
                return type(model).model_validate(sown.model_dump())
            except ValueError:
                """Some of it excludes the rest."""
        return self._with_words(model, where, all_fields=False)

    def _with_words(self, model: Model, where: str, *, all_fields: bool) -> Model:
        changed = {
            name: self._in_value(hint, value, f"{where} {name}", all_fields=all_fields)
            for name, hint in fields_of(type(model))
            if (value := getattr(model, name)) is not None or all_fields
        }
        return model.model_copy(update=changed)

    def _in_value(self, hint: Any, value: Any, where: str, *, all_fields: bool) -> Any:
        if where in ONES_OWN or isinstance(value, NOT_OF_PATIENTS):
            return value
        if isinstance(value, BaseModel):
            return self._in_model(value, where, all_fields=all_fields)
        for kind in alternatives(hint):
            if is_text(kind) and (isinstance(value, str) or (value is None and all_fields)):
                return self.word(where)
            if isinstance(value, tuple) and get_origin(kind) is tuple:
                element = get_args(kind)[0]
                return tuple(self._in_value(element, each, where, all_fields=all_fields) for each in value)
            if isinstance(value, Mapping) and get_origin(kind) is dict:
                element = get_args(kind)[1]
                return {key: self._in_value(element, each, where, all_fields=all_fields) for key, each in value.items()}
        return value


def valid_bodies() -> Iterator[c.CommandBody]:
    """Return valid bodies of each kind of command that people send, which have everything in them that holds texts."""
    known: list[c.CommandBody] = [referral(load_demonstration("PTSD"), uuid4()).body]
    for body in BODIES:
        kind = kind_of(body)
        if body is not c.StartPathway:
            known.append(body.model_validate({**FORMS.get(kind, {}), **MORE.get(kind, {})}))
    yield from known
    yield c.ProposeHandover.model_validate({"reason": A, "receiver": ELSEWHERE})
    for each in known:
        if isinstance(each, c.Correction):
            yield c.Amend(version=3, reason=A, correction=each)


def texts_of(model: type[BaseModel], where: str) -> Iterator[str]:
    """Return what each text in a model is called."""
    for name, hint in fields_of(model):
        yield from _texts_in(hint, f"{where} {name}")


def _texts_in(hint: Any, where: str) -> Iterator[str]:
    for kind in alternatives(hint):
        if is_text(kind):
            yield from () if where in ONES_OWN else (where,)
        elif get_origin(kind) in (tuple, dict):
            yield from _texts_in(get_args(kind)[get_origin(kind) is dict], where)
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, NOT_OF_PATIENTS):
            yield from texts_of(kind, where)


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Return the fields of a model, each with all that is said of its type."""
    for name, field in model.model_fields.items():
        yield name, Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def alternatives(hint: Any) -> Iterator[Any]:
    """Return the types that a value of this one may have, each without what is said of it, but for texts."""
    if get_origin(hint) is Annotated and not is_text(hint):
        yield from alternatives(get_args(hint)[0])
    elif get_origin(hint) in (Union, UnionType):
        for each in get_args(hint):
            yield from alternatives(each)
    else:
        yield hint


def is_text(hint: Any) -> bool:
    """Whether this type is a text."""
    if get_origin(hint) is not Annotated:
        return False
    first, *rules = get_args(hint)
    own = [each for rule in rules for each in (rule.metadata if isinstance(rule, FieldInfo) else [rule])]
    return first is str and any(rule in IN_THEIR_WORDS for rule in own)
