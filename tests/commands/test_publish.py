"""Where a recipe's artifacts are sent is said, also where that is nowhere."""

from tests.conftest import House


def test_the_mode_of_the_command_line_comes_first(bare_house: House) -> None:
    done = bare_house.nano3("publish", "--mode", "disabled", WANDB_MODE="online")
    assert (done.returncode, done.stdout) == (0, "disabled: 0 sent\n")
