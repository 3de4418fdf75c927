"""A study with processes opens no port to the network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT, TINY

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def listeners() -> dict[str, str]:
    """Return the addresses, in hexadecimal, that sockets of this machine listen at, by inode."""
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        if (path := Path(f"/proc/net/{table}")).is_file()
        for line in path.read_text().splitlines()[1:]
    ]
    return {line[9]: line[1].partition(":")[0] for line in lines if line[3] == "0A"}


def sockets_of(session: int) -> set[str]:
    """Return the inodes of the sockets of all processes of a session."""
    found = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.getsid(int(process.name)) == session:
                links = [str(each.readlink()) for each in (process / "fd").iterdir()]
                found |= {each[8:-1] for each in links if each.startswith("socket:[")}
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_a_study_with_processes_listens_at_no_address_of_the_network(data: Path, tmp_path: Path) -> None:
    grid = tmp_path / "mine.yaml"
    grid.write_text("model: simple_cnn\nvary: {seed: [1, 2]}\n")
    flags = ["--workers=2", "--engine=processes", f"--run={tmp_path / 'study'}", f"--data={data}"]
    with subprocess.Popen(
        [sys.executable, "tune.py", f"--grid={grid}", *flags, *TINY, "--captions.encoder=none"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        open_ports: set[str] = set()
        while process.poll() is None:
            sockets, addresses = sockets_of(process.pid), listeners()
            open_ports |= {addresses[each] for each in sockets & addresses.keys()} - LOOPBACK
    assert process.returncode == 0
    assert open_ports == set()
