"""A page appears whole, with formatted numbers and no undefined value."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from nano3.drawing.svg import DARK, LIGHT
from nano3.drawing.templates import write_page


def test_values_are_formatted_and_escaped(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("{{ number | compact }} {{ name }} {{ light.ink }}")
    write_page(tmp_path / "x.html", tmp_path / "x.j2", number=1_340_000, name="<b>")
    assert (tmp_path / "x.html").read_text() == f"1.34M &lt;b&gt; {LIGHT['ink']}"


def test_an_undefined_value_is_an_error_and_leaves_no_page(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("{{ nothing }}")
    with pytest.raises(UndefinedError, match="nothing"):
        write_page(tmp_path / "x.html", tmp_path / "x.j2")
    assert not (tmp_path / "x.html").exists()


def test_every_page_shares_one_head_and_both_sets_of_colours(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text('{% extends "base.html.j2" %}{% block title %}T{% endblock %}')
    write_page(tmp_path / "x.html", tmp_path / "x.j2")
    html = (tmp_path / "x.html").read_text()
    assert "<title>T</title>" in html
    assert "default-src 'none'" in html
    assert all(f"--{name}: {colour};" in html for colours in (LIGHT, DARK) for name, colour in colours.items())
