"""What every private server has in common: a folder, a port, a process, addresses."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import quote, unquote, urlencode, urlsplit

from servers.certificates import Certificates, make_certificates

HOST = "127.0.0.1"
USER = "ferry"
PASSWORD = "secret:@/ferry"  # every character that a URL must escape
DEADLINE = 60.0

Row = tuple[Any, ...]


class ServerError(Exception):
    """A server is missing, did not start, or is not ours to control."""


def missing(what: str) -> ServerError:
    """The error for a server that isn't installed."""
    return ServerError(f"{what} is not installed\nhint: run make install-servers")


def cache_folder() -> Path:
    """Where scripts/install-servers.sh puts private servers."""
    default = Path.home() / ".cache" / "dbferry"
    return Path(os.environ.get("DBFERRY_CACHE", default))


def cached(name: str) -> Path | None:
    """The newest complete installation in the cache whose folder starts with `name`."""
    found = [path.parent for path in cache_folder().glob(f"{name}*/complete")]
    return max(found, key=_version, default=None)


def _version(path: Path) -> list[int]:
    return [int(part) for part in path.name.rpartition("-")[2].split(".") if part.isdigit()]


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, deadline: float = DEADLINE) -> None:
    """Poll `ready` until it holds; raise when the deadline passes."""
    end = time.monotonic() + deadline
    while not ready():
        if time.monotonic() > end:
            raise ServerError(f"timed out after {deadline:.0f} s: {what}")
        time.sleep(0.02)


def address(scheme: str, place: str, path: str, params: dict[str, object]) -> str:
    """A connection URL with its parameters escaped."""
    query = f"?{urlencode(params, quote_via=quote)}" if params else ""
    return f"{scheme}://{place}/{quote(path, safe='')}{query}"


class Server(ABC):
    """A private server in a temporary folder; or, with `admin_url`, a server of the user's."""

    scheme: ClassVar[str]
    default_port: ClassVar[int]
    # What the server gets when the process that started it dies without a word.
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, *args: str, admin_url: str | None = None) -> None:
        self.args = args
        self.process: subprocess.Popen[bytes] | None = None
        self.host, self.port = HOST, 0
        self.user, self.password = USER, PASSWORD
        self.admin_database = ""
        self._folder: Path | None = None
        self._certificates: Certificates | None = None
        self.private = admin_url is None
        if admin_url is not None:
            self._adopt(admin_url)

    def _adopt(self, admin_url: str) -> None:
        parts = urlsplit(admin_url)
        self.host, self.port = parts.hostname or HOST, parts.port or self.default_port
        self.user, self.password = unquote(parts.username or ""), unquote(parts.password or "")
        self.admin_database = unquote(parts.path.lstrip("/"))

    # --- to be said by each engine ---

    @property
    @abstractmethod
    def binary_folder(self) -> Path:
        """Where the binaries are, or the error that says how to get them."""

    @abstractmethod
    def _initialize(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The command line of the server."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether the server accepts logins."""

    @abstractmethod
    def _create_users(self) -> None:
        """Make the test users, once, after the first start."""

    @abstractmethod
    def sql(self, database: str, text: str) -> list[Row]:
        """Run statements; the rows of the last one that gives rows."""

    @abstractmethod
    def create_database(self, name: str) -> None:
        """Make an empty database."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Drop a database with whatever still uses it; fine if it isn't there."""

    # --- places ---

    @property
    def folder(self) -> Path:
        """The server's temporary folder."""
        if self._folder is None:
            raise ServerError("the server has no folder: it was not started here")
        return self._folder

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "log"

    @property
    def certificates(self) -> Certificates:
        """The paths of all certificates and keys."""
        if self._certificates is None:
            raise ServerError("the server has no certificates: it was not started here")
        return self._certificates

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed the server's."""
        return self.certificates.ca

    @property
    def client_cert(self) -> Path:
        """A client certificate for the user `certuser`."""
        return self.certificates.client_cert

    @property
    def client_key(self) -> Path:
        """The key of `client_cert`."""
        return self.certificates.client_key

    def url(
        self,
        database: str,
        *,
        user: str | None = None,
        password: str | None = None,
        **params: object,
    ) -> str:
        """The address of a database, with the user's password and `params` as query."""
        user = self.user if user is None else user
        password = self.password if password is None else password
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        return address(self.scheme, f"{login}@{self.host}:{self.port}", database, params)

    # --- life ---

    @property
    def running(self) -> bool:
        """Whether the server is up, as far as its process tells."""
        return not self.private or (self.process is not None and self.process.poll() is None)

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it accepts logins."""
        if self.running:
            return
        new = self._folder is None
        if new:
            self._prepare()
        self._launch()
        wait_until(self._alive_and_ready, f"start of {type(self).__name__}")
        if new:
            self._create_users()

    def stop(self) -> None:
        """Shut the server down in good order."""
        self._own("stop")
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            self.process.wait(DEADLINE)
        self.process = None

    def kill(self) -> None:
        """SIGKILL: the server has no time to write anything."""
        self._own("kill")
        if self.process is None:
            return
        family = self._family()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE)
        self.process = None
        wait_until(lambda: not any(map(_alive, family)), "end of the killed server")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for a while: the server keeps its connections, takes new ones, and answers none."""
        self._own("freeze")
        family = self._family()
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _family(self) -> list[int]:
        return [self.process.pid, *_children(self.process.pid)] if self.process else []

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the server quickly and remove its folder."""
        if self.private and self._folder is not None:
            self._end()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _end(self) -> None:
        self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _own(self, verb: str) -> None:
        if not self.private:
            raise ServerError(f"cannot {verb} a server that was given by its URL")

    def _prepare(self) -> None:
        _ = self.binary_folder
        self._folder = Path(tempfile.mkdtemp(prefix=f"dbferry-{self.scheme}-"))
        try:
            self._certificates = make_certificates(self._folder)
            self.port = free_port()
            self._give_away()
            self._initialize()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            raise

    def _launch(self) -> None:
        guard = ["setpriv", f"--pdeathsig={self.death_signal.name[3:]}", *self._identity(), "--"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*guard, *self._command(), *self.args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.folder,
                start_new_session=True,
            )

    def _alive_and_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise ServerError(f"{type(self).__name__} did not start\n{self._log_tail()}")
        return self._ready()

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _run(self, command: Sequence[str]) -> None:
        """Run a command as the server's user; its output is shown when it fails."""
        done = subprocess.run(
            [
                "setpriv",
                f"--pdeathsig={self.death_signal.name[3:]}",
                *self._identity(),
                "--",
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.folder,
            check=False,
        )
        if done.returncode != 0:
            output = done.stdout.decode(errors="replace")
            raise ServerError(f"`{command[0]}` failed with {done.returncode}\n{output}")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _account(self) -> pwd.struct_passwd | None:
        """The user that the server must run as, when we are root and it refuses root."""
        return None

    def _identity(self) -> list[str]:
        account = self._account()
        if account is None:
            return []
        return [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]

    def _give_away(self) -> None:
        account = self._account()
        if account is not None:
            for path in (self.folder, self.certificates.server_key):
                os.chown(path, account.pw_uid, account.pw_gid)


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
