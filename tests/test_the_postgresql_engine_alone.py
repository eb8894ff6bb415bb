"""The Rust tests of the PostgreSQL engine, on a server of the fixtures."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
CACHE = Path(os.environ.get("DBFERRY_CACHE", Path.home() / ".cache" / "dbferry"))


def test_the_engine_alone_passes_its_tests_on_a_real_server(postgres, pg_db):
    cargo = shutil.which("cargo")
    assert cargo, "cargo is missing; hint: install Rust"
    pg_db.sql("DROP ROLE IF EXISTS engine_alone")
    pg_db.sql("CREATE ROLE engine_alone SUPERUSER LOGIN PASSWORD 'plain'")
    environment = {
        "CARGO_TARGET_DIR": str(CACHE / "target"),
        **os.environ,
        "DBFERRY_TEST_PG": f"{postgres.host}:{postgres.port}:engine_alone:plain:{pg_db.name}",
    }
    command = [cargo, "test", "--quiet", "-p", "dbferry", "--test", "postgres", "--",
               "--ignored", "--test-threads=1"]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    pg_db.sql("DROP OWNED BY engine_alone CASCADE; DROP ROLE engine_alone")
    assert done.returncode == 0, done.stdout + done.stderr
