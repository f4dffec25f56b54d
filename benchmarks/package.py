"""Measure the function's zips: their size, and the CPU time of a cold start with and without compiled modules.

Each figure is a whole process of the runtime's Python, to which nothing but the unpacked zip is visible; the median of
some rounds, in which the variants take turns. docs/package.md has a table of them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks.measure import tenant
from cbr_auditor.interpreter import find_interpreter
from cbr_auditor.package.build import build
from cbr_auditor.package.lock import RUNTIMES

IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import handler"
RUN = (
    IMPORT
    + """
class Context:
    def getToken(self):
        return "benchmark"
handler.handler({"trigger_type": "TIMER", "trigger_name": "daily"}, Context())
"""
)
FEW = 100  # backups


def cpu(python: str, code: Path, script: str, address: str) -> float:
    """Milliseconds of CPU time, of user and system, that a cold start takes."""
    environ = {
        "PATH": os.defpath,
        "RUNTIME_PROJECT_ID": "0605767b5780d5762fc5c0118072a564",
        "AUDITOR_REGION": "eu-de",
        "AUDITOR_CBR_ENDPOINT": address,
        "AUDITOR_SERVER_DISKS": "none",
    }
    with subprocess.Popen(
        [python, "-S", "-B", "-c", script, str(code)],
        env=environ,
        cwd=code.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr
        said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(said)
    return (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    """Build both zips both ways, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    print("| Python | compiled | zip MB | unpacked MB | files | import handler | a run over 100 backups |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary, tenant(FEW) as address:
        for runtime in RUNTIMES:
            python = find_interpreter(runtime)
            if python is None:
                sys.exit(f"there is no Python {runtime} on this machine")
            codes = {}
            for compiled in ("yes", "no"):
                out = Path(temporary) / runtime / compiled
                package = build(runtime, out, compiler=python if compiled == "yes" else None)
                with zipfile.ZipFile(package.zip) as archive:
                    archive.extractall(out / "code")
                    sizes = [entry.file_size for entry in archive.infolist()]
                codes[compiled] = (out / "code", f"{package.size / 1e6:.2f} | {sum(sizes) / 1e6:.1f} | {len(sizes)}")
            taken: dict[tuple[str, str], list[float]] = {(one, script): [] for one in codes for script in (IMPORT, RUN)}
            for _ in range(rounds):
                for (compiled, script), times in taken.items():
                    times.append(cpu(python.path, codes[compiled][0], script, address))
            for compiled, (_, told) in codes.items():
                figures = [
                    f"{statistics.median(taken[compiled, script]):.0f} ({min(taken[compiled, script]):.0f}) ms"
                    for script in (IMPORT, RUN)
                ]
                print(f"| {runtime} | {compiled} | {told} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
