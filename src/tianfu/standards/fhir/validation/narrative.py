"""Is a narrative plain, safe XHTML?  https://hl7.org/fhir/R4/narrative.html (invariants txt-1 and txt-2)

Elements and attributes are those of HTML 4.0 (https://www.w3.org/TR/1998/REC-html40-19980424/) chapters 7 to 11
without 9.4, chapter 15, `a`, images and image maps; nothing deprecated, no scripts, forms, events or outside styles.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from tianfu.standards.fhir.validation.formats import Wrong

_XHTML = "http://www.w3.org/1999/xhtml"
_XML = "http://www.w3.org/XML/1998/namespace"

_ANYWHERE = frozenset(("id", "class", "style", "title", "lang", "dir", f"{_XML} lang", f"{_XML} space", "align"))
_CELL = frozenset(
    ("abbr", "axis", "headers", "scope", "rowspan", "colspan", "nowrap", "width", "height", "char", "charoff", "valign")
)
_ROW = frozenset(("char", "charoff", "valign"))
_COLUMN = _ROW | {"span", "width"}
_NONE = frozenset[str]()

ELEMENTS: dict[str, frozenset[str]] = {
    # 7: structure
    **dict.fromkeys(("div", "span", "h1", "h2", "h3", "h4", "h5", "h6", "address"), _NONE),
    # 8: direction
    "bdo": _NONE,
    # 9: text
    **dict.fromkeys(("em", "strong", "dfn", "code", "samp", "kbd", "var", "cite", "abbr", "acronym"), _NONE),
    **dict.fromkeys(("sub", "sup", "p"), _NONE),
    "blockquote": frozenset(("cite",)),
    "q": frozenset(("cite",)),
    "br": frozenset(("clear",)),
    "pre": frozenset(("width", "space")),
    # 10: lists
    "ul": frozenset(("type", "compact")),
    "ol": frozenset(("type", "compact", "start")),
    "li": frozenset(("type", "value")),
    "dl": frozenset(("compact",)),
    "dt": _NONE,
    "dd": _NONE,
    # 11: tables
    "table": frozenset(
        ("summary", "width", "border", "frame", "rules", "cellspacing", "cellpadding", "bgcolor", "datapagesize")
    ),
    "caption": _NONE,
    "colgroup": _COLUMN,
    "col": _COLUMN,
    **dict.fromkeys(("thead", "tbody", "tfoot", "tr"), _ROW | {"bgcolor"}),
    **dict.fromkeys(("th", "td"), _CELL | {"bgcolor"}),
    # 15: appearance
    **dict.fromkeys(("tt", "i", "b", "big", "small"), _NONE),
    "hr": frozenset(("noshade", "size", "width")),
    # links and images
    "a": frozenset(
        ("href", "name", "charset", "type", "hreflang", "rel", "rev", "shape", "coords", "accesskey", "tabindex")
    ),
    "img": frozenset(("src", "alt", "longdesc", "height", "width", "usemap", "ismap", "border", "hspace", "vspace")),
    "map": frozenset(("name",)),
    "area": frozenset(("shape", "coords", "href", "nohref", "alt", "accesskey", "tabindex")),
}
"""The allowed elements, each with its attributes beside those allowed anywhere."""

_ADDRESSES = frozenset(("href", "src", "cite", "longdesc", "usemap"))
_IGNORED_IN_ADDRESS = re.compile(r"[\x00-\x20]+")
"""Browsers read an address as if these were not in it."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_SAFE_SCHEME = re.compile(r"(?:https?|ftp|mailto|tel|urn|cid):|data:image/(?:png|jpeg|gif|webp|bmp)[;,]", re.IGNORECASE)
_ACTIVE_STYLE = re.compile(
    r"expression\s*\(|javascript:|vbscript:|@import|behaviou?r\s*:|-moz-binding|\\|/\*", re.IGNORECASE
)


class _WrongError(Exception):
    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code)
        self.wrong = Wrong(code, details)


class _Reader:
    """Follows the parser through one narrative."""

    def __init__(self) -> None:
        self.started = False
        self.has_content = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.removeprefix(f"{_XHTML} ")
        if not self.started and (tag == name or name != "div"):
            raise _WrongError("narrative-root")
        self.started = True
        if tag == name or name not in ELEMENTS:
            raise _WrongError("narrative-element", **_named("element", name))
        self.has_content = self.has_content or name == "img"
        for attribute, value in attributes.items():
            _check_attribute(name, attribute, value)

    def text(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()


def _named(what: str, name: str) -> dict[str, str]:
    """The name, if it is one; anything else could be content."""
    last = name.rsplit(" ", 1)[-1]
    return {what: last} if re.fullmatch(r"[A-Za-z][A-Za-z0-9\-]{0,31}", last) else {}


def _check_attribute(element: str, attribute: str, value: str) -> None:
    if attribute not in _ANYWHERE and attribute not in ELEMENTS[element]:
        raise _WrongError("narrative-attribute", **_named("attribute", attribute))
    if attribute in _ADDRESSES and not _is_safe_address(value):
        raise _WrongError("narrative-script", **_named("attribute", attribute))
    if attribute == "style" and _ACTIVE_STYLE.search(value):
        raise _WrongError("narrative-script", attribute="style")


def _is_safe_address(value: str) -> bool:
    address = _IGNORED_IN_ADDRESS.sub("", value)
    return _SCHEME.match(address) is None or _SAFE_SCHEME.match(address) is not None


def _refuse_document_type(*_: object) -> None:
    """A document type could declare entities that grow without end."""
    raise _WrongError("narrative-document-type")


def _refuse_instruction(*_: object) -> None:
    raise _WrongError("narrative-instruction")


def check_narrative(text: str) -> Wrong | None:
    """What is wrong with the XHTML of `Narrative.div`, or None; never more than one reason."""
    reader = _Reader()
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.ProcessingInstructionHandler = _refuse_instruction
    try:
        parser.Parse(text.encode("utf-8"), True)
    except _WrongError as error:
        return error.wrong
    except expat.ExpatError as error:
        return Wrong("narrative-not-well-formed", {"line": str(error.lineno), "column": str(error.offset + 1)})
    except UnicodeEncodeError:
        return Wrong("narrative-not-well-formed", {})
    return None if reader.has_content else Wrong("narrative-empty", {})
