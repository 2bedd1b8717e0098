"""Mistakes in what is asked of artifacts are one sentence."""

from tests.conftest import House, nano3


def test_a_step_is_a_number_or_a_range() -> None:
    done = nano3("trace", "step", "x-3")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "nano3 trace step: 'x-3' is no step: write 120, or 120-125; see nano3 trace step --help",
    )


def test_what_was_never_made_is_said(bare_house: House) -> None:
    for words in (["trace", "step", "1"], ["compare", "tiny", "tiny"]):
        done = bare_house.nano3(*words)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    done = bare_house.nano3("verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 damaged or missing" in done.stdout
