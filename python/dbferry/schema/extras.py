"""What stands beside tables and views: between two of one engine made where it is asked for, else named.

Extensions, schemas, types and functions come before any table. The order among them is the target's: whatever it
refuses in a trial is tried again after the others, as long as that helps. The rest waits for the rows and the views:
functions that are made of tables, then triggers and policies, which would fire or hide rows, and rights at the end.
What the target refuses is named with its words, and the run goes on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbferry.catalog import Extra, Table
from dbferry.engines import Step
from dbferry.keys import Draft
from dbferry.pair import Pair
from dbferry.prepare import new_table
from dbferry.schema.clauses import Clauses
from dbferry.schema.qualified import requalified
from dbferry.schema.trial import statement_refusal
from dbferry.schema.usertypes import MADE, UserTypes
from dbferry.schema.views import ViewWriter
from dbferry.selection import Only, Prepare, is_excluded

Place = tuple[str, str]
EVERYBODY = "PUBLIC"
NOBODY = "the target has no such role"
BY_ITSELF = "itself"
CANNOT = "can't"
TAKEN = "another of its name is in the target"
FIRST = ("extension", "collation")
"""Kinds that columns may need: which of them there will be is known before their types are chosen."""
LATE = (
    "dependency",
    "trigger",
    "rule",
    "event trigger",
    "policy",
    "row security",
    "grants",
    "ownership",
    "type",
    "comment",
)
"""Kinds that no table is made of."""
REPLACED = ("function", "procedure")
"""Kinds that are made in the place of what stands."""


@dataclass(frozen=True)
class _Early:
    """What is made before any table."""

    label: str | None
    """Absent for what tables can't do without."""
    statements: tuple[str, ...]
    why: str | None = None
    """The target's words when it has refused it."""

    @property
    def sql(self) -> str:
        return _joined(self.statements)


