"""The page of an assessment in a real browser: it reads, fetches nothing, fits, and nothing in it runs."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import dbferry
from servers.database import SqliteDatabase
from servers.server import missing

HOSTILE = "<script>document.title='taken'</script>"
LONG = "a_name_that_goes_on_and_on_without_a_place_to_break_it_" * 3

# What the browser itself measures once the page stands, written to where --dump-dom shows it.
MEASURE = """
<script>
addEventListener("securitypolicyviolation", event => window.seen.push("blocked " + event.violatedDirective));
addEventListener("error", event => window.seen.push("error " + event.message));
window.seen = [];
addEventListener("load", () => setTimeout(() => {
  for (const group of document.querySelectorAll("details")) group.open = true;
  const wide = [...document.querySelectorAll("body *")].filter(
    element => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest("svg"));
  const words = document.getElementById("words");
  const shown = () => [...document.querySelectorAll("#groups tbody tr")].filter(
    row => row.checkVisibility()).length;
  const before = shown();
  words.value = "beta";
  words.dispatchEvent(new Event("input"));
  const found = { before, after: shown(), title: document.title, width: innerWidth,
    wide: wide.map(element => element.outerHTML.slice(0, 80)),
    requests: performance.getEntriesByType("resource").map(entry => entry.name),
    seen: window.seen, ground: getComputedStyle(document.body).backgroundColor,
    rings: document.querySelectorAll("#ring circle").length,
    bars: [...document.querySelectorAll("#bars svg rect")].map(bar => bar.getBoundingClientRect().width),
    ring: document.getElementById("ring").getBoundingClientRect().width };
  const told = document.createElement("pre");
  told.id = "measured";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
}, 50));
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a database with hostile and long names, and something at every level but one."""
    db = SqliteDatabase(tmp_path_factory.mktemp("page"))
    db.sql(
        "CREATE TABLE alpha (id integer PRIMARY KEY, at datetime, mixed);"
        "INSERT INTO alpha VALUES (1, '2020-01-01', 1), (2, '2020-01-01', 'x');"
        "CREATE TABLE beta (id integer PRIMARY KEY, alpha int REFERENCES alpha (id));"
        "INSERT INTO beta VALUES (1, 99);"
        f'CREATE TABLE "{HOSTILE}" (a int, "<b>bold</b>" text);'
        f"CREATE TABLE {LONG} (id integer PRIMARY KEY, {LONG} text);"
        'CREATE VIEW "<img src=x onerror=alert(1)>" AS SELECT 1 AS a;'
        "CREATE TABLE gamma (id integer PRIMARY KEY, CONSTRAINT sound CHECK (soundex(id) <> 'x'))"
    )
    return dbferry.assess(db.url, "mysql").to_html()


def _browser(folder: Path) -> list[str]:
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        raise missing("chromium")
    return [
        binary, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-extensions", "--disable-background-networking",
        f"--user-data-dir={folder / 'profile'}",
    ]  # fmt: skip


def _browse(page: str, folder: Path, *options: str) -> dict[str, Any]:
    """What the browser measures of a page; its own complaints fail the test."""
    file = folder / "page.html"
    file.write_text(page.replace("</head>", MEASURE + "</head>", 1), encoding="utf-8")
    done = subprocess.run(
        [*_browser(folder), "--enable-logging=stderr", "--virtual-time-budget=3000", *options,
         "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not said
    measured = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert measured, done.stdout[-2000:]
    return dict(json.loads(html.unescape(measured[1])))


def test_it_reads_fits_and_fetches_nothing(page: str, tmp_path: Path) -> None:
    found = _browse(page, tmp_path, "--window-size=1200,900")
    assert (found["seen"], found["requests"], found["wide"]) == ([], [], [])
    assert found["title"] == "Assessment: sqlite to mysql"
    assert found["ring"] > 100
    assert found["rings"] >= 5
    assert max(found["bars"]) > 50
    assert 0 < found["after"] < found["before"]


def test_it_fits_on_a_telephone(page: str, tmp_path: Path) -> None:
    found = _browse(page, tmp_path, "--window-size=500,900")
    assert (found["width"], found["wide"]) == (500, [])


def test_it_follows_a_reader_who_likes_it_dark(page: str, tmp_path: Path) -> None:
    light = _browse(page, tmp_path)["ground"]
    dark = _browse(page, tmp_path, "--blink-settings=preferredColorScheme=0")["ground"]
    assert (light, dark) == ("rgb(246, 247, 249)", "rgb(17, 22, 28)")


def test_every_value_is_text_and_no_more(page: str) -> None:
    assert HOSTILE not in page
    assert "<b>bold" not in page
    assert "<img" not in page
    assert html.escape(HOSTILE, quote=True) in page.replace("&#34;", "&quot;").replace(
        "&#39;", "&#x27;"
    )


def test_a_check_of_a_table_is_called_by_its_name(page: str) -> None:
    """Those of servers have none."""
    [row] = re.findall(
        r"<tr data-level=\"manual\">(?:(?!</tr>).)*soundex.*?</tr>", page, re.DOTALL
    )[:1]
    assert "sound of main.gamma<small>check</small>" in row


def test_nothing_in_it_points_elsewhere(page: str) -> None:
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", page)
    assert "url(" not in page
    assert "@import" not in page


def test_it_prints_with_what_is_closed_on_the_screen(page: str, tmp_path: Path) -> None:
    opened = "details::details-content { content-visibility: visible; block-size: auto; }"
    assert opened in page
    assert _pages(page, tmp_path) > _pages(page.replace(opened, ""), tmp_path) >= 2


def _pages(page: str, folder: Path) -> int:
    """How many sheets the browser prints it to."""
    file, paper = folder / "page.html", folder / "page.pdf"
    file.write_text(page, encoding="utf-8")
    command = [*_browser(folder), f"--print-to-pdf={paper}", "--no-pdf-header-footer"]
    subprocess.run([*command, file.as_uri()], capture_output=True, timeout=60, check=True)
    return len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
