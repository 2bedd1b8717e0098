"""A value is found in the line where it stands, with the comment beside it."""

from pathlib import Path

from nano3.recipes.extends import read_composition
from nano3.recipes.origins import Origin, origin, origins

TEXT = """\
a:       # of a
  b: 1_000   # one
             # two
  # another
  c: [x, y]
d: {e: 2.0e-3, f: yes}  # both
"""


def test_each_value_has_its_line_text_and_comment() -> None:
    assert origins(TEXT) == {
        "a": Origin(1, "", "of a", group=True),
        "a.b": Origin(2, "1_000", "one two"),
        "a.c": Origin(5, "x, y", ""),
        "d": Origin(6, "", ""),
        "d.e": Origin(6, "2.0e-3", "both"),
        "d.f": Origin(6, "yes", "both"),
    }


def test_an_empty_text_has_none() -> None:
    assert origins("# nothing\n") == {}


def test_an_inherited_value_stands_in_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("\na: {b: 1}  # why\n")
    (tmp_path / "own.yaml").write_text("extends: base\nc: 2\n")
    composition = read_composition("own", tmp_path)
    assert origin(composition, "a.b") == Origin(2, "1", "why")
    assert origin(composition, "c") == Origin(2, "2", "")
    assert origin(composition, "about") is None
