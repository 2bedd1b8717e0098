"""Receipts: what is read is what a step wrote, or it is refused by name with the remedy."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Input, Output, ReceiptError, Run
from nano3.artifact.steps import (
    MODELS,
    BlendReceipt,
    IndexReceipt,
    ShardReceipt,
    is_damaged,
    read_receipt,
)
from tests.receipts import SHARD_KEY, shard_facts

# What each step's receipts are like today. A digest that changes means that older receipts may not be readable: give a
# new fact a default and make a new key NotRequired, or raise the model's SCHEMA. Then write the new digest here.
MODELS_OF_SCHEMAS = {
    ("tokenize_shard", 1): "8266e16d5a18b0ab18266b22d30ad9150ac80a6c223cc6df46ffc2ca585521e6",
    ("index_dataset", 1): "1d34329a9e51b9e63feea0a4437e67441e1f9cdfcb47e14a654dc5b2954dc013",
    ("write_blend", 1): "b7b374718bdae455da9d4e6b1a06cb7dcbb10147801028320e1d137fa303bea5",
    ("build_index_cache", 1): "32b9ac77272ff36274dab6dc5e453a5f934efe82531727bcb9d6e6f100ea8ef3",
    ("train_segment", 1): "82c1e56392a3e427ad4c81b9a5112ceb5c5d6327a0767d62198d2abbb19d9f65",
    ("export_hf", 1): "47adba014ae21e27c4ea70157ef743e4fdd7f5a8ddb737e0a0cf2728f10f8add",
    ("write_lineage", 1): "43f9e6ae8112f11d916214768b0d9d4a5efddfb0d8b25c833a488ddcb41e0ebe",
    ("write_report", 1): "dbc7ac8ddf0638dbc4b6d655087878d22da6d56ffd4b2ff38e67bbc39db192c8",
}


@pytest.fixture(autouse=True)
def in_folder(in_repository: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shard(path: str = "shard.json", **facts: Any) -> Path:
    """A shard's receipt on disk."""
    outputs = [Output("shard.bin", 1, "2" * 64)]
    inputs = [Input("file", "raw.parquet", "0" * 64)]
    made = ShardReceipt.made(Run(("numpy",)), key=SHARD_KEY, inputs=inputs, outputs=outputs, facts=shard_facts(**facts))
    made.write(Path(path))
    return Path(path)


def edited(path: Path, **changes: Any) -> Path:
    """The receipt with other values."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def model(kind: type[Any]) -> str:
    """Digest of all names and types that a step's receipt may have."""
    key, facts = get_args(kind.__orig_bases__[0])
    _, parts = msgspec.json.schema_components([kind, key, facts])
    text = json.dumps(parts, sort_keys=True)
    return digest_json(json.loads(text, object_hook=_without_prose))


def _without_prose(value: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name != "description" or not isinstance(part, str)}


def test_a_receipt_is_read_as_it_was_written() -> None:
    receipt = read_receipt(shard(tokens=7, valid=[3]), ShardReceipt)
    assert (receipt.step, receipt.schema, receipt.key, receipt.facts.tokens) == ("tokenize_shard", 1, SHARD_KEY, 7)
    assert receipt == read_receipt("shard.json")
    assert receipt.as_input("shard.json") == Input("receipt", "shard.json", receipt.content)
    assert receipt.run.packages["numpy"]


def test_what_a_receipt_says_first_is_its_step() -> None:
    assert next(iter(json.loads(shard().read_text()))) == "step"


def test_a_receipt_of_another_step_is_refused_by_name() -> None:
    with pytest.raises(ReceiptError, match=r"shard\.json: a receipt of tokenize_shard, not of write_blend: delete it"):
        read_receipt(shard(), BlendReceipt)
    with pytest.raises(ReceiptError, match=r"shard\.json: a receipt of knit, not of tokenize_shard"):
        read_receipt(edited(shard(), step="knit"), ShardReceipt)


@pytest.mark.parametrize(("schema", "age"), [(0, "an older"), (2, "a newer")])
def test_a_receipt_of_another_schema_is_refused_with_the_remedy(schema: int, age: str) -> None:
    path = edited(shard(), schema=schema)
    said = rf"written by {age} version \(schema {schema} of tokenize_shard, this one reads 1\): delete it and build it"
    for kind in (ShardReceipt, None):
        with pytest.raises(ReceiptError, match=said):
            read_receipt(path, kind) if kind else read_receipt(path)
    assert is_damaged(path)


def test_a_receipt_from_before_schemas_were_counted_is_an_older_one() -> None:
    path = shard()
    value = json.loads(path.read_text())
    del value["schema"]
    path.write_text(json.dumps(value))
    with pytest.raises(ReceiptError, match=r"written by an older version \(schema 0 of tokenize_shard"):
        read_receipt(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"facts": {}}, "a damaged receipt of tokenize_shard (Object missing required field"),
        ({"content": 5}, "not a receipt"),
        ({"outputs": [{"path": "x"}]}, "a damaged receipt of tokenize_shard ("),
        ({"key": {"sha256": "0"}}, "a damaged receipt of tokenize_shard (its key is incomplete)"),
        ({"run": None}, "a damaged receipt of tokenize_shard ("),
    ],
)
def test_damage_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ReceiptError) as refusal:
        read_receipt(edited(shard(), **changes))
    assert said in str(refusal.value)
    assert str(refusal.value).endswith("delete it and build it again with `snakemake shard.json`")


def test_a_key_that_nobody_knows_is_kept_so_that_it_is_a_difference() -> None:
    path = edited(shard(), key=SHARD_KEY | {"colour": "red"})
    assert dict(read_receipt(path, ShardReceipt).key)["colour"] == "red"


def test_every_rule_with_a_receipt_has_a_model() -> None:
    assert MODELS["index_dataset"] is IndexReceipt
    assert {step for step, _ in MODELS_OF_SCHEMAS} == set(MODELS)


def test_a_changed_model_raises_its_schema() -> None:
    assert {(step, kind.SCHEMA): model(kind) for step, kind in MODELS.items()} == MODELS_OF_SCHEMAS
