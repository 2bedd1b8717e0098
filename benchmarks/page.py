"""The benchmark's page: a table, what it was measured on, how to read it, and a picture, all from results.json."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

Results = Mapping[str, Mapping[str, Any]]

TEMPLATE = Path(__file__).parent / "page.md.j2"
BEGIN, END = "<!-- make bench writes this -->", "<!-- up to here -->"
NAMES = {
    "ours": "tokenize_shard",
    "bundle": "tokenize_bundle",
    "megatron-fast": "Megatron-LM's newer way",
    "megatron": "Megatron-LM's older way",
    "datatrove": "datatrove",
    "floor": "no encoding",
}
PEERS = ("megatron-fast", "megatron", "datatrove")
FLOOR_GOAL = 0.5
WARM = ("tokenize", "encode", "decode")
COLOURS = {"ours": "#2c7fb8", "bundle": "#2c7fb8", "floor": "#bdbdbd"} | dict.fromkeys(PEERS, "#d95f0e")


def write(value: Mapping[str, Any], document: Path, summary: Path) -> None:
    """Print the table; write {document}.md and {document}.png, and the lines between two marks of summary."""
    print(table(value["results"]))
    picture = document.with_suffix(".png")
    document.parent.mkdir(parents=True, exist_ok=True)
    document.with_suffix(".md").write_text(text(value, picture.name), encoding="utf-8")
    draw(value["results"], picture)
    shown = os.path.relpath(picture, summary.parent)
    summary.write_text(with_section(summary.read_text(encoding="utf-8"), section(value, shown)), encoding="utf-8")


def with_section(page: str, lines: str) -> str:
    """A page with other lines between the two marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{lines}\n{END}{rest.split(END)[1]}"


def section(value: Mapping[str, Any], picture: str) -> str:
    """What docs/benchmarks.md says: ours against the fastest peer, the picture, and the lines for the most cores."""
    machine = value["machine"]
    cores = max(result["cores"] for result in value["results"].values())
    shown = {name: result for name, result in value["results"].items() if result["cores"] == cores}
    return (
        "Speed against the fastest peer on the same text, by wall time (by processor seconds):\n"
        f"{against_peers(value['results'])}\n\n"
        f"![MB of text a second]({picture})\n\n{table(shown)}\n\n"
        f"{cores} of {machine['cores']} cores of {machine['processor']}, a vocabulary of 131,072 entries, "
        f"{machine['day']}. Load average {machine['busy'][0]:.1f} when it began, "
        f"{machine['busy'][1]:.1f} when it ended: where that is more than the cores, trust processor seconds."
    )


def speed(result: Mapping[str, Any], by: str = "seconds") -> float:
    """Bytes of text a second of wall time, or by processor_seconds."""
    return float(result["text_bytes"] / result[by])


def table(results: Results) -> str:
    """A Markdown table, a line per measurement."""
    head = ["what", "from", "cores", "MB of text", "seconds: median (best)", "processor seconds", "MB/s"]
    head += ["peak memory, MB", "× the fastest peer (by processor seconds)", "× no encoding"]
    lines = [head, ["---"] * 2 + ["--:"] * 8, *(_row(result, results) for result in results.values())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def peers_of(result: Mapping[str, Any], results: Results) -> list[Mapping[str, Any]]:
    """The peers that were given the same text."""
    return [each for each in results.values() if each["name"] in PEERS and each["text_bytes"] == result["text_bytes"]]


def against_peers(results: Results) -> str:
    """What ours is to the fastest peer, on the most cores: a Markdown list."""
    cores = max(result["cores"] for result in results.values())
    lines = []
    for name in ("ours", "bundle"):
        found = [result for result in results.values() if result["name"] == name and result["cores"] == cores]
        times = [f"{_times(result, results)} from .{result['format']}" for result in found]
        fastest = max(peers_of(found[0], results), key=speed)
        lines.append(
            f"- {NAMES[name]}, {found[0]['text_bytes'] / 1e6:,.0f} MB of text: {', '.join(times)}; "
            f"{max(result['peak_bytes'] for result in found) / 1e9:.1f} GB of memory "
            f"where {NAMES[fastest['name']]} takes {fastest['peak_bytes'] / 1e9:.1f} GB."
        )
    return "\n".join(lines)


def goal(measured: Sequence[Mapping[str, Any]]) -> str:
    """What was aimed at in a warm process and whether it was reached."""
    warm, alone = (
        max(each["decode"]["seconds"] / each[what]["seconds"] for each in measured) for what in ("tokenize", "encode")
    )
    return (
        f"{FLOOR_GOAL}× the speed of no encoding, with warm caches: {'met' if warm >= FLOOR_GOAL else 'missed'}, "
        f"at best {warm:.2f}×; gigatoken alone, its text in memory, has {alone:.2f}×"
    )


def _times(result: Mapping[str, Any], results: Results) -> str:
    """How many times the speed of the fastest peer on the same text, by wall time (and by processor seconds)."""
    peers = peers_of(result, results)
    if not any(peer is not result for peer in peers):
        return ""
    wall, processors = (
        speed(result, by) / max(speed(peer, by) for peer in peers) for by in ("seconds", "processor_seconds")
    )
    return f"{wall:.1f}× ({processors:.1f}×)"


def _row(result: Mapping[str, Any], results: Results) -> list[str]:
    floor = results.get(f"floor {result['format']} {result['cores']} {result['text_bytes']}")
    return [
        NAMES[result["name"]],
        f".{result['format']}",
        f"{result['cores']}",
        f"{result['text_bytes'] / 1e6:,.0f}",
        f"{result['seconds']:.2f} ({result['best_seconds']:.2f})",
        f"{result['processor_seconds']:.1f}",
        f"{speed(result) / 1e6:.1f}",
        f"{result['peak_bytes'] / 1e6:.0f}",
        _times(result, results),
        f"{speed(result) / speed(floor):.2f}" if floor else "",
    ]


def text(value: Mapping[str, Any], picture: str) -> str:
    """The page, from its template."""
    results = value["results"].values()
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True)
    page: str = template.render(
        value,
        picture=picture,
        table=table(value["results"]),
        stages=stages(value["results"]),
        warm_table=warm_table(value["warm"]),
        exactness_table=exactness_table(value["exactness"]),
        against_peers=against_peers(value["results"]),
        goal=goal(value["warm"]),
        cores=max(result["cores"] for result in results),
        repeats=max(len(result["runs"]) for result in results),
    )
    return page


