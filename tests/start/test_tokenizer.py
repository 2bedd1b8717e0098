"""A tokenizer is named by its folder or its repository; what begins and ends a document is guessed and checked."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from nano3.core.retry import ATTENDED
from nano3.raw.hub import HubError
from nano3.raw.tokenizers import read_pins, read_tokenizer
from nano3.start.folder import StartError
from nano3.start.tokenizer import ChosenTokenizer, ends, hub_tokenizer, local_tokenizer, trained_tokenizer
from nano3.start.written import create
from tests.clock import Waits
from tests.hub import Hub
from tests.start.data import text

FILES = {path.name: path.read_bytes() for path in Path("resources/tiny/tokenizer").iterdir()}


def tokenizer(folder: Path, *added: str, **configuration: Any) -> Path:
    """A byte-level tokenizer with these added tokens, and what its tokenizer_config.json says."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made = Tokenizer(models.BPE({letter: number for number, letter in enumerate(sorted(alphabet))}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, normalized=False) for token in added])
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    if configuration:
        (folder / "tokenizer_config.json").write_text(json.dumps(configuration))
    return folder


@pytest.mark.parametrize(
    ("added", "configuration", "expected"),
    [
        (["<|bos|>", "<|endoftext|>", "<|pad|>"], {}, ("<|bos|>", "<|endoftext|>")),
        (["<s>", "</s>"], {"bos_token": "<s>", "eos_token": {"content": "</s>"}}, ("<s>", "</s>")),
        (["[A]", "[B]"], {"bos_token": "[A]", "eos_token": "[B]"}, ("[A]", "[B]")),
        (["<|endoftext|>"], {}, ("<|endoftext|>", "<|endoftext|>")),
        (["<|endoftext|>", "<|im_end|>"], {"bos_token": None, "eos_token": "<|im_end|>"}, ("<|im_end|>",) * 2),
        (["</s>"], {"eos_token": "<|gone|>"}, ("</s>", "</s>")),
    ],
)
def test_what_begins_and_ends_a_document_is_guessed(
    tmp_path: Path, added: list[str], configuration: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert ends(tokenizer(tmp_path / "t", *added, **configuration)) == expected


def test_what_is_said_goes_before_a_guess(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "t", "<s>", "</s>", "[DOC]")
    assert ends(folder, eos_token="[DOC]") == ("<s>", "[DOC]")
    with pytest.raises(StartError, match=r"^--bos-token <S>: \S+ has no such added token; it has <s>, </s>, \[DOC\]$"):
        ends(folder, bos_token="<S>")


def test_no_end_is_one_sentence_with_the_tokens_there(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "t", "<|sep1|>", "<|sep2|>")
    with pytest.raises(
        StartError, match=r"which token ends a document\? Name it with --eos-token; it has <\|sep1\|>, "
    ):
        ends(folder)


def test_a_damaged_configuration_beside_it_stops_no_guess(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "t", "<s>", "</s>")
    (folder / "tokenizer_config.json").write_text("{")
    (folder / "special_tokens_map.json").write_text("[]")
    assert ends(folder) == ("<s>", "</s>")


def test_a_folder_is_named_relative_to_the_repository_or_wholly(here: Path, tmp_path: Path) -> None:
    inside = local_tokenizer("resources/tiny/tokenizer")
    assert (inside.path, inside.files) == ("resources/tiny/tokenizer", {})
    assert local_tokenizer(str(here / "resources/tiny/tokenizer/tokenizer.json")).path == inside.path
    outside = local_tokenizer(str(tokenizer(tmp_path / "Tök 8k", "</s>")))
    assert (outside.name, outside.path) == ("tok-8k", f"{tmp_path}/Tök 8k")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            "{tmp}",
            "--tokenizer {tmp}: {tmp} has no tokenizer.json: name a folder that has one, hf://org/repo, or train",
        ),
        ("{tmp}/no", "--tokenizer {tmp}/no: no such folder: {tmp}/no: name a folder that has one, hf://org/repo, or"),
        (
            "nemotron-3-nano",
            "--tokenizer nemotron-3-nano: config/tokenizers/nemotron-3-nano.yaml describes it: write --tokenizer hf://nv",
        ),
    ],
)
def test_what_is_no_tokenizer_is_one_sentence(here: Path, tmp_path: Path, given: str, sentence: str) -> None:
    assert here
    with pytest.raises(StartError) as error:
        local_tokenizer(given.format(tmp=tmp_path))
    assert str(error.value).startswith(sentence.format(tmp=tmp_path))


@pytest.fixture
def workspace(here: Path, tmp_path: Path) -> Path:
    assert here
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def written(chosen: ChosenTokenizer) -> ChosenTokenizer:
    return create(chosen.files, lambda: chosen)


def test_a_tokenizer_of_the_hub_is_described_pinned_and_downloaded(hub: Hub, workspace: Path) -> None:
    commit = hub.commit("org/Model", FILES | {"model.safetensors": b"weights"})
    chosen = written(hub_tokenizer("hf://org/Model", workspace))
    assert (chosen.name, chosen.path, chosen.bos_token, chosen.eos_token) == ("model", None, "<s>", "</s>")
    assert read_tokenizer("model").revision == commit
    assert {pin.name for pin in read_pins("model")} == FILES.keys()
    assert {path.name: path.read_bytes() for path in Path("resources/tokenizers/model").iterdir()} == FILES
    hub.requests.clear()
    hub.commit("org/Model", FILES | {"tokenizer_config.json": b"{}"})
    again = hub_tokenizer("hf://org/Model", workspace)
    assert (again.files, again.entries) == ({}, chosen.entries), "as pinned, and nothing is downloaded twice"
    assert not hub.requests


def test_a_pinned_tokenizer_that_is_not_here_is_downloaded_as_pinned(hub: Hub, workspace: Path) -> None:
    hub.commit("org/model", FILES)
    written(hub_tokenizer("hf://org/model", workspace))
    Path("resources/tokenizers/model/tokenizer.json").unlink()
    assert [*hub_tokenizer("hf://org/model", workspace).files] == [Path("resources/tokenizers/model/tokenizer.json")]


def test_a_repository_without_a_tokenizer_and_a_wrong_name_are_one_sentence(hub: Hub, workspace: Path) -> None:
    hub.commit("org/model", {"model.safetensors": b"weights"})
    with pytest.raises(StartError, match=r"^--tokenizer hf://org/model: org/model has no tokenizer\.json: name a repo"):
        hub_tokenizer("hf://org/model", workspace)
    with pytest.raises(StartError, match=r"^--tokenizer hf://model: write hf://org/repo"):
        hub_tokenizer("hf://model", workspace)


def test_a_hub_that_can_not_be_reached_is_one_sentence_within_20_seconds(
    hub: Hub, workspace: Path, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", "http://127.0.0.1:9", raising=False)
    with pytest.raises(HubError, match="can't be reached") as error:
        hub_tokenizer("hf://org/model", workspace)
    assert "\n" not in str(error.value)
    assert waits.total <= ATTENDED.unreachable + 8


def test_a_trained_tokenizer_is_kept_beside_the_catalogue(workspace: Path) -> None:
    chosen = trained_tokenizer("mine", 290, [text(number) for number in range(50)], workspace)
    assert chosen.entries == 290
    written(chosen)
    assert local_tokenizer("config/tokenizers/mine").settings["sha256"] == chosen.settings["sha256"]
    few = trained_tokenizer("few", 5000, ["ab ab"], workspace)
    assert few.about.endswith(f"the sample has pairs for {few.entries:,} entries only, not for 5,000")
