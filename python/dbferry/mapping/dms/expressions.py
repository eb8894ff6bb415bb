"""Expressions of AWS DMS, which are SQLite's with `$COLUMN` and headers, in the source's own SQL.

What means the same in the source is said in its words; anything else is refused by name, for it would be another
value than the one that DMS computes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dbferry.catalog import Column
from dbferry.engines import Engine
from dbferry.types import WHOLE, Canonical, Kind

NAME = re.compile(r"'(?:[^']|'')*'|\$([A-Za-z_][\w$#]*)|\$\{([^}]+)\}")
FORM = re.compile(r"(%[YmdHMSj]|[-/:.,_T ])+")
HEADERS = {
    "AR_H_STREAM_POSITION": "a load has no stream position: NULL",
    "AR_H_CHANGE_SEQ": "a load has no sequence of changes: NULL",
    "AR_H_USER": "a load knows no user who made a change: NULL",
    "AR_H_TIMESTAMP": "the moment at which the run begins",
    "AR_H_COMMIT_TIMESTAMP": "the moment at which the run begins",
}
SIGNS: dict[type[exp.Expr], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Mod: "%", exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=",
    exp.LT: "<", exp.LTE: "<=", exp.And: "AND", exp.Or: "OR",
}  # fmt: skip
COMPARED = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.In,
    exp.Between,
    exp.Nullif,
    exp.Case,
)

DIGITS = frozenset({"hash_sha256", "hex", "lower_hex"})
"""Functions whose result is a text, whatever they are given."""
ALIKE = frozenset({"lower", "upper", "replace", "trim", "substring", "replacechars"})
"""Functions whose result is a text where they are given texts and numbers; of bytes a server may make bytes."""
NUMBERS = frozenset({Kind.INT, Kind.UINT, Kind.DECIMAL, Kind.NUMERIC})
"""Those that every server writes alike."""
UNLIKE = frozenset({Kind.BOOL, Kind.FLOAT, Kind.BINARY, Kind.BITS})
"""Those whose text no two engines have in common: `1.0`, `1`, `1e0`; bytes as they are, or as digits."""
MOST_ZEROS = 1_048_576
"""Bytes: MySQL and MariaDB make NULL of what is larger than a packet, which has 16 MiB or more unless told otherwise."""


class Refused(Exception):
    """Why there is no translation."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What an expression can name."""

    columns: Mapping[str, Column]
    metadata: Mapping[str, str]
    """`AR_M_…` → its text."""
    moment: str
    """The moment of the load, as SQL of the source."""


def headers(text: str) -> list[str]:
    """What is said of the headers in an expression that a load has not."""
    named = {match[1] for match in NAME.finditer(text) if match[1]}
    return [f"${name}: {told}" for name, told in HEADERS.items() if name in named]


