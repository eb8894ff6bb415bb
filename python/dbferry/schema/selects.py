"""The clauses of a query: what it reads and joins, which rows it keeps, groups and orders, and what it puts together.

Ranges keep the names that the source gives them, every column is written with the name of its range, and every
column of an answer with a name of its own: nothing is left to the rules by which an engine looks for names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from dbferry.schema.aggregates import check_grouped, is_one, settled
from dbferry.schema.nodes import Node, only, said
from dbferry.schema.relations import Output, Relation
from dbferry.schema.terms import Term, Untranslatable, family, result

if TYPE_CHECKING:
    from dbferry.schema.queries import Query, QueryTranslator

WORDS: dict[type[Node], str] = {
    exp.Union: "UNION",
    exp.Except: "EXCEPT",
    exp.Intersect: "INTERSECT",
}
SIDES = ("LEFT", "RIGHT", "FULL")
CLAUSES = (
    "expressions", "from_", "joins", "where", "group", "having", "distinct", "order", "limit", "offset", "with_",
)  # fmt: skip
SORTED = frozenset({"number", "date", "timestamp", "time", "instant", "bool"})
ORDER = "its rows come in the target's own order of text"
ALL_ROWS = "9223372036854775807"
"""What no LIMIT is, where OFFSET needs one."""
Shape = Callable[["QueryTranslator", Term, str | None], str]
Item = tuple[str, Node]
"""The name of a column of the answer, and what gives it."""


def select(
    t: QueryTranslator, node: Node, names: Sequence[str] = (), *, shape: Shape | None = None
) -> Query:
    """`shape` says the columns of the answer in other types."""
    from dbferry.schema import windows
    from dbferry.schema.queries import Query

    if node.args.get("windows"):
        node = windows.spelled(node, t.source.fold_column)
    only(node, *CLAUSES)
    opening, rows = _rows(t, node)
    items = _items(t, node, names)
    outputs = tuple(t.output(name, given) for name, given in items)
    groups = _groups(t, node, items)
    distinct = node.args.get("distinct")
    if distinct is not None:
        only(distinct)
        t.told_apart(outputs)
    listed = ", ".join(
        f"{shape(t, output.term, output.unfit) if shape else output.term.sql} AS {t.wanted.quote(output.name)}"
        for output in outputs
    )
    answer = Answer(outputs, items, groups.keys, distinct is not None)
    closing = _closing(t, node, answer)
    head = f"SELECT {'DISTINCT ' * (distinct is not None)}{listed}"
    sql = [opening, head, *rows, groups.by, groups.having, closing]
    return Query(" ".join(filter(None, sql)), _seen(t, outputs))


def _seen(t: QueryTranslator, outputs: Sequence[Output]) -> tuple[Output, ...]:
    """The columns of an answer as whoever reads it sees them."""
    if len({t.target.fold_column(output.name) for output in outputs}) < len(outputs):
        raise Untranslatable("two columns have one name")
    return tuple(outputs)


def exists(t: QueryTranslator, node: Node) -> str:
    """A query of which nothing counts but whether it has rows."""
    made = t.inner()
    limit = node.args.get("limit")
    plain = isinstance(node, exp.Select) and not any(
        node.args.get(name) for name in ("group", "having", "distinct", "offset", "with_")
    )
    # MariaDB prints one that ends the search.
    plain = plain and (limit is None or int(_count(limit)) > 0)
    summed = any(is_one(found) for given in node.expressions for found in given.walk())
    if not plain or summed:
        return t.query(node).sql
    only(node, *CLAUSES)
    return " ".join(["SELECT 1", *_rows(made, node)[1]])


def _rows(t: QueryTranslator, node: Node) -> tuple[str, list[str]]:
    """WITH, and FROM and WHERE."""
    opening = _with(t, node.args.get("with_"))
    parts = []
    if node.args.get("from_") is not None:
        only(node.args["from_"], "this")
        first = _range(t, node.args["from_"].this)
        parts.append(f"FROM {_joined(t, first, node.args.get('joins') or [])}")
    where = node.args.get("where")
    if where is not None:
        only(where, "this")
        parts.append(f"WHERE {t.truth(where.this)}")
    return opening, parts


def _with(t: QueryTranslator, node: Node | None) -> str:
    if node is None:
        return ""
    from dbferry.schema import recursions

    only(node, "expressions", "recursive")
    turns, parts = bool(node.args.get("recursive")), []
    for each in node.expressions:
        only(each, "this", "alias")
        only(each.args["alias"], "this", "columns")
        name, names = each.alias, [column.name for column in each.args["alias"].columns]
        if turns and recursions.reads_itself(t, each.this, name):
            made = recursions.query(t, each.this, name, names)
        else:
            made = t.query(each.this, names)
        t.local[t.source.fold_column(name)] = Relation(t.wanted.quote(name), made.outputs)
        parts.append(f"{t.wanted.quote(name)} AS ({made.sql})")
    return f"WITH {'RECURSIVE ' * turns}{', '.join(parts)}"


# What is read


def _joined(t: QueryTranslator, sql: str, joins: Sequence[Node]) -> str:
    crossed = False
    for join in joins:
        only(join, "this", "side", "kind", "on", "using")
        side, kind = (str(join.args.get(name) or "").upper() for name in ("side", "kind"))
        conditional = join.args.get("on") is not None or bool(join.args.get("using"))
        if side not in ("", *SIDES) or kind not in ("", "INNER", "OUTER", "CROSS"):
            raise Untranslatable(f"a join of the sort {side} {kind}")
        if side and (not conditional or (crossed and side != "LEFT")):
            raise Untranslatable("an outer join that engines bind in their own ways")
        if side == "FULL" and not t.wanted.places_nulls:
            raise Untranslatable(f"{t.target.name} has no FULL JOIN")
        before = len(t.ranges)
        right = _range(t, join.this)
        condition = _condition(t, join, before, side)
        crossed = crossed or not conditional
        word = f"{side} JOIN" if side else "JOIN" if conditional else "CROSS JOIN"
        sql += f" {word} {right}" + (f" ON {condition}" if conditional else "")
    return sql


def _condition(t: QueryTranslator, join: Node, before: int, side: str) -> str:
    on, using = join.args.get("on"), join.args.get("using") or []
    if on is not None and side and on.find(exp.Query):
        t.doubt("engines answer a query in the condition of an outer join in their own ways")
    if on is not None:
        return t.truth(on)
    if using and side in ("RIGHT", "FULL"):
        raise Untranslatable("USING in an outer join whose right side stays")
    if using and len(t.ranges) != before + 1:
        raise Untranslatable("USING with a join inside of parentheses")
    told = []
    for name in using:
        right = t.ranges.pop()
        left = exp.column(exp.to_identifier(name.name, quoted=True))
        held = t.find(left)
        t.ranges.append(right)
        if held is None or held[0] not in t.ranges:
            raise Untranslatable(f"`{name.name}` of USING is no column that is moved")
        sides = [
            exp.column(
                exp.to_identifier(name.name, quoted=True),
                table=exp.to_identifier(each.name, quoted=True),
            )
            for each in (held[0], right)
        ]
        told.append(t.truth(exp.EQ(this=sides[0], expression=sides[1])))
        merged = right.merged | {t.source.fold_column(name.name)}
        t.ranges[-1] = replace(right, merged=merged)
    return " AND ".join(told)


def _range(t: QueryTranslator, node: Node) -> str:
    match node:
        case exp.Table():
            only(node, "this", "db", "alias", "joins")
            if not isinstance(node.this, exp.Identifier):
                raise Untranslatable(f"`{said(node)}` is no table")
            sql = _named(t, node, _relation(t, node))
        case exp.Subquery() if isinstance(node.this, exp.Table | exp.Subquery) and not node.alias:
            only(node, "this", "joins")
            sql = f"({_range(t, node.this)})"
        case exp.Subquery():
            only(node, "this", "alias", "joins")
            # It doesn't see what is read beside it.
            made = t.inner(seeing=False).query(node.this)
            sql = _named(t, node, Relation(f"({made.sql})", made.outputs))
        case _:
            raise Untranslatable(f"`{said(node)}` is nothing that is read from")
    return _joined(t, sql, node.args.get("joins") or [])


def _relation(t: QueryTranslator, node: Node) -> Relation:
    schema = node.args["db"].name if node.args.get("db") is not None else None
    found = t.local.get(t.source.fold_column(node.name)) if schema is None else None
    found = found or t.relations.find(schema, node.name)
    if found is None:
        raise Untranslatable(f"it reads `{said(node)}`, which is not moved")
    return found


def _named(t: QueryTranslator, node: Node, relation: Relation) -> str:
    from dbferry.schema.queries import Range

    alias = node.args.get("alias")
    if alias is not None:
        only(alias, "this")
    taken = {t.source.fold_column(each.name) for each in t.ranges}
    name = node.alias or (node.name if isinstance(node, exp.Table) else f"q{len(taken) + 1}")
    if t.source.fold_column(name) in taken:
        raise Untranslatable(f"two tables are called `{name}` in it")
    t.ranges.append(Range(name, relation))
    return f"{relation.sql} AS {t.wanted.quote(name)}"


# What is shown


def _items(t: QueryTranslator, node: Node, names: Sequence[str]) -> list[Item]:
    given = [item for each in node.expressions for item in _expanded(t, each)]
    if not names:
        return [(name or f"column{place}", each) for place, (name, each) in enumerate(given, 1)]
    if len(names) != len(given):
        raise Untranslatable("it has other columns than its catalog tells")
    return [(name, each) for name, (_, each) in zip(names, given, strict=True)]


def _expanded(t: QueryTranslator, node: Node) -> Iterator[Item]:
    if isinstance(node, exp.Alias):
        only(node, "this", "alias")
        yield node.alias, node.this
    elif isinstance(node, exp.Star) or (isinstance(node, exp.Column) and node.is_star):
        yield from _all(t, node)
    else:
        yield node.name if isinstance(node, exp.Column) else "", node


def _all(t: QueryTranslator, node: Node) -> Iterator[Item]:
    """What `*` stands for."""
    if isinstance(node, exp.Star):
        only(node)
    fold, table = t.source.fold_column, node.args.get("table")
    found = [each for each in t.ranges if table is None or fold(each.name) == fold(table.name)]
    for each in found:
        if not each.relation.whole:
            raise Untranslatable(
                f"not all columns of `{each.name}` are moved, and it shows them all"
            )
        for output in each.relation.outputs:
            if table is None and fold(output.source) in each.merged:
                continue
            column = exp.to_identifier(output.source, quoted=True)
            yield output.source, exp.column(column, table=exp.to_identifier(each.name, quoted=True))


# Groups


@dataclass(frozen=True)
class Groups:
    keys: Sequence[Node] | None = None
    """What the source groups by; nothing where it doesn't."""
    by: str = ""
    having: str = ""


