"""The measurements of planning.py become docs/benchmarks/plan.md and plan.svg."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Template
from matplotlib import pyplot as plt

RESULTS = Path("build/plan/results.json")
SMALL = Path("build/plan/small.json")
PAGE = Path("docs/benchmarks/plan.md")
COLOURS = {"nano3": "#1b6ca8", "prune=false": "#c8553d", "make": "#6b8f3c", "ninja": "#8d6cab", "stat": "#555555"}
TEMPLATE = Path(__file__).with_name("planning.md.j2")


def table(results: list[dict[str, Any]]) -> str:
    """Seconds, CPU seconds and MB by case and tool, the largest catalogue last."""
    lines = ["| shards | case | tool | seconds | CPU s | MB |", "|--:|---|---|--:|--:|--:|"]
    lines += [
        f"| {r['shards']:,} | {r['case']} | {r['tool']} | {r['seconds']:.2f} | {r['cpu']:.2f} | {r['peak']:,.0f} |"
        for r in results
    ]
    return "\n".join(lines)


def small_table() -> str:
    """Shards a second, by the way they are tokenized."""
    rows = json.loads(SMALL.read_text(encoding="utf-8"))
    lines = ["| way | shards | seconds | shards/s |", "|---|--:|--:|--:|"]
    lines += [
        f"| {row['way']} | {row['shards']:,} | {row['seconds']:.1f} | {row['shards'] / row['seconds']:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Seconds and MB over shards, a line for each tool and case that takes seconds."""
    mpl.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "plan"}
    styles = {"nothing changed": "-", "no tokens yet": "--"}
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), facecolor="white", layout="constrained")
    for tool, colour in COLOURS.items():
        for case, style in styles.items():
            rows = [r for r in results if r["tool"] == tool and r["case"] == case]
            for panel, what in zip(axes, ("seconds", "peak"), strict=True):
                label = f"{tool}, {case}"
                if rows:
                    shards = [r["shards"] for r in rows]
                    panel.plot(shards, [r[what] for r in rows], style, color=colour, marker="o", ms=3, label=label)
    for panel, title in zip(axes, ("Seconds to plan", "Peak memory, MB"), strict=True):
        panel.set(xscale="log", xlabel="shards")
        panel.set_title(title, loc="left")
        panel.grid(color="#dddddd", lw=0.6)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    axes[1].legend(frameon=False, handlelength=3, fontsize=7, loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.savefig(path, metadata={"Date": None})


def first_line(*command: str) -> str:
    """What a program says first."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def write_page(whole: int, repeats: int, over: list[str]) -> None:
    """Table, text and plot of the last measurements. over: goals that were missed."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    plot(results, PAGE.with_suffix(".svg"))
    try:
        slurm = f", with snakemake-executor-plugin-slurm {version('snakemake-executor-plugin-slurm')} installed"
    except ImportError:
        slurm = ""
    PAGE.write_text(
        Template(TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True).render(
            cores=os.cpu_count(),
            memory=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            python=platform.python_version(),
            snakemake=version("snakemake"),
            make=first_line("make", "--version"),
            ninja=first_line("ninja", "--version"),
            slurm=slurm,
            table=table(results),
            whole=f"{whole:,}",
            loads=f"{min(r['load'] for r in results):.1f} to {max(r['load'] for r in results):.1f}",
            small=small_table(),
            repeats=repeats,
            goals="All are met." if not over else "Missed: " + "; ".join(over) + ".",
        ),
        encoding="utf-8",
    )
