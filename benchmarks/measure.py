"""Measure what the project promises and write it down: `make bench` runs this and rewrites docs/performance.md.

Every figure is a whole process, timed from outside, and given as a ratio to the floor of the same round: these
machines are noisy, and a ratio within one round is what can be compared. A round runs each command once, in turn.
"""

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PROJECT = "0605767b5780d5762fc5c0118072a564"
SIZES = (1_000, 10_000, 100_000, 1_000_000)

Cost = tuple[float, float]
"""Seconds of wall time and MiB of peak memory."""


def measure(command: list[str], **environ: str) -> Cost:
    """Run a command to its end; an exit status above 1 is an error."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AUDITOR_", "PYTHON"))}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**clean, **environ}, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode > 1:
            output.seek(0)
            raise RuntimeError(f"{command}: {output.read().decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024


@contextlib.contextmanager
def tenant(backups: int, latency: float = 0.0, findings: str = "third") -> Iterator[str]:
    """A synthetic tenant in a process of its own; gives its address."""
    command = [sys.executable, str(HERE / "server.py"), str(backups), str(latency)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "FINDINGS": findings}
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def audit(url: str, folder: Path, **variables: str) -> Cost:
    """The whole audit: start, list, all rules, every finding into findings.csv and report.json, the page rendered."""
    settings = {
        "AUDITOR_REGION": "eu-de",
        "AUDITOR_CBR_ENDPOINT": url,
        "AUDITOR_PROJECT_ID": PROJECT,
        "AUDITOR_TOKEN": "benchmark",
        "AUDITOR_OUT": str(folder),
        **variables,
    }
    return measure([sys.executable, "-m", "cbr_auditor", "run"], **settings)


def floor(url: str) -> Cost:
    return measure([sys.executable, str(HERE / "floor.py"), url, PROJECT])


def alternative(kind: str, url: str, *options: str) -> Cost:
    return measure([sys.executable, str(HERE / "listing_alternatives.py"), kind, url, PROJECT, *options])


def ratios(costs: list[Cost], floors: list[Cost]) -> str:
    """Median and range of the ratios of two columns, round by round."""
    values = [cost[0] / base[0] for cost, base in zip(costs, floors, strict=True)]
    return f"{statistics.median(values):.1f} x ({min(values):.1f} to {max(values):.1f})"


def seconds(costs: list[Cost]) -> str:
    return f"{statistics.median(cost[0] for cost in costs):.2f} s"


def memory(costs: list[Cost]) -> float:
    return max(cost[1] for cost in costs)


def throughput(size: int, rounds: int, folder: Path) -> dict[str, list[Cost]]:
    """Audit, floor and, where the size allows it, the alternatives, in turn."""
    costs: dict[str, list[Cost]] = {"floor": [], "audit": [], "strict": [], "ours": [], "json": [], "sdk": []}
    with tenant(size) as url:
        for _ in range(rounds):
            costs["floor"].append(floor(url))
            costs["audit"].append(audit(url, folder))
            costs["strict"].append(audit(url, folder, AUDITOR_PROFILE="strict"))
            costs["ours"].append(alternative("ours", url))
            costs["json"].append(alternative("json", url))
            if size <= 100_000:
                costs["sdk"].append(alternative("sdk", url))
    return costs


def latency(rounds: int, folder: Path) -> dict[str, tuple[list[Cost], list[Cost]]]:
    """What 200 ms an answer cost with eight requests in flight and with one: 100 pages, and 100 details."""
    pages: tuple[list[Cost], list[Cost]] = ([], [])
    audits: tuple[list[Cost], list[Cost]] = ([], [])
    details: tuple[list[Cost], list[Cost]] = ([], [])
    servers: tuple[list[Cost], list[Cost]] = ([], [])
    with tenant(100_000, 0.2) as large, tenant(2_000, 0.2) as small:
        for _ in range(rounds):
            for number, requests in enumerate(("8", "1")):
                pages[number].append(alternative("ours", large, requests))
                audits[number].append(audit(large, folder, AUDITOR_SERVER_DISKS="none", AUDITOR_REQUESTS=requests))
                details[number].append(alternative("details", small, requests))
                servers[number].append(audit(small, folder, AUDITOR_SERVER_DISKS="all", AUDITOR_REQUESTS=requests))
    return {
        "listing 100 pages": pages,
        "the audit of 100 pages": audits,
        "asking for 100 details": details,
        "the audit of 100 details": servers,
    }


def cold_start(rounds: int) -> tuple[list[Cost], list[Cost], list[Cost]]:
    """Three libraries imported alone; the handler imported; the handler imported and run over an empty tenant."""
    libraries, imports, runs = [], [], []
    with tenant(0) as url:
        for _ in range(rounds):
            libraries.append(measure([sys.executable, "-c", "import requests, jinja2, pydantic_settings"]))
            imports.append(measure([sys.executable, "-c", "import handler"]))
            settings = {"AUDITOR_REGION": "eu-de", "AUDITOR_CBR_ENDPOINT": url, "AUDITOR_PROJECT_ID": PROJECT}
            runs.append(measure([sys.executable, str(HERE / "cold_start.py")], **settings))
    return libraries, imports, runs


def plot(growth: Mapping[int, tuple[Cost, Cost]], path: Path) -> None:
    """Time and memory of the audit and of the floor over the number of backups, both axes logarithmic."""
    import matplotlib as mpl  # noqa: PLC0415  # a tool of the benchmark alone

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "cbr-auditor"
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only once the backend is chosen

    sizes = list(growth)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for axis, index, title in ((left, 0, "seconds, whole process"), (right, 1, "peak memory, MiB")):
        for name, column, style in (("audit", 1, "o-"), ("floor: fetch and decode", 0, "s--")):
            axis.plot(sizes, [growth[size][column][index] for size in sizes], style, label=name)
        axis.set_xscale("log")
        axis.set_xlabel("backups")
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    left.set_yscale("log")
    right.axhline(128, color="grey", linewidth=1)
    right.text(sizes[0], 130, "the smallest function", fontsize=8, color="grey")
    right.set_ylim(0, 150)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave larger tenants out")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    sizes = [size for size in SIZES if size <= arguments.largest]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        costs = {size: throughput(size, rounds if size < 1_000_000 else min(rounds, 3), folder) for size in sizes}
        hidden = latency(min(rounds, 3), folder)
        libraries, imports, runs = cold_start(max(rounds, 9))
    plot(
        {size: (min(cost["floor"]), min(cost["audit"])) for size, cost in costs.items()},
        ROOT / "docs" / "performance.svg",
    )
    lines = [
        "| backups | floor | audit | audit / floor | every rule | listing | json | the SDK's | MiB | MiB, every rule |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size, cost in costs.items():
        sdk = ratios(cost["sdk"], cost["floor"]) if cost["sdk"] else "-"
        kinds = ("audit", "strict", "ours", "json")
        audited, strict, listed, loaded = (ratios(cost[kind], cost["floor"]) for kind in kinds)
        lines.append(
            f"| {size:,} | {seconds(cost['floor'])} | {seconds(cost['audit'])} | {audited} | {strict} | {listed} "
            f"| {loaded} | {sdk} | {memory(cost['audit']):.0f} | {memory(cost['strict']):.0f} |"
        )
    lines += [
        "",
        "| what | measured |",
        "|---|---|",
        *(
            f"| {what} of 200 ms each, 8 requests in flight, to 1 in flight | 1 / {1 / _ratio(together, alone):.1f} |"
            for what, (together, alone) in hidden.items()
        ),
        f"| `import handler`, to `import requests, jinja2, pydantic_settings` | {ratios(imports, libraries)} |",
        f"| `import handler` and a whole run over an empty tenant, to the same | {ratios(runs, libraries)} |",
    ]
    stamp = f"{datetime.now(timezone.utc):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, Linux"
    page = ROOT / "docs" / "performance.md"
    head, _, rest = page.read_text().partition("<!-- measured -->")
    tail = rest.partition("<!-- end -->")[2]
    table = "\n".join(lines)
    page.write_text(f"{head}<!-- measured -->\nMeasured on {stamp}.\n\n{table}\n<!-- end -->{tail}")
    print(table)


def _ratio(costs: list[Cost], floors: list[Cost]) -> float:
    return statistics.median(cost[0] / base[0] for cost, base in zip(costs, floors, strict=True))


if __name__ == "__main__":
    main()
