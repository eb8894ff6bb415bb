"""The phrase of a plan about what isn't moved becomes a finding with its parts."""

import pytest

from dbferry.assessment.finding import Level
from dbferry.assessment.objects import of_plan
from dbferry.items import Plan


@pytest.mark.parametrize(
    ("phrase", "kind", "name", "original", "why", "fix"),
    [
        ("view public.v", "view", "public.v", "", "dbferry doesn't carry it", "make it in the"),
        ("index i of s.t (on an expression: lower(a); no (b))", "index", "i of s.t", "",
         "on an expression: lower(a); no (b)", "make it in the"),
        ("default of s.t.a: now() (`now` isn't known); hint: write it by hand", "default", "s.t.a",
         "now()", "`now` isn't known", "write it by hand"),
        ("materialized view s.m: SELECT (1) (queries of it (all) differ)", "materialized view", "s.m",
         "SELECT (1)", "queries of it (all) differ", "make it in the"),
        ("something new (why)", "object", "something new", "", "why", "make it in the"),
        ("index odd) name", "index", "odd) name", "", "dbferry doesn't carry it", "make it in the"),
    ],
)  # fmt: skip
def test_its_parts_are_found(
    phrase: str, kind: str, name: str, original: str, why: str, fix: str
) -> None:
    plan = Plan(source_engine="a", target_engine="b", tables=(), notes=(f"not moved: {phrase}",))
    (told,) = of_plan(plan)
    assert (told.level, told.kind, told.object) == (Level.MANUAL, kind, name)
    assert (told.original, told.why) == (original, why)
    assert told.fix.startswith(fix)