class ExtraWriter:
    def __init__(self, pair: Pair, tables: Sequence[Table]) -> None:
        """`tables` are those that are asked for."""
        self.pair = pair
        self.left_out: list[str] = []
        self._drops: list[str] = []
        self._drops_before_views: list[str] = []
        self.before_views: list[Step] = []
        self.after_views: list[Step] = []
        self._first: list[_Early] = []
        self._early: list[_Early] = []
        self._hindered: Counter[tuple[str, str, str]] = Counter()
        """Rights that can't be given, by their kind, whom they were for, and why."""
        self._taken: set[tuple[str, str | None, str]] = set()
        """Kind, schema and name in the source of those that come along."""
        self._there = {(e.kind, e.schema, e.name, e.table, e.role): e for e in pair.target.extras}
        self._anew = pair.options.prepare is Prepare.DROP
        one, other = pair.ends
        self._same = one.name == other.name and bool(other.includes)
        every = set(other.includes) if self._same else set()
        if (one.on_update, other.on_update) == ("declaration", "trigger"):
            every = {"on-update"}
        given = set(pair.options.include)
        self._asked = every if "all" in given else given & every
        self._makes = pair.options.only is not Only.DATA
        self._changed = pair.moved_schemas
        self._owners = {_owned(self._told(e)) for e in pair.target.extras if e.kind == "ownership"}
        amiss = sorted(given - every - ({"all"} if every else set()))
        if amiss:
            what = "nothing" if "all" in amiss else _listed(amiss)
            pair.source_fault(
                f"{what} of {one.name} {'can' if what == 'nothing' else CANNOT} be included in {other.name}",
                hint="leave out --include: the plan names what isn't moved, to be made by hand",
            )
        elif self._makes:
            self._extend([*self._lacking_extensions(), *self._lacking_collations(tables)])

    def _lacking_extensions(self) -> list[Extra]:
        pair = self.pair
        lacking = [
            extra
            for extra in pair.source.extras
            if extra.kind == "extension" and extra.name not in pair.target.extensions
        ]
        if "extensions" in self._asked:
            return lacking
        self.left_out += [self._why_not(e) for e in lacking if not pair.options.tables]
        return []

    def _lacking_collations(self, tables: Sequence[Table]) -> list[Extra]:
        """All of them, or those of the tables that are named."""
        pair, (one, _) = self.pair, self.pair.ends
        used = {column.native.collation for table in tables for column in table.columns}
        lacking = []
        for extra in pair.source.extras if self._same else ():
            name = one.relation(extra.schema, extra.name)
            if extra.kind == "collation" and (name in used or not pair.options.tables):
                standing = self._standing(extra)
                if standing is None:
                    lacking.append(extra)
                elif self._told(standing) != self._moved(extra):
                    self.left_out.append(f"{extra.label} ({TAKEN})")
        return lacking

    def _extend(self, lacking: Sequence[Extra]) -> None:
        """Supposes that the target has what it will be given: the extensions with their types, the collations."""
        pair, other = self.pair, self.pair.ends[1]
        wanted = [_Early(extra.label, self._with_home(extra)) for extra in lacking]
        self._first = self._tried(wanted) if wanted else []
        made = {early.label for early in self._first}
        given = [extra for extra in lacking if extra.label in made]
        extensions = frozenset(e.name for e in given if e.kind == "extension")
        types = [
            replace(t, schema=pair.schema(t.schema))
            for t in pair.source.types
            if t.extension in extensions
        ]
        collations = frozenset(
            other.relation(self._schema(e.schema), e.name) for e in given if e.kind == "collation"
        )
        target = pair.target
        pair.target = replace(
            target,
            types=(*target.types, *types),
            extensions=target.extensions | extensions,
            collations=target.collations | collations,
        )

    def _with_home(self, extra: Extra) -> tuple[str, ...]:
        home, moved = self._schema(extra.home or extra.schema), self._moved(extra)
        if home is None or home in self.pair.target.schemas:
            return moved
        return (self.pair.ends[1].create_schema(home), *moved)

    def place(self, drafts: Sequence[Draft], views: ViewWriter, types: UserTypes) -> None:
        """Decides about everything that isn't an extension, once it is known what else is moved."""
        if not self._makes:
            return
        known = {place: draft for draft in drafts for place in self._places(draft)}
        seen = {*known, *views.known, *(leaf for draft in drafts for leaf in draft.table.leaves)}
        self._types(types)
        self._fire(drafts)
        named: list[Extra] = []
        for extra in self.pair.source.extras:
            if extra.kind in FIRST or not self._concerns(extra, seen):
                continue
            heir = known.get(extra.table or ("", ""))
            if extra.kind == "inheritance" and heir is not None and heir.ancestors:
                continue
            if extra.group in (*self._asked, BY_ITSELF):
                self._take(extra, known, views)
            elif not self._standing(extra):
                named.append(extra)
        self._name(named)
        for (kind, role, why), many in self._hindered.items():
            create = f"; hint: CREATE ROLE {self.pair.ends[1].quote(role)} there first"
            hint = create if why == NOBODY else ""
            self.left_out.append(f"{_rights(kind, role, many).label} ({why}){hint}")

    def update(self, draft: Draft, clauses: Clauses) -> None:
        """The trigger that does what a declaration of the source does, before views as those of tables are."""
        targets = {item.name: item.target for item in draft.columns}
        values = {
            targets[name]: clause.updated
            for name, clause in clauses.columns.items()
            if clause.updated
        }
        if values and self._makes:
            table = new_table(self.pair, draft, clauses)
            statements = self.pair.ends[1].create_on_update(table, values)
            what = f"trigger for ON UPDATE of {draft.table.label}"
            self.before_views.append(Step(what=what, sql=_joined(statements)))

    def around(self, drops: Sequence[str]) -> list[str]:
        """What makes room for everything: views go after what is made of them, and before what they use."""
        return [*reversed(self._drops_before_views), *drops, *reversed(self._drops)]

    def _places(self, draft: Draft) -> list[Place]:
        """Schema and name of a table and of those of its partitions that the target has as such."""
        kept = [part.table for part in draft.partitions]
        if draft.standing is not None:
            there = {(part.schema, part.name) for part in draft.standing.partitions}
            kept = [p for p in draft.table.partitions if (self._schema(p.schema), p.name) in there]
        return [(table.schema, table.name) for table in (draft.table, *kept)]

    def ordered(self, objects: Sequence[str]) -> list[str]:
        """All that is made before any table, in an order that the target takes; `objects` are what tables need."""
        needed = [_Early(None, (statement,)) for statement in objects]
        if not self._early:
            return [early.sql for early in (*self._first, *needed)]
        # A schema may be among both.
        early = [
            replace(e, statements=tuple(s for s in e.statements if s not in objects))
            for e in self._early
        ]
        tried = self._tried([*self._first, *needed, *(e for e in early if e.statements)])
        return [early.sql for early in tried]

    def _tried(self, waiting: Sequence[_Early]) -> list[_Early]:
        """In the order in which the target takes them; last what it refuses and tables need."""
        taken: list[_Early] = []
        with self.pair.trying(()) as session:
            if session is None:
                return list(waiting)
            before = len(waiting) + 1
            while len(waiting) < before:
                before = len(waiting)
                tried = [replace(e, why=statement_refusal(session, e.sql)) for e in waiting]
                taken += [early for early in tried if early.why is None]
                waiting = [early for early in tried if early.why is not None]
        self.left_out += [
            f"{e.label} (the target refuses it: {e.why})" for e in waiting if e.label is not None
        ]
        return taken + [early for early in waiting if early.label is None]

    def _fire(self, drafts: Sequence[Draft]) -> None:
        """Triggers that stand are run for the rows that come, which may be nothing that anybody wants."""
        for draft in drafts if self.pair.options.only is not Only.SCHEMA else ():
            there = draft.standing
            if there is not None and (there.schema, there.name) in self.pair.target.firing:
                self.pair.notes.append(
                    f"triggers of {there.label} in the target fire for every row that is moved; hint: disable or drop them "
                    "until the rows are in"
                )

    def _types(self, types: UserTypes) -> None:
        """Types that no column has; those of columns are made with them."""
        pair = self.pair
        if not self._same or pair.options.tables:
            return
        create = pair.ends[1].create_type
        there = {(t.schema, t.name): create(t) for t in pair.target.types if t.kind in MADE}
        needed: list[str] = []
        for wanted in pair.source.types:
            moved, label = types.renamed(wanted), wanted.label
            place = (moved.schema, moved.name)
            if is_excluded(label, pair.options):
                needed += [label] * (place in types.made)
                continue
            if wanted.kind == "base" and not wanted.extension:
                base = Extra(kind="type", schema=wanted.schema, name=wanted.name)
                alone = place not in pair.target.type_names
                self.left_out += [self._why_not(base)] * alone
            if wanted.kind not in MADE or wanted.extension or place in types.made:
                continue
            if place not in there:
                self._early.append(_Early(label, (create(moved),)))
            elif there[place] != create(moved):
                self.left_out.append(f"{label} ({TAKEN})")
        if needed:
            pair.notes.append(f"comes along all the same, for a column has it: {', '.join(needed)}")

    def _concerns(self, extra: Extra, seen: set[Place]) -> bool:
        """False for what belongs to something that isn't moved itself."""
        user = self.pair.target.user
        if extra.kind == "ownership" and (
            user in (None, extra.role) or not seen.issuperset(extra.needs)
        ):
            return False
        if extra.table is not None:
            return extra.table in seen
        named = bool(self.pair.options.tables)
        if extra.group == BY_ITSELF:
            return self._same and not named
        if extra.group == "grants":
            return not named or extra.home in {schema for schema, _ in seen}
        return not named or extra.group in self._asked

    def _take(self, extra: Extra, known: dict[Place, Draft], views: ViewWriter) -> None:
        draft = known.get(extra.table or ("", ""))
        # What is made of a table or a view goes with it.
        gone = draft is not None and draft.action in ("create", "drop")
        gone |= self._anew and (bool(extra.needs) or extra.table in views.known)
        if self._is_done(extra, gone=gone):
            return
        why = self._refused(extra, gone=gone) or self._hindrance(extra, known, views)
        if why is None and extra.ability is not None:
            why = self.pair.lacks(extra.ability)
        if why is None:
            self._warn(extra)
            self._taken.add((extra.kind, extra.schema, extra.name))
            self._put(extra, views)
        elif extra.role:
            self._hindered[extra.kind, extra.role, why] += 1
        else:
            self.left_out.append(f"{extra.label} ({why})")

    def _is_done(self, extra: Extra, *, gone: bool) -> bool:
        """True for what is there as it should be, or belongs to what isn't made."""
        if extra.of is not None and not self._is_known(extra.of):
            return True
        if extra.kind == "ownership" and _owned(self._moved(extra)) in self._owners:
            # What stands has an owner; what goes with something that is made anew, as statistics do, is anew as well.
            return not (gone or extra.of in self._taken)
        standing = self._standing(extra)
        if standing is None or gone or extra.group == "grants":
            return False
        return extra.kind == "schema" or self._moved(extra) == self._told(standing)

    def _refused(self, extra: Extra, *, gone: bool) -> str | None:
        """Why the target hasn't the place for it, or this user not the right."""
        target = self.pair.target
        if extra.group != "grants" and self._standing(extra) and not gone:
            return TAKEN if extra.table is not None or not self._anew else None
        roles = target.roles
        if extra.role not in (None, EVERYBODY) and roles is not None and extra.role not in roles:
            return NOBODY
        if extra.kind == "ownership" and extra.role not in target.heirs:
            return f"{target.user} can't become that role"
        return None

    def _put(self, extra: Extra, views: ViewWriter) -> None:
        """Before the tables, or after those and the views that it is made of."""
        drop = self._said(extra.drop, extra.home) if extra.drop and self._standing(extra) else None
        moved = self._moved(extra)
        if extra.kind not in LATE and not extra.needs:
            room = [drop] if drop and extra.kind not in REPLACED else []
            self._early.append(_Early(extra.label, (*room, *moved)))
            return
        # The body of a function may hold what no report should.
        told = "" if extra.group == "functions" else None
        step = Step(what=extra.label, sql=_joined(moved), told=told)
        reads = any(place in views.known for place in extra.needs)
        early = extra.needs and not reads and extra.kind not in LATE
        (self.before_views if early else self.after_views).append(step)
        if drop:
            (self._drops_before_views if reads else self._drops).append(drop)

    def _hindrance(self, extra: Extra, known: dict[Place, Draft], views: ViewWriter) -> str | None:
        away = [place for place in extra.needs if place not in known and place not in views.known]
        if away:
            return (
                f"it is made of {', '.join('.'.join(place) for place in away)}, which is not moved"
            )
        if extra.table is None or extra.table in views.known:
            return None
        draft = known.get(extra.table)
        if draft is None:
            return "its partition is not kept"
        if draft.action == "append" and extra.group != "grants":
            return "nothing but rows is added to its table"
        names = [(draft.name, draft.table.name)]
        # A partition has the columns of its table.
        names += [(item.target, item.name) for item in draft.columns]
        renamed = any(new != old for new, old in names)
        return "its table or a column has another name in the target" if renamed else None

    def _standing(self, extra: Extra) -> Extra | None:
        """The one of its name in the target."""
        schema = self._schema(extra.schema)
        table = (self._schema(extra.table[0]) or "", extra.table[1]) if extra.table else None
        return self._there.get((extra.kind, schema, extra.name, table, extra.role))

    def _is_known(self, of: tuple[str, str | None, str]) -> bool:
        """True for what comes along or is there."""
        kind, schema, name = of
        return of in self._taken or (kind, self._schema(schema), name, None, None) in self._there

    def _schema(self, schema: str | None) -> str | None:
        return self._changed.get(schema, schema) if schema is not None else None

    def _moved(self, extra: Extra) -> tuple[str, ...]:
        """Its statements with the target's names of schemas."""
        return tuple(self._said(statement, extra.home) for statement in extra.sql)

    def _told(self, standing: Extra) -> tuple[str, ...]:
        """The statements of one in the target, with such schemas quoted as where they are renamed."""
        kept = {name: name for name in self._changed.values()}
        other = self.pair.ends[1]
        return tuple(requalified(text, kept, other) if kept else text for text in standing.sql)

    def _said(self, text: str, home: str | None) -> str:
        quote = self.pair.ends[1].quote
        if home in self._changed:
            for words in ("SCHEMA", "SCHEMA IF NOT EXISTS"):
                old, new = (f"{words} {quote(name)}" for name in (home, self._changed[home]))
                text = text.replace(old, new)
        return self.pair.requalified(text)

    def _warn(self, extra: Extra) -> None:
        """Nobody reads the body of a function in another language before it is run."""
        has_body = extra.kind in ("function", "procedure")
        body = extra.sql[1].partition("\n")[2] if has_body else ""
        met = [old for old in self._changed if re.search(rf"\b{re.escape(old)}\b", body)]
        if met:
            self.pair.notes.append(
                f"the text of {extra.label} names the schema {', '.join(met)}, which has another name in the "
                "target: look at it there"
            )

    def _name(self, extras: Sequence[Extra]) -> None:
        """Those that aren't taken; rights by whom they are given to."""
        # A right that not every server knows stands beside the others of its object.
        given = [
            (extra.kind, extra.role, extra.name.removeprefix(f"of {extra.ability} "), extra.table)
            for extra in extras
            if extra.role
        ]
        rights = Counter((kind, role) for kind, role, _, _ in dict.fromkeys(given))
        self.left_out += [self._why_not(extra) for extra in extras if not extra.role]
        self.left_out += [self._why_not(_rights(*whose, many)) for whose, many in rights.items()]

    def _why_not(self, extra: Extra) -> str:
        if extra.group is None and (self._same or not extra.sql):
            by_hand = "; ".join(self._moved(extra)) or "make it in the target by hand"
            return f"{extra.label} (dbferry makes none); hint: {by_hand}"
        if not self._same:
            return f"{extra.label} (not carried to {self.pair.target.engine}); hint: make it there by hand"
        why = "not asked for"
        if extra.kind == "row security":
            why += ": in the target all its rows are open to whoever may read it"
        return f"{extra.label} ({why}); hint: --include {extra.group}"


def _owned(statements: Sequence[str]) -> str:
    """What an owner is given."""
    return _joined(statements).rpartition(" OWNER TO ")[0]


def _joined(statements: Sequence[str]) -> str:
    # Statements that are sent as one are one transaction.
    return ";\n".join(statements)


def _rights(kind: str, role: str, many: int) -> Extra:
    """All of one role, where they are only named."""
    on = "on" if kind == "grants" else "of"
    name = f"{on} {many} objects" if many > 1 else f"{on} one object"
    return Extra(kind=kind, name=name, group="grants", role=role)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
