"""What of an ADBC URL is ours, what the driver's, and what is shown."""

import pytest

from dbferry.errors import RequestError
from dbferry.urls import parse


def given(url: str, side: str = "target") -> dict[str, str]:
    endpoint = parse(url)
    assert endpoint.engine == "adbc"
    assert endpoint.driver is not None
    return endpoint.driver.given(side, endpoint.path)


def test_the_driver_gets_the_rest_letter_by_letter() -> None:
    url = "adbc+postgresql://u:p%40ss@h:5433/db?sslmode=require&application_name=a%20b"
    assert given(url) == {"uri": url.removeprefix("adbc+")}


def test_parameters_of_ours_are_taken_off() -> None:
    url = (
        "adbc+flightsql://h:1/?driver=/opt/lib%20x.so&entrypoint=Init&a=b"
        "&adbc.flight.sql.rpc.timeout_seconds.query=5&option.path=/tmp/x%26y&uri=grpc%3A//h:1"
    )
    driver = parse(url).driver
    assert driver is not None
    assert (driver.name, driver.library, driver.entrypoint) == (
        "flightsql",
        "/opt/lib x.so",
        "Init",
    )
    assert given(url) == {
        "uri": "grpc://h:1",
        "adbc.flight.sql.rpc.timeout_seconds.query": "5",
        "path": "/tmp/x&y",
    }


def test_sqlite_files_are_named_as_in_other_urls() -> None:
    assert given("adbc+sqlite:///a%20b.db") == {"uri": "a b.db"}
    assert given("adbc+sqlite:////tmp/a.db") == {"uri": "/tmp/a.db"}


def test_a_source_file_is_opened_for_reading_only() -> None:
    assert given("adbc+sqlite:////tmp/a?b.db".replace("?", "%3F"), "source") == {
        "uri": "file:/tmp/a%3Fb.db?mode=ro"
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("adbc+postgresql://u:hidden@h/db?password=hidden", "adbc+postgresql://u@h/db"),
        ("adbc+snowflake://u:hid:den@acc/db/s?token=hidden", "adbc+snowflake://u@acc/db/s"),
        ("adbc+sqlite:////tmp/a.db", "adbc+sqlite:////tmp/a.db"),
        ("ADBC+SQLITE:///a.db", "adbc+sqlite:///a.db"),
    ],
)
def test_nothing_secret_is_shown(url: str, shown: str) -> None:
    endpoint = parse(url)
    assert endpoint.safe == str(endpoint) == shown
    assert "hid" not in repr(endpoint)


@pytest.mark.parametrize(
    ("url", "fact"),
    [
        ("adbc+://h/db", "names no ADBC driver"),
        ("adbc+../evil://h/db", "names no ADBC driver"),
        ("adbc+sqlite://a.db", "three slashes"),
        ("adbc+sqlite:///", "three slashes"),
        ("adbc+sqlite:///a.db?mode=rw", "unknown parameter"),
    ],
)
def test_what_can_t_be_meant_is_refused(url: str, fact: str) -> None:
    with pytest.raises(RequestError, match=fact) as caught:
        parse(url)
    assert caught.value.hint