def warm_table(measured: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of shards that a process took after another one, of gigatoken alone, and of no encoding."""
    head = ["the shard", "MB of text", "tokenize: seconds (of processors)", "MB/s", "gigatoken alone", "no encoding"]
    head += ["tokenize × no encoding", "gigatoken × no encoding"]
    lines = [head, ["---"] + ["--:"] * 7]
    for each in measured:
        tokenize, encode, decode = (each[what]["seconds"] for what in ("tokenize", "encode", "decode"))
        taken = [f"{each[what]['seconds']:.2f} ({each[what]['processor_seconds']:.2f})" for what in WARM]
        line = [
            each["shard"],
            f"{each['text_bytes'] / 1e6:.0f}",
            taken[0],
            f"{each['text_bytes'] / 1e6 / tokenize:.0f}",
        ]
        lines.append([*line, *taken[1:], f"{decode / tokenize:.2f}", f"{decode / encode:.2f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def exactness_table(ways: Mapping[str, Mapping[str, Any]]) -> str:
    """A Markdown table of what checks, and documents that gigatoken leaves to tokenizers, cost."""
    names = {"usual": "as usual", "unchecked": "no checks", "normalizing": "a tokenizer that normalizes"}
    lines = [
        ["", "documents", "checked", "by tokenizers", "seconds", "of processors", "× as usual"],
        ["---"] + ["--:"] * 6,
    ]
    for way, each in ways.items():
        ratio = each["processor_seconds"] / ways["usual"]["processor_seconds"]
        line = [names[way], *(f"{each[name]:,}" for name in ("documents", "checked", "exceptions"))]
        lines.append([*line, f"{each['seconds']:.2f}", f"{each['processor_seconds']:.2f}", f"{ratio:.2f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def stages(results: Results) -> str:
    """A Markdown table of our last runs' seconds by stage, as their receipts say."""
    measured = [result for result in results.values() if "stages" in result]
    names = list(measured[0]["stages"])
    lines = [["from", *names, "whole process"], ["---"] + ["--:"] * (len(names) + 1)]
    for result in measured:
        seconds = [*result["stages"].values(), result["runs"][-1]["seconds"]]
        lines.append([f".{result['format']}", *(f"{each:.2f}" for each in seconds)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(results: Results, path: Path) -> None:
    """A bar per measurement, MB/s of text on a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = sorted(results.values(), key=speed)
    labels = [
        f"{NAMES[each['name']]}, .{each['format']}, {each['text_bytes'] / 1e6:,.0f} MB, "
        f"{each['cores']} core{'s' * (each['cores'] > 1)}"
        for each in shown
    ]
    speeds = [speed(each) / 1e6 for each in shown]
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.36 * len(shown)), facecolor="white")
    bars = axes.barh(labels, speeds, color=[COLOURS[each["name"]] for each in shown])
    axes.bar_label(bars, [f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in speeds], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(min(speeds) / 2, max(speeds) * 2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("MB of text a second, whole process (logarithmic)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(path, dpi=150, bbox_inches="tight")
    plt.close(figure)
