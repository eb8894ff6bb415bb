"""Money is written by the rules of lc_monetary, and its bytes are a number of the smallest coin."""

import pytest

from dbferry.catalog import Catalog, NativeType
from dbferry.engines.postgresql.types import money

MONEY = NativeType(name="money", text="money", scale=2, schema="pg_catalog")


def side(locale: str) -> Catalog:
    return Catalog(
        engine="postgresql", version="15", schemas=(), tables=(), settings={"lc_monetary": locale}
    )


@pytest.mark.parametrize("there", ["C", "POSIX", "C.UTF-8", "C.utf8"])
def test_money_stays_money_where_the_rules_are_the_same(there: str) -> None:
    assert money(MONEY, side("C"), side(there)) is None


def test_money_becomes_a_number_where_the_rules_differ() -> None:
    moved = money(MONEY, side("en_US.UTF-8"), side("de_DE.UTF-8"))
    assert moved is not None
    assert (moved.declared.native.text, moved.declared.code) == ("numeric(19,2)", "X-MONEY")
    assert moved.expression == "{c}::numeric"
