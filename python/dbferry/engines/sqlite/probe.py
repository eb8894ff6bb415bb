"""A census of one SQLite table, all columns in one pass: classes, ranges and the forms of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbferry.catalog import Column, Session, Table
from dbferry.engines.sqlite import ddl
from dbferry.engines.sqlite.catalog import affinity
from dbferry.types import LARGE, SAMPLE, Facts

# A call of a function takes no more values than this, whatever the version.
VALUES = 100
# Parts of a table that a sample is taken from.
STRETCHES = 10
# What the engine's own aggregate tells of a column, in order (rust/engine/src/sqlite/census.rs).
COUNTED = (
    "nulls", "integers", "reals", "texts", "blobs", "wide_integers", "characters", "octets",
    "misfits", "not_numbers", "days", "moments", "instants", "clocks", "spans", "uuids",
    "odd_uuids", "least", "most",
)  # fmt: skip
# Which of them say something, by the form that was asked for.
OF_FORM: Mapping[str, tuple[str, ...]] = {
    "bool": ("misfits",),
    "exact": ("not_numbers",),
    "date": ("days", "moments", "instants", "least", "most"),
    "time": ("clocks", "spans"),
    "uuid": ("uuids", "odd_uuids"),
}
CLASSES = COUNTED[:6]


def form(name: str) -> str:
    """Which words of a declaration ask for a look at the form of its text."""
    for word, found in (
        ("json", "json"), ("bool", "bool"), ("interval", ""), ("timestamp", "date"),
        ("date", "date"), ("time", "time"), ("uuid", "uuid"), ("guid", "uuid"),
        ("uniqueidentifier", "uuid"), ("dec", "exact"), ("num", "exact"), ("money", "exact"),
    ):  # fmt: skip
        if word in name:
            return found
    return ""


def _asked(column: Column) -> str:
    """The form that the census looks for in a column."""
    asked, native = form(column.native.name), column.native
    if asked == "exact" and native.precision is not None:
        return f"exact:{native.precision}:{native.scale or 0}"
    return asked if asked in OF_FORM else "plain"


def _told(line: str, column: Column, table: Table) -> dict[str, int]:
    """The census of a column, as far as it says something about it."""
    counted = dict(zip(COUNTED, map(int, line.split(" ")), strict=True))
    asked = _asked(column)
    wanted = [*CLASSES, *OF_FORM.get(asked.partition(":")[0], ())]
    if asked.startswith("exact:"):
        wanted.append("misfits")
    if affinity(column.native.name) == "text" or column.name in table.keyed:
        wanted += ["characters", "octets"]
    facts = {name: counted[name] for name in wanted}
    if not facts["integers"]:
        facts = {name: value for name, value in facts.items() if name not in ("least", "most")}
    return facts


def run(session: Session, table: Table, *, sample: bool) -> Mapping[str, Facts]:
    relation = ddl.quote(table.name) if table.query is None else f"(\n{table.query}\n) AS q"
    if not sample:
        return _census(session, table, relation)
    if table.kind in ("query", "view"):
        # What has no places to take stretches from shows its first rows.
        found = _census(session, table, f"(SELECT * FROM {relation} LIMIT {SAMPLE}) AS b")
        if _rows(found) < SAMPLE:
            return found
    elif part := _stretches(session, table):
        found = _census(session, table, part)
        if _rows(found) * 2 <= SAMPLE:
            return _census(session, table, relation)
    else:
        return _census(session, table, relation)
    # A unit that integers are counted in needs their bounds, and those all of them.
    if any("least" in facts for facts in found.values()):
        return _census(session, table, relation)
    return {name: {**facts, "sampled": facts["rows"]} for name, facts in found.items()}


def _rows(found: Mapping[str, Facts]) -> int:
    return max((facts["rows"] for facts in found.values()), default=0)


def _stretches(session: Session, table: Table) -> str:
    """Stretches of rows over the whole of a large table; empty for any other."""
    names = {column.name.lower() for column in table.columns}
    rowid = next((name for name in ("rowid", "_rowid_", "oid") if name not in names), None)
    if rowid is None or table.kind != "table" or table.query is not None:
        return ""
    relation = ddl.quote(table.name)
    ((first, last),) = session.query(
        f"SELECT (SELECT min({rowid}) FROM {relation}), (SELECT max({rowid}) FROM {relation})"
    )
    if first is None or last is None or int(last) - int(first) < LARGE:
        return ""
    length = SAMPLE // STRETCHES
    step = (int(last) - int(first) + 1 - length) // (STRETCHES - 1)
    starts = (int(first) + number * step for number in range(STRETCHES))
    return f"{relation} WHERE " + " OR ".join(
        f"{rowid} BETWEEN {start} AND {start + length - 1}" for start in starts
    )


def _census(session: Session, table: Table, relation: str) -> dict[str, dict[str, int]]:
    """The facts of every column, from the rows of what follows FROM."""
    found: dict[str, dict[str, int]] = {column.name: {} for column in table.columns}
    counted = [column for column in table.columns if column.identity is None]
    rows = 0
    for columns in _parts(counted):
        forms = " ".join(map(_asked, columns))
        names = ", ".join(ddl.quote(column.name) for column in columns)
        documents = [column for column in columns if form(column.native.name) == "json"]
        invalid = "".join(
            f", sum(typeof({c}) = 'text' AND NOT json_valid({c}))"
            for c in (ddl.quote(column.name) for column in documents)
        )
        ((count, told, *misfits),) = session.query(
            f"SELECT count(*), dbferry_census('{forms}', {names}){invalid} FROM {relation}"
        )
        rows = int(count or 0)
        # Without a row the aggregate was never called.
        lines = told.split("\n") if told else [" ".join("0" * len(COUNTED))] * len(columns)
        for column, line in zip(columns, lines, strict=True):
            found[column.name] |= _told(line, column, table)
        for column, count in zip(documents, misfits, strict=True):
            found[column.name]["misfits"] = int(count or 0)
    if not counted:
        ((count,),) = session.query(f"SELECT count(*) FROM {relation}")
        rows = int(count or 0)
    for column in table.columns:
        found[column.name]["rows"] = rows
        if column.identity is not None:
            found[column.name]["integers"] = rows
    return found


def _parts(columns: list[Column]) -> Iterator[list[Column]]:
    for start in range(0, len(columns), VALUES):
        yield columns[start : start + VALUES]
