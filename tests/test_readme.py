"""The README promises what tests hold."""

import re
from pathlib import Path

import yaml

from nano3.config.load import load_recipe

README = Path("README.md")


def test_every_row_of_what_rebuilds_what_names_tests_that_exist() -> None:
    section = README.read_text(encoding="utf-8").split("## What rebuilds what")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    defined = {
        name
        for path in Path("tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert len(rows) > 10
    for row in rows:
        names = re.findall(r"`(test_\w+)`", row.rsplit(" | ", 1)[1])
        assert names, row
        assert set(names) <= defined, row


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http|#)([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(links) > 10
    for link in links:
        assert Path(link).exists(), link


def test_a_file_that_is_shown_is_there_and_says_the_same() -> None:
    shown = re.findall(r"^```yaml\n# (\S+)\n(.+?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    assert shown
    for path, text in shown:
        assert yaml.safe_load(text) == yaml.safe_load(Path(path).read_text(encoding="utf-8")), path


def test_every_dataset_that_is_to_be_pinned_is_described() -> None:
    commands = re.findall(r"nano3 pin ((?:--rows )?[a-z][\w.-]*)", README.read_text(encoding="utf-8"))
    assert len(commands) > 1
    for command in commands:
        name = command.removeprefix("--rows ")
        assert [*Path("config").glob(f"*/{name}.yaml")], command


def test_the_folder_of_tinys_tokens_is_the_one_that_it_has() -> None:
    assert set(re.findall(r"results/tokens/(tiny-\w+)", README.read_text(encoding="utf-8"))) == {
        load_recipe("tiny")[1].tokens_name
    }
