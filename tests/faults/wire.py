"""What a proxy may do to one direction of one connection: each fault strikes once, at a byte."""

import random
from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """A direction: `UP` from the client to the server."""

    UP = "up"
    DOWN = "down"


class Kind(StrEnum):
    """What becomes of the bytes from the fault's byte on."""

    CUT = "cut"
    """Both ends are closed."""
    RESET = "reset"
    """Both ends get RST."""
    STALL = "stall"
    """Nothing is passed for `seconds`, then all goes on."""
    HALF = "half-open"
    """This direction is swallowed for `seconds`, then both ends are closed."""
    SLOW = "slow"
    """`rate` bytes a second for `seconds`."""
    TRUNCATE = "truncate"
    """The last half of the piece at hand is dropped, and both ends are closed."""
    DUPLICATE = "duplicate"
    """Up to `count` bytes come twice; both ends are closed after `seconds`."""


@dataclass(frozen=True)
class Fault:
    """A kind, the direction, and how many bytes of it pass before."""

    kind: Kind
    way: Way
    after: int
    seconds: float = 0.5
    rate: int = 100_000
    count: int = 64

    def __str__(self) -> str:
        return f"{self.kind} {self.way} after {self.after}"


@dataclass(frozen=True)
class Faults:
    """A fault or none for each connection, by its number since the proxy was armed."""

    seed: int
    share: float = 0.5
    """The share of connections that meet one."""
    reach: int = 1_000_000
    """The last byte that a fault may wait for."""

    def of(self, number: int) -> Fault | None:
        """The fault of a connection: the same for the same seed and number."""
        chance = random.Random(f"{self.seed}:{number}")
        if chance.random() >= self.share:
            return None
        return Fault(
            kind=chance.choice(list(Kind)),
            way=chance.choice(list(Way)),
            # As many near the start, where sessions are opened, as far in, where rows flow.
            after=int(self.reach ** chance.uniform(0.3, 1.0)),
            seconds=chance.uniform(0.1, 2.0),
            rate=chance.choice([20_000, 200_000]),
            count=chance.randint(1, 200),
        )
