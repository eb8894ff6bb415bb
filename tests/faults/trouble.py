"""What befalls one run of a seed: spoiled connections, and beside them a kill or a server that goes and comes."""

import random
import signal
from collections.abc import Callable
from functools import partial
from subprocess import Popen
from threading import Timer

from faults.ends import End, Served
from faults.moments import Moment, Passed, Stage
from faults.outages import Outage, ways_down
from faults.points import POINTS, Victim, at
from faults.wire import Faults


class Trouble:
    """Befalls the process that is given to `start`, until `over`. The same for the same seed, but for its timing."""

    def __init__(self, seed: str, source: End, target: End) -> None:
        self._chance = random.Random(seed)
        self._victim = Victim()
        self._timer: Timer | None = None
        self._outage: Outage | None = None
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
            self._later(sent.name, partial(self._victim.send, sent))
        elif what == "point" and isinstance(target, Served):
            act = self._out(target) if chance.random() < 0.3 else self._victim.kill
            stage, nth = chance.choice(list(Stage)), chance.choice([1, 1, 2, 3, 5])
            moments[target] = at(chance.choice(list(POINTS)), nth, stage, act)
        else:
            end = chance.choice(self._ends)
            outage = self._out(end)
            if chance.random() < 0.5:
                self._later(str(outage), outage)
            else:
                moments[end] = Passed(chance.randint(1000, 400_000), outage)

    def _out(self, end: Served) -> Outage:
        down = self._chance.choice(ways_down(end.server))
        self._outage = Outage(end.server, down, self._chance.uniform(0, 1))
        self.told.append(f"perhaps {self._outage}")
        return self._outage

    def _later(self, told: str, act: Callable[[], None]) -> None:
        """A moment of the run, whatever it does then."""
        seconds = self._chance.uniform(0.1, 1.2)
        self.told.append(f"{told} after {seconds:.1f} s")
        self._timer = Timer(seconds, act)

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
        if self._outage is not None:
            self._outage.over()