def _groups(t: QueryTranslator, node: Node, items: Sequence[Item]) -> Groups:
    group, having = node.args.get("group"), node.args.get("having")
    summed = any(is_one(found) for _, given in items for found in _outside(given))
    if group is None and having is None and not summed:
        return Groups()
    keys: list[Node] = []
    if group is not None:
        only(group, "expressions")
        keys = [_meant(t, each, items) for each in group.expressions]
        by_key = {t.say(key).sql for key in keys}
        t.told_apart(t.output("", key) for key in keys if not settled(t, key, by_key))
    check_grouped(t, [given for _, given in items], keys)
    by = f"GROUP BY {', '.join(t.say(key).sql for key in keys)}" if keys else ""
    if having is None:
        return Groups(keys, by)
    only(having, "this")
    condition = _meant(t, having.this, items, ordinals=False)
    check_grouped(t, [condition], keys)
    return Groups(keys, by, f"HAVING {t.truth(condition)}")


def _outside(node: Node) -> Iterator[Node]:
    """An expression's nodes but those of queries and windows inside of it."""
    return node.walk(prune=lambda found: isinstance(found, exp.Query | exp.Window))


def _meant(t: QueryTranslator, node: Node, items: Sequence[Item], *, ordinals: bool = True) -> Node:
    """An expression with what the names and numbers of the answer's columns stand for."""
    if ordinals and isinstance(node, exp.Literal) and not node.is_string:
        return items[_place(node, len(items))][1]
    fold = t.source.fold_column
    by_name = {fold(name): given for name, given in items}

    def put(found: Node) -> Node:
        if not isinstance(found, exp.Column) or found.args.get("table") is not None:
            return found
        given = by_name.get(fold(found.name))
        if given is None or given == found:
            return found
        if t.find(found) is None:
            return given.copy()
        if not isinstance(given, exp.Column) or t.say(given).sql != t.say(found).sql:
            raise Untranslatable(f"`{found.name}` may be a column or what is shown under its name")
        return found

    return node.transform(put)


