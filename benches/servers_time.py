"""CPU that the private servers have used, from /proc: sessions that ended are in their parent's account."""

import os
from pathlib import Path

from ends import Server

TICKS = os.sysconf("SC_CLK_TCK")


def seconds(servers: tuple[Server, ...]) -> float:
    """User and system time of the servers, their children, and the children that have ended."""
    parents, ticks = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        # The command's name stands in parentheses and may hold anything.
        fields = stat[stat.rindex(")") + 2 :].split()
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(map(int, fields[11:15]))
    roots = {server.process.pid for server in servers if server.process is not None}
    return sum(spent for pid, spent in ticks.items() if _under(pid, roots, parents)) / TICKS


def _under(pid: int, roots: set[int], parents: dict[int, int]) -> bool:
    while pid:
        if pid in roots:
            return True
        pid = parents.get(pid, 0)
    return False
