"""What befalls one run of a seed: spoiled connections, and beside them a kill or a server that goes and comes."""

import random
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from subprocess import Popen
from threading import Timer
from time import sleep

from faults.ends import End, Served
from faults.moments import Moment, Passed, Stage
from faults.points import POINTS, Victim, at
from faults.wire import Faults
from servers.postgres import PostgresServer
from servers.server import Server

KEEPER = ThreadPoolExecutor(1)
"""A server ends with the thread that has started it: this one stays."""


@dataclass(frozen=True)
class Outage:
    """A server that goes down, and comes back on the same port with the same data."""

    server: Server
    chance: random.Random

    def __call__(self) -> None:
        self.chance.choice(self._ways)()
        sleep(self.chance.uniform(0, 1))
        self.server.start()

    @property
    def _ways(self) -> Sequence[Callable[[], None]]:
        at_once = [self.server.stop_at_once] if isinstance(self.server, PostgresServer) else []
        return [self.server.kill, self.server.stop, *at_once]


class Trouble:
    """Befalls the process that is given to `start`, until `over`. The same for the same seed, but for its timing."""

    def __init__(self, seed: str, source: End, target: End) -> None:
        self._chance = random.Random(seed)
        self._victim = Victim()
        self._timer: Timer | None = None
        self._acts: list[Future[None]] = []
        self._ends = [end for end in (source, target) if isinstance(end, Served)]
        self.told = [seed]
        moments: dict[Served, Moment] = {}
        self._draw(target, moments)
        for end in self._ends:
            faults = Faults(seed=self._chance.getrandbits(32), share=0.3, reach=400_000)
            end.proxy.arm(faults, moments.get(end))

    def _draw(self, target: End, moments: dict[Served, Moment]) -> None:
        chance = self._chance
        what = chance.choice(["faults", "signal", "signal", "point", "point", "outage", "outage"])
        if what == "faults":
            return
        if what == "signal" or not self._ends:
            sent = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            self._later(f"{sent.name}", partial(self._victim.send, sent))
        elif what == "point" and isinstance(target, Served):
            act, server = self._victim.kill, target.server
            if chance.random() < 0.3:
                act = Outage(server, random.Random(chance.random()))
            stage, nth = chance.choice(list(Stage)), chance.choice([1, 1, 2, 3, 5])
            moments[target] = at(chance.choice(list(POINTS)), nth, stage, self._kept(act))
        else:
            end = chance.choice(self._ends)
            outage = Outage(end.server, random.Random(chance.random()))
            if chance.random() < 0.5:
                self._later(f"outage of {end.server.scheme}", outage)
            else:
                moments[end] = Passed(chance.randint(1000, 400_000), self._kept(outage))

    def _later(self, told: str, act: Callable[[], None]) -> None:
        """A moment of the run, whatever it does then."""
        seconds = self._chance.uniform(0.4, 1.5)
        self.told.append(f"{told} after {seconds:.1f} s")
        self._timer = Timer(seconds, self._kept(act))

    def _kept(self, act: Callable[[], None]) -> Callable[[], None]:
        """The act, whose failure `over` raises."""

        def keep() -> None:
            done = KEEPER.submit(act)
            self._acts.append(done)
            wait([done])

        return keep

    def start(self, victim: Popen[str]) -> None:
        self._victim.is_(victim)
        if self._timer is not None:
            self._timer.start()

    def over(self) -> None:
        """Nothing more comes; what went down is up again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self.told += [struck for end in self._ends for struck in end.proxy.struck]
        for end in self._ends:
            end.proxy.mend()
        for act in self._acts:
            act.result(120)