def translate(text: str, one: Engine, place: Place) -> str:
    """The source's own SQL. Raises Refused."""
    named: list[str] = []

    def take(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            return match[0]
        named.append(name)
        return f'"${len(named) - 1}"'

    try:
        # In parentheses, for REPLACE begins a statement too.
        tree = sqlglot.parse_one(f"({NAME.sub(take, text)}\n)", dialect="sqlite")
    except SqlglotError:
        raise Refused("it can't be parsed") from None
    if not isinstance(tree, exp.Paren):
        # It closed these parentheses itself, or is a list or a query.
        raise Refused("it is no plain expression")
    return _Saying(one, place, named).say(tree.this)


class _Saying:
    def __init__(self, one: Engine, place: Place, named: Sequence[str]) -> None:
        self.one, self.place, self.named = one, place, named
        self.phrases = one.phrases
        self.mysql = one.family == "mysql"

    def say(self, node: exp.Expr) -> str:
        match node:
            case exp.Column():
                return self._column(node)
            case exp.Literal(is_string=True):
                return self._text(node)
            case exp.Literal() | exp.Null():
                return node.sql("sqlite")
            case exp.Boolean():
                return self.phrases.constant(bool(node.this))
            case exp.Paren():
                return f"({self.say(node.this)})"
            case exp.DPipe():
                return self.phrases.join(*(self._joined(part) for part in node.flatten()))
            case exp.Case():
                return self._case(node)
            case exp.In() if node.expressions:
                listed = ", ".join(map(self.say, node.expressions))
                return f"{self.say(node.this)} IN ({listed})"
            case exp.Between():
                low, high = self.say(node.args["low"]), self.say(node.args["high"])
                return f"{self.say(node.this)} BETWEEN {low} AND {high}"
            case exp.Not():
                return f"NOT ({self.say(node.this)})"
            case exp.Neg():
                return f"-({self.say(node.this)})"
            case exp.Is():
                return f"{self.say(node.this)} IS {self.say(node.expression)}"
            case exp.Div() if not self.mysql:
                divided, by = self.say(node.this), self.say(node.expression)
                return f"({divided} / NULLIF({by}, 0))"
            case exp.Binary() if type(node) in SIGNS:
                sign = SIGNS[type(node)]
                return f"({self.say(node.this)} {sign} {self.say(node.expression)})"
            case exp.Cast() if node.to.is_type("text", "varchar", "char"):
                return self._as_text(node.this)
            case exp.Func():
                return self._call(node)
            case _:
                raise Refused(
                    f"`{node.sql('sqlite')}` has no certain counterpart in {self.one.name}"
                )

    def _as_text(self, node: exp.Expr) -> str:
        self._check_text(node)
        said = self.say(node)
        whole = self._kind(node) in WHOLE
        return self.phrases.as_digits(said) if whole else self.phrases.as_text(said)

    def _joined(self, node: exp.Expr) -> str:
        self._check_text(node)
        said = self.say(node)
        return self.phrases.as_digits(said) if self._kind(node) in WHOLE else said

    def _check_text(self, node: exp.Expr) -> None:
        """What isn't a text becomes one, and SQLite writes it so as well."""
        for column in _flowing(node) if self.one.name != "sqlite" else ():
            found = self._read(column)
            # MySQL's are numbers.
            alike = {Kind.BOOL} if self.mysql else set()
            if found and found.kind in UNLIKE - alike:
                raise Refused(
                    f"the text of {found.kind} is another one in {self.one.name} than in SQLite"
                )

    def _column(self, node: exp.Column) -> str:
        name = node.name
        known = re.fullmatch(r"\$(\d+)", name)
        if known is None or node.table:
            raise Refused(f"`{name}` is no column; columns are written as ${name}")
        return self._named(self.named[int(known[1])])

    def _named(self, name: str) -> str:
        if name in self.place.metadata:
            return self.phrases.as_text(self.phrases.constant(self.place.metadata[name]))
        if name in ("AR_H_TIMESTAMP", "AR_H_COMMIT_TIMESTAMP"):
            return self.place.moment
        if name == "AR_H_OPERATION":
            return self.phrases.as_text(self.phrases.constant("INSERT"))
        if name in HEADERS:
            return self.phrases.as_text("NULL")
        if name not in self.place.columns:
            raise Refused(f"there is no column or header `{name}`")
        return self.one.quote(name)

    def _text(self, node: exp.Expr) -> str:
        made = self.phrases.constant(node.name)
        # SQLite tells small letters from capitals, and most collations of MySQL don't.
        compared = self.mysql and (isinstance(node.parent, COMPARED) or _is_case(node))
        return f"_utf8mb4 {made} COLLATE utf8mb4_bin" if compared else made

    def _case(self, node: exp.Case) -> str:
        value, rest = node.this, node.args.get("default")
        branches = [
            f"WHEN {self.say(branch.this)} THEN {self.say(branch.args['true'])}"
            for branch in node.args["ifs"]
        ]
        head = f"CASE {self.say(value)}" if value else "CASE"
        tail = f"ELSE {self.say(rest)} END" if rest else "END"
        return " ".join([head, *branches, tail])

    def _call(self, node: exp.Func) -> str:
        name = _called(node)
        given = _arguments(node)
        known: Mapping[str, Callable[[Sequence[exp.Expr]], str | None]] = {
            "coalesce": lambda a: f"COALESCE({self._listed(a)})",
            "nullif": lambda a: f"NULLIF({self._listed(a)})",
            "lower": lambda a: self.phrases.ascii_case(self._listed(a), upper=False),
            "upper": lambda a: self.phrases.ascii_case(self._listed(a), upper=True),
            "abs": lambda a: f"ABS({self._listed(a)})",
            "round": lambda a: f"ROUND({self._listed(a)})",
            "replace": lambda a: f"REPLACE({self._listed(a)})",
            "trim": lambda a: self._trim(node, a),
            "substring": self._substring,
            "greatest": lambda a: self._most("max", a),
            "least": lambda a: self._most("min", a),
            "hash_sha256": lambda a: self.phrases.sha256(self._as_text(a[0])),
            "hex": self._digits,
            # The parser's own name of `lower(hex(x))`.
            "lower_hex": lambda a: (made := self._digits(a)) and f"LOWER({made})",
            "zeroblob": self._zeros,
            "julianday": self._julian,
            "operation_indicator": self._inserted,
            "date": lambda a: self._written("%Y-%m-%d", a),
            "time": lambda a: self._written("%H:%M:%S", a),
            "datetime": lambda a: self._now(a) or self._written("%Y-%m-%d %H:%M:%S", a),
            "time_to_str": lambda a: self._written(a[1].name, a[:1]),
            "rand": lambda _: self.phrases.random(),
            "replacechars": self._replace_characters,
        }
        made = known[name](given) if name in known else None
        if made is None:
            raise Refused(f"`{node.sql('sqlite')}` has no certain counterpart in {self.one.name}")
        return made

    def _listed(self, given: Sequence[exp.Expr]) -> str:
        return ", ".join(map(self.say, given))

    def _trim(self, node: exp.Func, given: Sequence[exp.Expr]) -> str | None:
        characters = given[1] if len(given) > 1 else exp.Literal.string(" ")
        if not (isinstance(characters, exp.Literal) and len(characters.name) == 1):
            return None
        side = {"LEADING": "l", "TRAILING": "r"}.get(str(node.args.get("position") or ""), "")
        text, one = self.say(given[0]), self.phrases.constant(characters.name)
        if not self.mysql:
            return f"{side}trim({text}, {one})"
        return f"TRIM({ {'l': 'LEADING', 'r': 'TRAILING'}.get(side, 'BOTH') } {one} FROM {text})"

    def _substring(self, given: Sequence[exp.Expr]) -> str | None:
        """Counted from 1: servers differ about what is before it."""
        start = given[1]
        if not (isinstance(start, exp.Literal) and start.is_int and int(start.name) > 0):
            return None
        return f"substr({self._listed(given)})"

    def _most(self, name: str, given: Sequence[exp.Expr]) -> str | None:
        """NULL when one of them is, as in SQLite and not in PostgreSQL."""
        if len(given) < 2:
            return None
        if self.one.name == "sqlite":
            return f"{name}({self._listed(given)})"
        word = {"max": "GREATEST", "min": "LEAST"}[name]
        nulls = " OR ".join(f"{self.say(each)} IS NULL" for each in given)
        return f"CASE WHEN {nulls} THEN NULL ELSE {word}({self._listed(given)}) END"

    def _inserted(self, given: Sequence[exp.Expr]) -> str | None:
        """A load only inserts."""
        return self.phrases.as_text(self.say(given[2])) if len(given) == 3 else None

    def _now(self, given: Sequence[exp.Expr]) -> str | None:
        return self.place.moment if len(given) == 1 and given[0].name == "now" else None

    def _written(self, form: str, given: Sequence[exp.Expr]) -> str | None:
        """A date as text. One that a text tells is refused by the source; others are moved by no modifier."""
        if len(given) != 1 or not FORM.fullmatch(form):
            return None
        moment = given[0].this if isinstance(given[0], exp.TsOrDsToTimestamp) else given[0]
        if isinstance(moment, exp.Literal):
            return self.phrases.written(self.place.moment, form) if moment.name == "now" else None
        return self.phrases.written(self.say(moment), form)

    def _digits(self, given: Sequence[exp.Expr]) -> str | None:
        """In SQLite a number's are those of its text."""
        if len(given) != 1:
            return None
        kind = self._kind(given[0])
        if kind not in (Kind.TEXT, Kind.BINARY) and self.one.name != "sqlite":
            way = "; CAST AS TEXT makes a number a text" if kind in NUMBERS else ""
            raise Refused(f"hex() of what isn't known to be a text or bytes{way}")
        return self.phrases.digits(self.say(given[0]), text=kind is Kind.TEXT)

    def _zeros(self, given: Sequence[exp.Expr]) -> str | None:
        count = given[0].name if len(given) == 1 and isinstance(given[0], exp.Literal) else ""
        if not count.isdigit() or int(count) > MOST_ZEROS:
            raise Refused(f"zeroblob() of what is no plain number up to {MOST_ZEROS:,}")
        return self.phrases.zeros(int(count))

    def _julian(self, given: Sequence[exp.Expr]) -> str | None:
        found = self._read(given[0]) if len(given) == 1 else None
        if found is None:
            raise Refused("julianday() of what is no column")
        if self.one.name != "sqlite":
            if found.kind not in (Kind.DATE, Kind.TIMESTAMP):
                raise Refused(f"julianday() of {found.kind}, which is no date and no wall clock")
            if found.kind is Kind.TIMESTAMP and found.precision != 0:
                raise Refused(
                    "julianday() of fractions of a second, which SQLite's versions round in their own ways"
                )
        return self.phrases.julian(self.say(given[0]))

    def _read(self, node: exp.Expr) -> Canonical | None:
        """The type of a column; nothing for what is none."""
        known = re.fullmatch(r"\$(\d+)", node.name) if isinstance(node, exp.Column) else None
        name = self.named[int(known[1])] if known else ""
        if name in self.place.metadata:
            return Canonical(kind=Kind.TEXT)
        column = self.place.columns.get(name)
        return self.one.read(column, {}).canonical if column else None

    def _kind(self, node: exp.Expr) -> Kind | None:
        """What an expression gives, where that is certain."""
        match node:
            case exp.Column():
                found = self._read(node)
                return found.kind if found else None
            case exp.Paren():
                return self._kind(node.this)
            case exp.Literal():
                return Kind.TEXT if node.is_string else Kind.DECIMAL
            case exp.DPipe():
                return self._text_of(node.flatten())
            case exp.Cast():
                return self._text_of([node.this])
            case exp.Func():
                return self._given(node)
            case _:
                return None

    def _given(self, node: exp.Func) -> Kind | None:
        name = _called(node)
        if name in ALIKE:
            return self._text_of(_arguments(node))
        return Kind.BINARY if name == "zeroblob" else Kind.TEXT if name in DIGITS else None

    def _text_of(self, parts: Iterable[exp.Expr]) -> Kind | None:
        """A text, where all that it is made of are texts and numbers."""
        known = all(self._kind(part) in (Kind.TEXT, *NUMBERS) for part in parts)
        return Kind.TEXT if known else None

    def _replace_characters(self, given: Sequence[exp.Expr]) -> str | None:
        """One character for one other; several could meet what was put for another."""
        if len(given) != 3 or any(len(each.name) != 1 for each in given[1:]):
            return None
        return f"REPLACE({self._listed(given)})"


def _flowing(node: exp.Expr) -> Iterator[exp.Column]:
    """The columns whose values are in that of an expression, and don't only decide about it."""
    match node:
        case exp.Column():
            yield node
        case exp.Case():
            values = [branch.args["true"] for branch in node.args["ifs"]]
            for value in filter(None, [*values, node.args.get("default")]):
                yield from _flowing(value)
        case exp.And() | exp.Or() | exp.Not() | exp.Is():
            return
        case exp.Func() if _called(node) in DIGITS:
            return
        case _ if isinstance(node, COMPARED) and not isinstance(node, exp.Nullif):
            return
        case _:
            for value in node.iter_expressions():
                yield from _flowing(value)


def _is_case(node: exp.Expr) -> bool:
    """True for a value that `CASE x WHEN value` compares."""
    branch = node.parent
    case = branch.parent if isinstance(branch, exp.If) and branch.this is node else None
    return isinstance(case, exp.Case) and case.this is not None


def _called(node: exp.Func) -> str:
    return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()


def _arguments(node: exp.Func) -> list[exp.Expr]:
    """The operands in the order of the call."""
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    found: list[exp.Expr] = []
    for key in node.arg_types:
        value = node.args.get(key)
        found += (
            value if isinstance(value, list) else [value] if isinstance(value, exp.Expr) else []
        )
    return found
