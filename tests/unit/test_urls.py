"""Connection URLs as people write them."""

from pathlib import Path

import pytest

from dbferry.errors import RequestError
from dbferry.urls import Endpoint, Host, parse


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without settings of their own."""
    for name in (
        "PGUSER",
        "PGPASSWORD",
        "PGPASSFILE",
        "PGHOST",
        "PGPORT",
        "PGDATABASE",
        "MYSQL_PWD",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def place(url: str) -> tuple[str, tuple[tuple[str, int], ...], str, str | None, str]:
    end = parse(url)
    hosts = tuple((host.name, host.port) for host in end.hosts)
    return end.engine, hosts, end.user, end.password, end.database


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5433/d", ("postgresql", (("h", 5433),), "u", "p", "d")),
        ("postgres://u:p@h/d", ("postgresql", (("h", 5432),), "u", "p", "d")),
        ("POSTGRESQL://u:p@h/d", ("postgresql", (("h", 5432),), "u", "p", "d")),
        ("mysql://u:p@h/d", ("mysql", (("h", 3306),), "u", "p", "d")),
        ("mariadb://u:p@h:3307/d", ("mariadb", (("h", 3307),), "u", "p", "d")),
        ("postgresql://u@h/d", ("postgresql", (("h", 5432),), "u", None, "d")),
        ("postgresql://u:@h/d", ("postgresql", (("h", 5432),), "u", "", "d")),
        ("postgresql://u:p@/d", ("postgresql", (("localhost", 5432),), "u", "p", "d")),
        ("postgresql://u:p@h", ("postgresql", (("h", 5432),), "u", "p", "u")),
        ("postgresql://u:p@[::1]:5433/d", ("postgresql", (("::1", 5433),), "u", "p", "d")),
        ("mysql://u:p@[fe80::1]/d", ("mysql", (("fe80::1", 3306),), "u", "p", "d")),
        ("postgresql://u:p@a,b:5433/d", ("postgresql", (("a", 5432), ("b", 5433)), "u", "p", "d")),
        ("mysql://a%40b:%3A%2F%40%25%3F@h/d", ("mysql", (("h", 3306),), "a@b", ":/@%?", "d")),
        ("mysql://u:p:q@h/d", ("mysql", (("h", 3306),), "u", "p:q", "d")),
        ("mysql://u:p@q@h/d", ("mysql", (("h", 3306),), "u", "p@q", "d")),
        ("postgresql://u:p@h/caf%C3%A9%2F", ("postgresql", (("h", 5432),), "u", "p", "café/")),
        ("postgresql://h/d?user=u&password=p%26q", ("postgresql", (("h", 5432),), "u", "p&q", "d")),
        ("postgresql:///d?host=h&port=1&user=u", ("postgresql", (("h", 1),), "u", None, "d")),
        ("postgresql://u@h:1/x?dbname=d", ("postgresql", (("h", 1),), "u", None, "d")),
    ],
)
def test_a_server_is_found_in(url: str, expected: tuple[object, ...]) -> None:
    assert place(url) == expected


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("postgresql://u@/d?host=/run/postgresql", "/run/postgresql/.s.PGSQL.5432"),
        ("postgresql://u@/d?host=/run/pg&port=5433", "/run/pg/.s.PGSQL.5433"),
        ("postgresql://u@%2Frun%2Fpg:5433/d", "/run/pg/.s.PGSQL.5433"),
        ("mysql://u@/d?socket=/run/mysqld/mysqld.sock", "/run/mysqld/mysqld.sock"),
        ("mariadb://u@localhost/d?socket=/run/a%20b.sock", "/run/a b.sock"),
    ],
)
def test_a_socket_is_found_in(url: str, socket: str) -> None:
    end = parse(url)
    assert (end.socket, end.hosts, end.database) == (socket, (), "d")


@pytest.mark.parametrize(
    ("url", "engine", "path"),
    [
        ("sqlite:///shop.db", "sqlite", "shop.db"),
        ("sqlite:///./a/shop.db", "sqlite", "./a/shop.db"),
        ("sqlite:////var/shop.db", "sqlite", "/var/shop.db"),
        ("sqlite:///a%20b%23.db", "sqlite", "a b#.db"),
        ("duckdb:///shop.duckdb", "duckdb", "shop.duckdb"),
        ("duckdb:////var/shop.duckdb", "duckdb", "/var/shop.duckdb"),
    ],
)
def test_a_file_is_found_in(url: str, engine: str, path: str) -> None:
    end = parse(url)
    assert (end.engine, end.path) == (engine, path)


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("", "prefer"),
        ("sslmode=disable", "disable"),
        ("sslmode=prefer", "prefer"),
        ("sslmode=require", "require"),
        ("sslmode=verify-ca", "verify_ca"),
        ("sslmode=verify-full", "verify_full"),
    ],
)
def test_postgresql_s_tls_modes(query: str, mode: str) -> None:
    assert parse(f"postgresql://u@h/d?{query}").tls.mode == mode


@pytest.mark.parametrize("name", ["ssl-mode", "ssl_mode"])
@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("DISABLED", "disable"),
        ("PREFERRED", "prefer"),
        ("REQUIRED", "require"),
        ("VERIFY_CA", "verify_ca"),
        ("VERIFY_IDENTITY", "verify_full"),
        ("verify_identity", "verify_full"),
    ],
)
def test_mysql_s_tls_modes(name: str, value: str, mode: str) -> None:
    assert parse(f"mysql://u@h/d?{name}={value}").tls.mode == mode


def test_files_for_tls_are_found() -> None:
    one = parse("postgresql://u@h/d?sslrootcert=/ca&sslcert=/c&sslkey=/k").tls
    other = parse("mysql://u@h/d?ssl-ca=/ca&ssl-cert=/c&ssl-key=/k").tls
    for tls in (one, other):
        assert (tls.ca, tls.certificate, tls.key) == ("/ca", "/c", "/k")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.db",
        "localhost/shop",
        "http://h/d",
        "postgresql:/u@h/d",
        "sqlite://shop.db",
        "sqlite:///",
        "duckdb://x",
        "postgresql://u:p@h:port/d",
        "postgresql://u:p@h:0/d",
        "postgresql://u:p@h:65536/d",
        "postgresql://u:p@h:-1/d",
        "postgresql://u:p@::1/d",
        "postgresql://u:p@h/d?port=x",
        "postgresql://u:p@h/d?connect_timeout=soon",
        "postgresql://u:p@h/d?sslmode=sometimes",
        "postgresql://u:p@h/d?ssl-mode=REQUIRED",
        "mysql://u:p@h/d?sslmode=require",
        "mysql://u:p@a,b/d",
        "sqlite:///a?mode=ro",
    ],
)
def test_a_url_that_says_nothing_is_refused_with_a_hint(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(url)
    assert caught.value.exit_code == 2
    assert "u:p" not in str(caught.value)


SECRET = "pa-SECRET-word"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h/d",
        f"postgresql://u:{SECRET}@h1,h2/d",
        f"postgresql://u@h/d?password={SECRET}",
        f"mysql://u:{SECRET}@[::1]/d",
        f"mysql://u:{SECRET}@/d?socket=/s",
    ],
)
def test_no_form_of_an_endpoint_shows_the_password(url: str) -> None:
    end = parse(url)
    assert end.password == SECRET
    for shown in (str(end), repr(end), end.safe, f"{end}", f"{end!r}"):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("postgresql://a%40b:p@h/d%2Fe", "postgresql://a%40b@h:5432/d%2Fe"),
        ("postgresql://u:p@[::1]:1/d", "postgresql://u@[::1]:1/d"),
        ("postgresql://u:p@a,b:2/d", "postgresql://u@a:5432,b:2/d"),
        ("sqlite:////var/shop.db", "sqlite:////var/shop.db"),
    ],
)
def test_what_is_shown_reads_back(url: str, safe: str) -> None:
    end = parse(url)
    assert end.safe == safe
    assert parse(safe).safe == safe


def test_what_goes_to_the_engine_has_the_password() -> None:
    assert parse("mysql://u:p@h/d").native()["password"] == "p"


def test_endpoints_are_values() -> None:
    one = Endpoint(engine="mysql", hosts=(Host("h", 1),), user="u", password="a", database="d")
    assert one == Endpoint(
        engine="mysql", hosts=(Host("h", 1),), user="u", password="a", database="d"
    )


class TestPasswordFiles:
    """`~/.pgpass` and `~/.my.cnf`, as the servers' own clients read them."""

    @pytest.mark.parametrize(
        ("lines", "password"),
        [
            (["h:5432:d:u:found"], "found"),
            (["*:*:*:*:found"], "found"),
            (
                ["h:5433:d:u:port", "h:5432:x:u:database", "h:5432:d:x:user", "*:*:*:*:found"],
                "found",
            ),
            (["h:5432:d:u:first", "h:5432:d:u:second"], "first"),
            (["# h:5432:d:u:comment", "h:5432:d:u:found"], "found"),
            ([r"h:5432:d:u:a\:b\\c"], r"a:b\c"),
            (["h:5432:d:u"], None),
            (["", "nonsense", "h:5432:d:u:found"], "found"),
            (["h:5432:d:u:found "], "found "),
            (["H:5432:d:u:case"], None),
            (["h:5432:d:u:naïve"], "naïve"),
        ],
    )
    def test_pgpass(self, tmp_path: Path, lines: list[str], password: str | None) -> None:
        write(tmp_path / ".pgpass", lines)
        assert parse("postgresql://u@h/d").password == password

    def test_pgpass_calls_a_socket_localhost(self, tmp_path: Path) -> None:
        write(tmp_path / ".pgpass", ["localhost:5433:d:u:found"])
        assert parse("postgresql://u@/d?host=/run/pg&port=5433").password == "found"

    @pytest.mark.parametrize(
        ("lines", "password"),
        [
            (["[client]", "password=found"], "found"),
            (["[client]", "password = found "], "found"),
            (["[client]", "password='a b#c'"], "a b#c"),
            (["[client]", 'password="found"'], "found"),
            (
                [
                    "[mysql]",
                    "password=no",
                    "[client]",
                    "password=found",
                    "[mysqldump]",
                    "password=no",
                ],
                "found",
            ),
            (["# x", "; y", "[client]", "#password=no", "password=found"], "found"),
            (["!includedir /etc/mysql/conf.d/", "[client]", "password=found"], "found"),
            (["[client]", "quick", "password=found"], "found"),
            (["[client]", "password=100%"], "100%"),
            (["[client]", "password=a=b"], "a=b"),
            (["[client]"], None),
            (["password=found"], None),
        ],
    )
    def test_my_cnf(self, tmp_path: Path, lines: list[str], password: str | None) -> None:
        write(tmp_path / ".my.cnf", lines)
        assert parse("mysql://u@h/d").password == password

    def test_my_cnf_of_another_user_is_not_used(self, tmp_path: Path) -> None:
        write(tmp_path / ".my.cnf", ["[client]", "user=other", "password=no"])
        assert parse("mysql://u@h/d").password is None

    def test_my_cnf_says_who_and_where_when_the_url_does_not(self, tmp_path: Path) -> None:
        write(tmp_path / ".my.cnf", ["[client]", "user=u", "password=p", "host=h", "port=3307"])
        end = parse("mysql:///d")
        assert (end.user, end.password, end.hosts) == ("u", "p", (Host("h", 3307),))


def write(path: Path, lines: list[str]) -> None:
    path.touch(0o600)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
