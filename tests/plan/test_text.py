"""The plan in a terminal."""

import json
import re
import subprocess
import sys
from pathlib import Path

from nano3.plan.plan import as_json
from nano3.plan.text import WIDTH, as_text
from tests.conftest import REPOSITORY
from tests.plan.conftest import pin_again, plan


def test_the_text_fits_a_terminal_and_has_colour_only_if_asked_for(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    found = plan(what_if={"tokenizer.add_bos": True})
    text = as_text(found, colour=False)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\033" not in text
    assert re.sub(r"\033\[\d+m", "", as_text(found, colour=True)) == text


def test_the_text_needs_no_library_that_is_slow_to_import(bare: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = ['plan']; "
        f"sys.path.insert(0, {str(REPOSITORY / 'scripts')!r}); from nano3.commands.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'torch', 'megatron', 'pyarrow', 'matplotlib', 'jinja2'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_other_recipes_are_named_if_there_are_any(house: Path) -> None:
    lines = as_text(plan(), colour=False, others=["nano3", "team"]).splitlines()
    assert lines[:3] == ["Recipe tiny", "Other recipes: nano3, team. Name one with --recipe.", ""]
    assert as_text(plan(), colour=False).splitlines()[:2] == ["Recipe tiny", ""]
    many = as_text(plan(), colour=False, others=[f"team-{number}" for number in range(40)])
    assert "team-5 and 34 more. Name one with --recipe." in " ".join(many.split())
    assert max(map(len, many.splitlines())) <= WIDTH


def test_a_command_is_not_broken_over_two_lines(bare: Path) -> None:
    Path("resources/tiny/math/set-mm-01.jsonl.gz").unlink()
    assert any("`nano3 pin tiny-math`" in line for line in as_text(plan(), colour=False).splitlines())


def test_rows_that_are_in_no_pair_are_told(house: Path) -> None:
    assert "in no pair" not in as_text(plan(), colour=False)
    index = Path(plan().state.request.paths.index("tiny-math"))
    receipt = json.loads(index.read_text())
    facts = receipt["facts"] | {"rows": 40, "skipped": 37, "dropped": {"no text": 37}}
    index.write_text(json.dumps(receipt | {"facts": facts}))
    said = "tiny-math: 37 of 40 rows are in no pair: 37 without text"
    assert said in as_text(plan(), colour=False).splitlines()
    assert as_json(plan(), [])["dropped"] == [said]


def test_files_that_are_not_pinned_are_told_of_local_datasets(house: Path) -> None:
    folder = Path("resources/tiny/math")
    folder.mkdir(parents=True, exist_ok=True)
    assert not plan().unpinned
    for name in ("new-0.jsonl.gz", "new-1.jsonl.gz", "other.txt", "._new-0.jsonl.gz"):
        (folder / name).touch()
    said = f"tiny-math: 2 matching files are not pinned, e.g. {folder}/new-0.jsonl.gz: "
    assert plan().unpinned == [f"{said}run `nano3 pin tiny-math`"]
    assert said.strip() in " ".join(as_text(plan(), colour=False).split())
    assert as_json(plan(), [])["unpinned"] == plan().unpinned
    assert plan("tiny-code").unpinned == []
    assert plan(sample=1).unpinned == [], "not all pins are read for a sample"