def _place(node: Node, width: int) -> int:
    """Which column of the answer a number stands for."""
    place = int(node.name) if node.name.isdigit() else 0
    if not 1 <= place <= width:
        raise Untranslatable(f"there is no column {node.name}")
    return place - 1


# Order


@dataclass(frozen=True)
class Answer:
    """What an order may name."""

    outputs: Sequence[Output]
    items: Sequence[Item] | None = None
    """Absent where queries are put together: only columns of the answer can be named then."""
    keys: Sequence[Node] | None = None
    distinct: bool = False


def _closing(t: QueryTranslator, node: Node, answer: Answer) -> str:
    """ORDER BY, LIMIT and OFFSET."""
    order, limit, offset = (node.args.get(name) for name in ("order", "limit", "offset"))
    cut = limit is not None or offset is not None
    parts = []
    if order is not None:
        only(order, "expressions")
        by = [_ordered(t, each, answer, cut=cut) for each in order.expressions]
        parts.append(f"ORDER BY {', '.join(by)}")
    elif cut:
        raise Untranslatable("which rows LIMIT keeps is left open", "say it by ORDER BY")
    if cut:
        parts.append(f"LIMIT {_count(limit) if limit is not None else ALL_ROWS}")
    if offset is not None:
        parts.append(f"OFFSET {_count(offset)}")
    return " ".join(parts)


