"""What ranks tell each other arrives in the order of the ranks."""

import json
import socket
import subprocess
import sys

import pytest
import torch

from nano3.training.cpu import process_group
from nano3.training.cpu.process_group import all_gather, broadcast, init_process_group, rank_slice
from tests.conftest import REPOSITORY

TALK = """
import json
from nano3.training.cpu.process_group import all_gather, barrier, broadcast, init_process_group, rank, rank_slice
init_process_group(7)
print(json.dumps([broadcast(f"from {rank()}"), all_gather([rank()] * (2 - rank())), list(rank_slice(5))]))
barrier()
"""


@pytest.mark.parametrize("count", [0, 1, 7, 48])
@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_every_piece_of_work_is_one_ranks_and_shares_are_even(
    monkeypatch: pytest.MonkeyPatch, count: int, ranks: int
) -> None:
    monkeypatch.setattr(process_group, "ranks", lambda: ranks)
    pieces: list[int] = []
    for rank in range(ranks):
        monkeypatch.setattr(process_group, "rank", lambda rank=rank: rank)
        pieces += rank_slice(count)
        assert len(rank_slice(count)) in (count // ranks, -(-count // ranks))
    assert pieces == list(range(count))


def test_a_process_alone_is_its_own_group_and_the_seed_sets_torchs_state() -> None:
    draws = []
    for _ in range(2):
        init_process_group(7)
        draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[1]
    assert (broadcast("x"), all_gather([1, 2]), list(rank_slice(3))) == ("x", [1, 2], [0, 1, 2])


@pytest.mark.slow
def test_two_processes_agree() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": "scripts"}
    processes = [
        subprocess.Popen([sys.executable, "-c", TALK], cwd=REPOSITORY, env=group | {"RANK": rank}, stdout=-1, text=True)
        for rank in ("0", "1")
    ]
    answers = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    assert answers == [["from 0", [0, 0, 1], [0, 1]], ["from 0", [0, 0, 1], [2, 3, 4]]]
