"""How fast all of it is, beside what others would use, in one table.

    python benchmarks/speed.py
    python benchmarks/speed.py --rows=projection,prior --repeats=3

Contenders of a row do the same work, each in a process of its own, and take
turns; see `contest.py`. Times are medians of the rounds. "x ours" is how many
times as fast as the first contender of its row a contender is, the median of
the ratios in each round. Memory is the most that a process had, libraries
included. "others" is what other processes took of the processors meanwhile: on
a machine that is not quiet ratios are not to be trusted, and goals not judged.

The table is printed, and written to --output_dir as `table.md` and `table.csv`.
What contenders print goes to `contenders.log` there. It runs on Linux only.
"""

import collections
import csv
import datetime
import io
import os
import platform
import signal
import statistics
import sys
import time

import contest
import growth
import rows
from absl import app
from absl import flags
from rows.row import judge

# Each can be asked for by its name.
GROUPS = {**rows.GROUPS, "growth": growth.SERIES}

ROWS = flags.DEFINE_list("rows", list(GROUPS), "Groups of rows to run.")
REPEATS = flags.DEFINE_integer("repeats", 7, "Rounds, at most.", 1)
OUTPUT_DIR = flags.DEFINE_string("output_dir", "runs/bench", "For the tables.")

CELLS = (
    *("row", "contender", "median ms", "min ms", "max ms", "rate", "unit"),
    *("x ours", "check", "peak MiB", "others"),
)
# All that was measured so far: lines of the three tables, and what ran it.
Report = collections.namedtuple("Report", "cells, goals, growths, header")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}")
    unknown = set(ROWS.value) - set(GROUPS)
    if unknown:
        raise app.UsageError(
            f"Unknown --rows: {', '.join(sorted(unknown))}. There are: "
            f"{', '.join(GROUPS)}."
        )
    # So that contenders are killed, as they are when it is interrupted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated."))
    chosen = [row for name in ROWS.value for row in GROUPS[name]]
    os.makedirs(OUTPUT_DIR.value, exist_ok=True)
    with open(os.path.join(OUTPUT_DIR.value, "contenders.log"), "w") as log:
        report = run(chosen, REPEATS.value, OUTPUT_DIR.value, log)
    print(markdown(report))


def run(chosen, repeats, output_dir, log):
    """Runs rows, and writes the tables after each.

    Returns:
        The `Report`.
    """
    report, start = Report([], [], [], setting()), time.perf_counter()
    for number, row in enumerate(chosen, start=1):
        print(f"{number}/{len(chosen)} {row.name}", file=sys.stderr)
        rounds = min(repeats, row.repeats or repeats)
        results = contest.contest(row.contenders, rounds, log)
        add(report, row, results)
        minutes = (time.perf_counter() - start) / 60
        report.header["took"] = f"{minutes:.1f} minutes"
        print(f"    {minutes:.1f} minutes so far", file=sys.stderr)
        write(os.path.join(output_dir, "table.md"), markdown(report))
        write(os.path.join(output_dir, "table.csv"), comma_separated(report))
    return report


def add(report, row, results):
    """Adds what came of a row to the report."""
    first = results[row.contenders[0].label]
    for result in results.values():
        line = cells(row.name, result, first)
        report.cells.append(line)
        print("    " + " | ".join(filter(None, line[1:])), file=sys.stderr)
        add_versions(report.header, result)
    for goal in row.goals:
        report.goals.append([row.name, goal.words, *judge(goal, results)])
    if row.sizes:
        report.growths.append(growth.exponents(row, results))


def cells(name, result, first):
    """Returns a line of the table, as text."""
    _, seconds, others, check, peak, *_ = result
    contender = result.contender
    if result.error:
        said = f"not run: {result.error}"
        return [name, contender.label, *[""] * 6, said, "", ""]
    times = (statistics.median(seconds), min(seconds), max(seconds))
    comparable = first.seconds and contender.unit == first.contender.unit
    times_as_fast = contest.ratio(result, first) if comparable else None
    return [
        name,
        contender.label,
        *(f"{1e3 * each:.4g}" for each in times),
        f"{contest.rate(result):.4g}",
        contender.unit,
        "" if times_as_fast is None else f"{times_as_fast:.3g}",
        ", ".join(f"{key} {value:.3g}" for key, value in check.items()),
        f"{peak:.0f}",
        f"{others:.0%}",
    ]


def setting():
    """Returns what is known of the machine, for the header."""
    return {
        "date": datetime.datetime.now().isoformat(" ", "minutes"),
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
    }


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line for line in file if line.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.machine()


def add_versions(header, result):
    """Adds versions of libraries, and numbers of threads, all that differ."""
    found = dict(result.versions)
    if result.threads:
        found["threads"] = str(result.threads)
    for name, value in found.items():
        there = header.get(name, "").split(", ")
        if value not in there:
            header[name] = ", ".join(filter(None, [*there, value]))


def markdown(report):
    """Returns the report as a page of Markdown."""
    lines = [f"- {name}: {value}" for name, value in report.header.items()]
    lines += table(CELLS, report.cells)
    if report.goals:
        lines += table(("row", "goal", "measured", "result"), report.goals)
    if report.growths:
        names = ("what grows", "from, to", "time: exponent", "memory: exponent")
        lines += table(names, [growing(each) for each in report.growths])
    return "\n".join(lines) + "\n"


def growing(each):
    sizes = ", ".join(f"{size:g}" for size in each.sizes)
    return [each.name, sizes, f"{each.time:.2f}", f"{each.memory:.2f}"]


def table(names, lines):
    rule = "|" + "---|" * len(names)
    body = [
        "| " + " | ".join(cell.replace("|", "/") for cell in line) + " |"
        for line in lines
    ]
    return ["", "| " + " | ".join(names) + " |", rule, *body]


def comma_separated(report):
    """Returns the first table as CSV, the header being comments."""
    stream = io.StringIO()
    for name, value in report.header.items():
        stream.write(f"# {name}: {value}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CELLS)
    writer.writerows(report.cells)
    return stream.getvalue()


def write(path, text):
    """Writes a file that is never there by half."""
    with open(f"{path}.part", "w") as file:
        file.write(text)
    os.replace(f"{path}.part", path)


if __name__ == "__main__":
    app.run(main)
