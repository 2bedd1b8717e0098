from pathlib import Path

import pytest

from nano3.artifact.receipt import Input, Output, ReceiptError, Run
from nano3.artifact.steps import LineageFacts, LineageKey, LineageReceipt, is_damaged
from nano3.provenance.lineage import LineageError, closure
from tests.receipts import receipt_input


def receipt(name: str, *sources: str, byte: str = "0") -> Path:
    outputs = [Output(f"{name}.bin", 1, byte * 64)]
    inputs = [receipt_input(Path(f"{source}.json")) for source in sources] or [Input("file", "raw", "f" * 64)]
    path = Path(f"{name}.json")
    key: LineageKey = {"code": "c"}
    facts = LineageFacts(entity=0, activity=0, agent=0, shards=0)
    LineageReceipt.made(Run(("numpy",)), key=key, inputs=inputs, outputs=outputs, facts=facts).write(path)
    return path


@pytest.fixture(autouse=True)
def in_folder(in_repository: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_closure_holds_every_ancestor_once() -> None:
    for name, sources in (("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("b", "c"))):
        receipt(name, *sources)
    assert sorted(closure(Path("d.json"))) == ["a.json", "b.json", "c.json", "d.json"]


def test_a_rebuilt_ancestor_with_the_same_bytes_is_the_same() -> None:
    receipt("a")
    receipt("b", "a")
    receipt("a")
    assert len(closure(Path("b.json"))) == 2


def test_an_ancestor_of_other_bytes_is_an_error() -> None:
    receipt("a")
    receipt("b", "a")
    receipt("a", byte="1")
    with pytest.raises(LineageError, match=r"b\.json: was built from another version of a\.json: rebuild it"):
        closure(Path("b.json"))


def test_a_missing_or_damaged_receipt_is_named() -> None:
    receipt("a")
    receipt("b", "a")
    Path("a.json").write_text("{")
    with pytest.raises(ReceiptError, match=r"a\.json: not a receipt: delete it and build it again"):
        closure(Path("b.json"))
    assert is_damaged("a.json")
    Path("a.json").unlink()
    assert not is_damaged("a.json")
    assert not is_damaged("b.json")
    with pytest.raises(ReceiptError, match=r"a\.json: no such receipt: build it with `snakemake a\.json`"):
        closure(Path("b.json"))
