"""What is pinned by `nano3 pin`, and how it is named."""

from tests.conftest import House, nano3


def test_a_dataset_is_pinned_by_its_name_or_its_path(bare_house: House) -> None:
    (bare_house.root / "config/datasets/tiny-math.tsv").unlink()
    assert "added set-mm-01" in bare_house.nano3("pin", "config/datasets/tiny-math.yaml").stdout
    assert "added" not in bare_house.nano3("pin", "tiny-math").stdout


def test_all_that_a_recipe_lacks_is_pinned(bare_house: House) -> None:
    for name in ("tiny-math", "tiny-code"):
        (bare_house.root / f"config/datasets/{name}.tsv").unlink()
    done = bare_house.nano3("pin", "--recipe", "tiny")
    assert done.returncode == 0, done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {"tiny-math", "tiny-code"}


def test_naming_nothing_is_a_mistake_in_the_words() -> None:
    done = nano3("pin")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "nano3 pin: name datasets or tokenizers, or a --recipe; see nano3 pin --help",
    )  # fmt: skip
