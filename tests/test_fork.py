"""A connection belongs to the process that opened it: a forked child is refused, the parent goes on."""

import json
import os
import subprocess
import sys
import textwrap

from dbferry import _native, urls
from servers.database import Database

CHILD = textwrap.dedent(
    """
    import os, sys
    from dbferry import _native
    from dbferry.errors import DbferryError

    session = _native.connect(sys.argv[1], "source")
    assert session.query("SELECT 1") == [("1",)]
    child = os.fork()
    if child == 0:
        try:
            session.query("SELECT 2")
        except DbferryError as error:
            print(error.kind, error.message, flush=True)
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert session.query("SELECT 3") == [("3",)]
    session.close()
    """
)


def run(code: str, db: Database) -> subprocess.CompletedProcess[str]:
    endpoint = json.dumps(urls.parse(db.url).native())
    return subprocess.run(
        [sys.executable, "-c", code, endpoint], capture_output=True, text=True, check=False
    )


def test_a_forked_child_is_refused_and_the_parent_goes_on(pg_db: Database) -> None:
    done = run(CHILD, pg_db)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "request this connection belongs to the parent process\n"


def test_a_snapshot_is_refused_in_a_forked_child(pg_db: Database) -> None:
    code = CHILD.replace('_native.connect(sys.argv[1], "source")', "Both(sys.argv[1])")
    code = code.replace('session.query("SELECT 2")', 'session.snapshot.copy("{}", "[]", "[]")')
    both = textwrap.dedent(
        """
        import json
        class Both:
            def __init__(self, endpoint):
                from dbferry import _native
                self.session = _native.connect(endpoint, "source")
                self.query, self.close = self.session.query, self.session.close
                self.snapshot = _native.open_snapshot(endpoint, "{}")
        """
    )
    done = run(both + code, pg_db)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "request this connection belongs to the parent process\n"


def test_a_child_opens_its_own(pg_db: Database) -> None:
    endpoint = json.dumps(urls.parse(pg_db.url).native())
    session = _native.connect(endpoint, "source")
    code = "import sys; from dbferry import _native; print(_native.connect(sys.argv[1], 'source').query('SELECT 1'))"
    done = subprocess.run(
        [sys.executable, "-c", code, endpoint], capture_output=True, text=True, check=True,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.stdout == "[('1',)]\n"
    session.close()
