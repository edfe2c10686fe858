"""Functions over strings.  http://hl7.org/fhirpath/N1/#string-manipulation

`encode`, `decode`, `escape`, `unescape`, `trim`, `split`, `join`, `matchesFull` and `lastIndexOf` are from the trial
edition: http://hl7.org/fhirpath/
"""

from __future__ import annotations

import binascii
import html
import json
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping

from tianfu.standards.fhir.fhirpath import patterns
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Apply, Function, Gives
from tianfu.standards.fhir.fhirpath.limits import STRING_CHARACTERS_MAX
from tianfu.standards.fhir.fhirpath.nodes import Collection
from tianfu.standards.fhir.fhirpath.operators import joined
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import integer_in, of, text_in

Arguments = tuple[Closure, ...]


def _read(frame: Frame, items: Collection) -> str | None:
    """The input as text; long ones cost more."""
    text = text_in(items)
    if text is not None and len(text) > _LONG:
        frame.run.spend(len(text) // _LONG)
    return text


_LONG = 1_000


def _of_text(compute: Callable[[str], Collection], gives: Gives) -> Function:
    def apply(frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
        text = _read(frame, items)
        return [] if text is None else compute(text)

    return Function(apply, gives=gives, takes="text", one_item=gives != "anything")


def _of_texts(compute: Callable[[str, str], Collection], gives: Gives) -> Function:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        text, argument = _read(frame, items), text_in(arguments[0](frame))
        return [] if text is None or argument is None else compute(text, argument)

    return Function(apply, 1, 1, gives=gives, takes="text", one_item=gives != "anything")


def _matching(compute: Callable[[Frame, str, str], bool]) -> Function:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        text, pattern = text_in(items), text_in(arguments[0](frame))
        return [] if text is None or pattern is None else [compute(frame, text, pattern)]

    return Function(apply, 1, 1, gives="Boolean", takes="text", one_item=True)


def _substring(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    text = text_in(items)
    start = integer_in(arguments[0](frame))
    length = integer_in(arguments[1](frame)) if len(arguments) > 1 else None
    if text is None or start is None or not 0 <= start < len(text):
        return []
    if length is None:
        return [text[start:]]
    return [text[start : start + max(0, length)]]


def _replace(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    text, pattern, other = text_in(items), text_in(arguments[0](frame)), text_in(arguments[1](frame))
    if text is None or pattern is None or other is None:
        return []
    length = len(text) + text.count(pattern) * len(other)
    frame.run.spend(length // 1_000 + 1)
    if length > STRING_CHARACTERS_MAX:
        raise FailedEvaluation("string-too-long")
    return [text.replace(pattern, other)]


def _replace_matches(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    text, pattern, other = text_in(items), text_in(arguments[0](frame)), text_in(arguments[1](frame))
    if text is None or pattern is None or other is None:
        return []
    return [patterns.replaced(frame.run, text, pattern, other) if pattern else text]


def _split(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    text, separator = text_in(items), text_in(arguments[0](frame))
    if text is None or separator is None:
        return []
    parts: Collection = [*(text.split(separator) if separator else text)]
    frame.run.spend(len(parts))
    return parts


def _join(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    separator = (text_in(arguments[0](frame)) if arguments else None) or ""
    texts = [text for text in (text_in([item]) for item in items) if text is not None]
    if not items:
        return []
    joined(frame.run, [separator] * len(texts) + texts)
    return [separator.join(texts)]


def _to_chars(frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    text = text_in(items)
    frame.run.spend(len(text or ""))
    return [*(text or "")]


_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "base64": b64encode,
    "urlbase64": urlsafe_b64encode,
    "hex": binascii.hexlify,
}
_DECODERS: Mapping[str, Callable[[str], bytes]] = {
    "base64": lambda text: b64decode(text, validate=True),
    "urlbase64": urlsafe_b64decode,
    "hex": bytes.fromhex,
}
_ESCAPERS: Mapping[str, Callable[[str], str]] = {
    "html": lambda text: html.escape(text, quote=True),
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
}


def _unescaped_json(text: str) -> str:
    quoted = text.replace('\\"', '"').replace('"', '\\"')
    return str(json.loads(f'"{quoted}"', strict=False))


_UNESCAPERS: Mapping[str, Callable[[str], str]] = {"html": html.unescape, "json": _unescaped_json}


def _encode(text: str, form: str) -> Collection:
    encoder = _ENCODERS.get(form)
    return [] if encoder is None else [encoder(text.encode()).decode()]


def _decode(text: str, form: str) -> Collection:
    decoder = _DECODERS.get(form)
    if decoder is None:
        return []
    try:
        return [decoder(text).decode()]
    except ValueError as error:
        raise FailedEvaluation("not-encoded", said=form) from error


def _escape(text: str, form: str) -> Collection:
    escaper = _ESCAPERS.get(form)
    return of(None if escaper is None else escaper(text))


def _unescape(text: str, form: str) -> Collection:
    unescaper = _UNESCAPERS.get(form)
    try:
        return of(None if unescaper is None else unescaper(text))
    except ValueError as error:
        raise FailedEvaluation("not-escaped", said=form) from error


def _apply_text(apply: Apply, least: int, most: int, gives: Gives = "String") -> Function:
    return Function(apply, least, most, gives=gives, takes="text", one_item=True)


STRINGS: Mapping[str, Function] = {
    "indexOf": _of_texts(lambda text, part: [text.find(part)], "Integer"),
    "lastIndexOf": _of_texts(lambda text, part: [text.rfind(part)], "Integer"),
    "substring": _apply_text(_substring, 1, 2),
    "startsWith": _of_texts(lambda text, part: [text.startswith(part)], "Boolean"),
    "endsWith": _of_texts(lambda text, part: [text.endswith(part)], "Boolean"),
    "contains": _of_texts(lambda text, part: [part in text], "Boolean"),
    "upper": _of_text(lambda text: [text.upper()], "String"),
    "lower": _of_text(lambda text: [text.lower()], "String"),
    "replace": _apply_text(_replace, 2, 2),
    "matches": _matching(lambda frame, text, pattern: patterns.found(frame.run, text, pattern)),
    "matchesFull": _matching(lambda frame, text, pattern: patterns.fits(frame.run, text, pattern)),
    "replaceMatches": _apply_text(_replace_matches, 2, 2),
    "length": _of_text(lambda text: [len(text)], "Integer"),
    "toChars": Function(_to_chars, takes="text"),
    "encode": _of_texts(_encode, "String"),
    "decode": _of_texts(_decode, "String"),
    "escape": _of_texts(_escape, "String"),
    "unescape": _of_texts(_unescape, "String"),
    "trim": _of_text(lambda text: [text.strip()], "String"),
    "split": Function(_split, 1, 1, takes="text"),
    "join": Function(_join, 0, 1, gives="String", takes="text", one_item=True),
}
