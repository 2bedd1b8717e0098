"""Tab completes commands, recipes, paths and what can be pinned."""

from tests.conftest import nano3


def test_tab_completes_commands_recipes_and_paths() -> None:
    def completed(words: str) -> list[str]:
        done = nano3(COMP_WORDS=words, COMP_CWORD=str(words.count(" ")), _NANO3_COMPLETE="bash_complete")
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("nano3 sch") == ["schedule"]
    assert completed("nano3 plan --recipe nano3-") == ["nano3-report"]
    assert completed("nano3 plan --recipe config/recipes/t") == ["config/recipes/tiny.yaml"]
    assert completed("nano3 pin nemo") == ["nemotron-3-nano"]
    assert "_NANO3_COMPLETE=bash_complete" in nano3("completion").stdout