def _count(node: Node) -> str:
    only(node, "expression")
    count = node.args["expression"]
    if not isinstance(count, exp.Literal) or not count.name.isdigit():
        raise Untranslatable("a LIMIT that is no plain number")
    return count.name


def _ordered(t: QueryTranslator, node: Node, answer: Answer, *, cut: bool) -> str:
    only(node, "this", "desc", "nulls_first")
    output = _shown(t, node.this, answer.outputs)
    if output is None and answer.items is not None:
        given = _meant(t, node.this, answer.items, ordinals=False)
        if answer.keys is not None:
            check_grouped(t, [given], answer.keys)
        sql = t.say(given).sql
        shown = (each for each in answer.outputs if each.term.sql == sql)
        output = next(shown, None) if answer.distinct else t.output("", given)
    if output is None:
        raise Untranslatable("an order by what isn't shown")
    sql = t.wanted.quote(output.name) if output.name else output.term.sql
    return sort_key(t, node, output, sql, decides=cut)


def sort_key(t: QueryTranslator, node: Node, output: Output, sql: str, *, decides: bool) -> str:
    """`decides` is an order by which rows are kept or numbered, and not only shown."""
    if not t.same and (output.unfit or family(output.term.kind) not in SORTED):
        if decides:
            t.doubt("rows are chosen or numbered by an order that engines have in their own ways")
        else:
            t.note(ORDER)
    return _placed(
        t, sql, descending=bool(node.args.get("desc")), first=bool(node.args.get("nulls_first"))
    )


def _shown(t: QueryTranslator, node: Node, outputs: Sequence[Output]) -> Output | None:
    """The column of the answer that an order names, by its place or its name."""
    if isinstance(node, exp.Literal) and not node.is_string:
        return outputs[_place(node, len(outputs))]
    if not isinstance(node, exp.Column) or node.args.get("table") is not None:
        return None
    fold = t.source.fold_column
    return next((each for each in outputs if fold(each.name) == fold(node.name)), None)


def _placed(t: QueryTranslator, sql: str, *, descending: bool, first: bool) -> str:
    """With NULLs where the source puts them."""
    told = f"{sql} DESC" if descending else sql
    large = t.wanted.nulls_are_large
    if first == (descending == large) and large is not None:
        return told
    if t.wanted.places_nulls:
        return f"{told} NULLS {'FIRST' if first else 'LAST'}"
    return f"({sql} IS {'NOT ' * first}NULL), {told}"


# Queries put together


def together(t: QueryTranslator, node: Node, names: Sequence[str]) -> Query:
    from dbferry.schema.queries import Query

    only(node, "this", "expression", "distinct", "order", "limit", "offset", "with_")
    opening = _with(t, node.args.get("with_"))
    sorts = {type(node), type(node.this)}
    if isinstance(node.this, exp.SetOperation) and len(sorts) > 1 and exp.Intersect in sorts:
        raise Untranslatable("INTERSECT beside another word without parentheses")
    sides = [t.query(node.this, names), t.query(node.expression)]
    if len(sides[0].outputs) != len(sides[1].outputs):
        raise Untranslatable("queries of several widths")
    outputs = [_both(*pair) for pair in zip(*(side.outputs for side in sides), strict=True)]
    distinct = bool(node.args.get("distinct"))
    if distinct:
        t.told_apart(outputs)
    word = WORDS[type(node)] + ("" if distinct else " ALL")
    left = _side(t, node.this, sides[0], chained=True)
    right = _side(t, node.expression, sides[1], chained=False)
    closing = _closing(t, node, Answer(outputs))
    return Query(" ".join(filter(None, [opening, left, word, right, closing])), tuple(outputs))


def _both(one: Output, other: Output) -> Output:
    kinds = {family(each.term.kind) for each in (one, other)} - {None}
    if len(kinds) > 1:
        raise Untranslatable(f"{' and '.join(sorted(map(str, kinds)))} in one column")
    term = replace(result([one.term, other.term]), sql="")
    texts = one.texts | other.texts if one.texts and other.texts else frozenset[str]()
    return Output(one.source, one.name, term, one.unfit or other.unfit, texts)


def _side(t: QueryTranslator, node: Node, made: Query, *, chained: bool) -> str:
    """As an engine takes it that has no parentheses there."""
    inside = node
    while isinstance(inside, exp.Subquery):
        inside = inside.this
    closed = any(inside.args.get(name) for name in ("order", "limit", "offset", "with_"))
    plain = isinstance(inside, exp.Select) or (
        chained and node is inside and not isinstance(node, exp.Intersect)
    )
    if plain and not closed:
        return made.sql
    return f"SELECT * FROM ({made.sql}) AS {t.wanted.quote('q')}"
