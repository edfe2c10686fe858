"""Read the text of an expression into its syntax tree.  Grammar: http://hl7.org/fhirpath/N1/grammar.html"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, cast

from tianfu.standards.fhir.fhirpath.limits import NESTING_MAX, TREE_DEPTH_MAX
from tianfu.standards.fhir.fhirpath.refusals import InvalidSyntax
from tianfu.standards.fhir.fhirpath.syntax import (
    BINDING,
    SIGN_BINDING,
    Call,
    Constant,
    Expression,
    Indexed,
    Member,
    MomentConstant,
    Nothing,
    Operation,
    QuantityConstant,
    Scoped,
    Signed,
    SortKey,
    TypeName,
    TypeOperation,
    Variable,
    depth_of,
)
from tianfu.standards.fhir.fhirpath.tokens import Token, TokenKind, tokens_of

CALENDAR_UNITS = frozenset(
    unit + plural
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
)
_OPERATOR_WORDS = frozenset({"and", "or", "xor", "implies", "div", "mod", "in", "contains", "is", "as"})
_NEVER_NAMES = frozenset({"and", "or", "xor", "implies", "div", "mod"})
_SCOPES = frozenset({"this", "index", "total"})


def parse(text: str) -> Expression:
    """The syntax tree of `text`; raises InvalidSyntax."""
    reader = _Reader(tokens_of(text))
    tree = reader.expression(0)
    reader.expect_end()
    if depth_of(tree) > TREE_DEPTH_MAX:
        raise InvalidSyntax("too-deep")
    return tree


class _Reader:
    """Reads tokens from left to right, each operator taking what binds more tightly than itself."""

    __slots__ = ("_nesting", "_position", "_tokens")

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._position = 0
        self._nesting = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._next
        if token.kind is not TokenKind.END:
            self._position += 1
        return token

    def _take_symbol(self, text: str) -> bool:
        if self._next.is_symbol(text):
            self._position += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._take_symbol(symbol):
            raise self._unexpected(self._next)

    def expect_end(self) -> None:
        if self._next.kind is not TokenKind.END:
            raise self._unexpected(self._next)

    @staticmethod
    def _unexpected(token: Token) -> InvalidSyntax:
        if token.kind is TokenKind.END:
            return InvalidSyntax("unfinished", at=token.at)
        return InvalidSyntax("unexpected", at=token.at, said=token.text)

    def expression(self, binding: int) -> Expression:
        """The longest expression from here whose operators bind at least as tightly as `binding`."""
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise InvalidSyntax("too-deep", at=self._next.at)
        tree = self._operand()
        while (operator := self._operator()) is not None and BINDING[operator] >= binding:
            tree = self._operation(tree, operator)
        self._nesting -= 1
        return tree

    def _operator(self) -> str | None:
        token = self._next
        if token.kind is TokenKind.SYMBOL and token.text in BINDING:
            return token.text
        if token.kind is TokenKind.WORD and token.text in _OPERATOR_WORDS:
            return token.text
        return None

    def _operation(self, left: Expression, operator: str) -> Expression:
        at = self._take().at
        if operator in ("is", "as"):
            return TypeOperation(
                operator=cast("Literal['is', 'as']", operator), operand=left, type=self._type_name(), at=at
            )
        right = self.expression(BINDING[operator] + 1)
        return Operation(operator=operator, left=left, right=right, at=at)

    def _operand(self) -> Expression:
        token = self._next
        if token.is_symbol("-") or token.is_symbol("+"):
            self._take()
            sign = cast("Literal['+', '-']", token.text)
            return Signed(sign=sign, operand=self.expression(SIGN_BINDING), at=token.at)
        return self._postfixed(self._term())

    def _postfixed(self, tree: Expression) -> Expression:
        while True:
            token = self._next
            if self._take_symbol("."):
                tree = self._invocation(tree, after_dot=True)
            elif self._take_symbol("["):
                tree = Indexed(target=tree, index=self.expression(0), at=token.at)
                self._expect("]")
            else:
                return tree

    def _term(self) -> Expression:
        token = self._next
        match token.kind:
            case TokenKind.STRING:
                self._take()
                return Constant(value=token.text, at=token.at)
            case TokenKind.NUMBER:
                return self._number()
            case TokenKind.MOMENT:
                self._take()
                return MomentConstant(text=token.text, at=token.at)
            case TokenKind.SCOPE:
                return self._scoped()
            case TokenKind.SYMBOL:
                return self._bracketed()
            case TokenKind.WORD if token.text in ("true", "false"):
                self._take()
                return Constant(value=token.text == "true", at=token.at)
            case TokenKind.WORD | TokenKind.QUOTED_WORD:
                return self._invocation(None, after_dot=False)
            case TokenKind.END:
                raise self._unexpected(token)

    def _bracketed(self) -> Expression:
        token = self._next
        if self._take_symbol("("):
            tree = self.expression(0)
            self._expect(")")
            return tree
        if self._take_symbol("{"):
            self._expect("}")
            return Nothing(at=token.at)
        if self._take_symbol("%"):
            name = self._take()
            if name.kind not in (TokenKind.WORD, TokenKind.QUOTED_WORD, TokenKind.STRING):
                raise self._unexpected(name)
            return Variable(name=name.text, at=token.at)
        raise self._unexpected(token)

    def _scoped(self) -> Expression:
        token = self._take()
        if token.text[1:] not in _SCOPES:
            raise self._unexpected(token)
        return Scoped(name=cast("Literal['this', 'index', 'total']", token.text[1:]), at=token.at)

    def _number(self) -> Expression:
        token = self._take()
        unit = self._next
        if unit.kind is TokenKind.STRING or (unit.kind is TokenKind.WORD and unit.text in CALENDAR_UNITS):
            self._take()
            calendar = unit.kind is TokenKind.WORD
            return QuantityConstant(value=Decimal(token.text), unit=unit.text, calendar=calendar, at=token.at)
        value = Decimal(token.text) if "." in token.text else int(token.text)
        return Constant(value=value, at=token.at)

    def _name(self, *, after_dot: bool) -> Token:
        token = self._take()
        plain = token.kind is TokenKind.WORD and (after_dot or token.text not in _NEVER_NAMES)
        if not plain and token.kind is not TokenKind.QUOTED_WORD:
            raise self._unexpected(token)
        return token

    def _invocation(self, target: Expression | None, *, after_dot: bool) -> Expression:
        if target is not None and self._next.kind is TokenKind.SCOPE:
            raise self._unexpected(self._next)
        name = self._name(after_dot=after_dot)
        if not self._take_symbol("("):
            return Member(target=target, name=name.text, at=name.at)
        arguments: list[Expression] = []
        if not self._take_symbol(")"):
            arguments.append(self._argument(name.text))
            while self._take_symbol(","):
                arguments.append(self._argument(name.text))
            self._expect(")")
        return Call(target=target, name=name.text, arguments=tuple(arguments), at=name.at)

    def _argument(self, function: str) -> Expression:
        tree = self.expression(0)
        token = self._next
        if function == "sort" and (token.is_word("asc") or token.is_word("desc")):
            self._take()
            return SortKey(key=tree, descending=token.text == "desc", at=token.at)
        return tree

    def _type_name(self) -> TypeName:
        first = self._name(after_dot=False)
        second = self._tokens[self._position + 1] if self._next.is_symbol(".") else None
        if second is None or second.kind not in (TokenKind.WORD, TokenKind.QUOTED_WORD):
            return TypeName(namespace=None, name=first.text, at=first.at)
        if first.text not in ("System", "FHIR"):
            return TypeName(namespace=None, name=first.text, at=first.at)
        self._position += 2
        return TypeName(namespace=first.text, name=second.text, at=first.at)
