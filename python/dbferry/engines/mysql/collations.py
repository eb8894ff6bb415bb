"""Which collation of one flavour stands for one of the other, and for columns that ignore case.

MySQL's collations of UCA 9 have no padding, its older ones do; MariaDB has both kinds of each.
"""

from __future__ import annotations

SHARED = ("general_ci", "unicode_ci", "unicode_520_ci", "bin")


def standing_for(
    collation: str | None, flavour: str, known: frozenset[str] = frozenset()
) -> tuple[str | None, str | None]:
    """The collation that stands for one of the other flavour, and what is said about it.

    It holds apart what that one holds apart, or a key would merge: trailing blanks and accents too.
    """
    if collation is None:
        return None, None
    charset, _, rest = collation.partition("_")
    if rest in SHARED and charset == "utf8mb4":
        return collation, None
    wanted = _for_mariadb(rest) if flavour == "mariadb" else _for_mysql(collation)
    chosen = next((name for name in wanted if name in known), wanted[-1])
    return chosen, f"collation {collation} becomes {chosen}"


def _for_mariadb(rest: str) -> tuple[str, ...]:
    """MySQL's collations of UCA 9 have no padding; MariaDB has those of UCA 14 since 10.10."""
    if rest.endswith("bin"):
        return ("utf8mb4_nopad_bin",) if "0900" in rest else ("utf8mb4_bin",)
    if "0900" not in rest:
        return ("utf8mb4_bin",) if rest.endswith("_cs") else ("utf8mb4_general_ci",)
    if rest.endswith("_ai_ci"):
        return ("utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_unicode_520_nopad_ci")
    kind = "as_ci" if rest.endswith("_as_ci") else "as_cs"
    return (f"utf8mb4_uca1400_nopad_{kind}", "utf8mb4_nopad_bin")


def _for_mysql(collation: str) -> tuple[str, ...]:
    """Only MySQL's collations of UCA 9 go without padding."""
    if collation.endswith("bin"):
        return ("utf8mb4_0900_bin",) if "nopad" in collation else ("utf8mb4_bin",)
    if collation.endswith("_as_ci"):
        return ("utf8mb4_0900_as_ci",)
    if collation.endswith("_cs"):
        return ("utf8mb4_0900_as_cs",)
    if "uca1400" in collation or "unicode" in collation:
        return ("utf8mb4_0900_ai_ci",) if "nopad" in collation else ("utf8mb4_unicode_520_ci",)
    return ("utf8mb4_general_ci",)


def ignoring_case(flavour: str, version: tuple[int, ...]) -> tuple[str | None, str]:
    """A collation that ignores case and nothing else, accents or blanks: a key would merge by them."""
    if flavour == "mysql":
        return "utf8mb4_0900_as_ci", "comparisons follow a collation that ignores case"
    if version >= (10, 10):
        return "utf8mb4_uca1400_nopad_as_ci", "comparisons follow a collation that ignores case"
    return None, "comparisons become case-sensitive"
