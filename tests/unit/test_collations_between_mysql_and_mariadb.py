"""The collation that stands for another holds apart what that one holds apart."""

import pytest

from dbferry.engines.mysql.collations import standing_for

UCA_14 = frozenset({"utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_uca1400_nopad_as_cs"})


@pytest.mark.parametrize(
    ("collation", "known", "expected"),
    [
        ("utf8mb4_0900_ai_ci", UCA_14, "utf8mb4_uca1400_nopad_ai_ci"),
        ("utf8mb4_0900_ai_ci", frozenset(), "utf8mb4_unicode_520_nopad_ci"),
        ("utf8mb4_ja_0900_as_cs", UCA_14, "utf8mb4_uca1400_nopad_as_cs"),
        ("utf8mb4_0900_as_ci", frozenset(), "utf8mb4_nopad_bin"),
        ("utf8mb4_0900_bin", UCA_14, "utf8mb4_nopad_bin"),
        ("utf8mb4_bin", UCA_14, "utf8mb4_bin"),
    ],
)
def test_mariadb_has_padding_only_where_mysql_has_it(
    collation: str, known: frozenset[str], expected: str
) -> None:
    assert standing_for(collation, "mariadb", known)[0] == expected


@pytest.mark.parametrize(
    ("collation", "expected"),
    [
        ("utf8mb4_uca1400_ai_ci", "utf8mb4_unicode_520_ci"),
        ("utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_0900_ai_ci"),
        ("utf8mb4_uca1400_nopad_as_ci", "utf8mb4_0900_as_ci"),
        ("utf8mb4_nopad_bin", "utf8mb4_0900_bin"),
        ("utf8mb4_general_ci", "utf8mb4_general_ci"),
    ],
)
def test_mysql_has_padding_only_where_mariadb_has_it(collation: str, expected: str) -> None:
    assert standing_for(collation, "mysql")[0] == expected
