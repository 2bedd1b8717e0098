"""A downloaded shard is the pinned bytes; nothing else stays, except a part to resume from."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nano3 import Nano3Error
from nano3.core.retry import Patience
from nano3.raw import remote
from nano3.raw.download import DownloadError, download_shard
from nano3.raw.remote import UrlError
from tests.hub import Fault, Hub
from tests.raw.corpus import PART, download, sha256


def test_a_download_is_the_pinned_bytes_and_nothing_else(hub: Hub, raw: Path) -> None:
    download(hub, raw)
    assert raw.read_bytes() == PART
    assert sorted(raw.parent.iterdir()) == [raw]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "wrong",
            rf"SHA-256 is [0-9a-f]{{64}}, pinned was {hashlib.sha256(PART).hexdigest()}: .* pin its dataset again",
        ),
        ("short", r"should be of size \d+ but has size \d+"),
        (500, r"the Hub at \S+ answered 500 for org/corpus every time"),
        (403, r"HF_TOKEN may not read org/corpus"),
        ("unknown token", r"the Hub at \S+ rejects HF_TOKEN: create a new token on \S+"),
    ],
)
def test_a_failed_download_leaves_nothing(hub: Hub, raw: Path, what: int | str, message: str) -> None:
    hub.faults.append(Fault("(GET|HEAD) .*resolve", what, times=99))
    with pytest.raises(Nano3Error, match=message) as error:
        download(hub, raw)
    assert "\n" not in str(error.value)
    assert list(raw.parent.iterdir()) == []


def test_other_bytes_than_were_pinned_are_refused_by_their_size(hub: Hub, raw: Path) -> None:
    with pytest.raises(DownloadError, match=r"has [\d,]+ bytes where 3 were pinned: .*pin its dataset again"):
        download(hub, raw, content=b"abc")
    assert list(raw.parent.iterdir()) == []


def test_a_part_is_resumed_for_the_same_bytes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, raw = tmp_path / "source.parquet", tmp_path / "raw/shard.parquet"
    source.write_bytes(PART)
    chunks, begins = remote.chunks, []

    def broken(url: str, _begin: int, _patience: Patience) -> Iterator[bytes]:
        yield PART[:1000]
        raise UrlError(f"{url}: broke")

    def recorded(url: str, begin: int, patience: Patience) -> Iterator[bytes]:
        begins.append(begin)
        return chunks(url, begin, patience)

    monkeypatch.setattr("nano3.raw.remote.chunks", broken)
    with pytest.raises(UrlError, match="broke"):
        download_shard(f"file://{source}", sha256(PART), len(PART), raw)
    assert not raw.exists()
    monkeypatch.setattr("nano3.raw.remote.chunks", recorded)
    other = PART[::-1]
    source.write_bytes(other)
    download_shard(f"file://{source}", sha256(other), len(other), raw)
    assert raw.read_bytes() == other
    source.write_bytes(PART)
    download_shard(f"file://{source}", sha256(PART), len(PART), raw)
    assert raw.read_bytes() == PART
    assert begins == [0, 1000]
    assert sorted(raw.parent.iterdir()) == [raw]
