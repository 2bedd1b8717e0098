"""
Do the ids equal those of Hugging Face's `tokenizers`? A process of its own says so.

Why not this one? Loading a tokenizer of 131,072 entries takes half a second and holds Python's lock all the while:
nothing else could run. There it overlaps with the other engine's loading and with encoding. Nobody waits for an answer
before the last batch is encoded.

The process is this module. It reads a question a line, a JSON list of a function's name and its arguments, and answers
each with a line of JSON. It ends when nobody can ask any more.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import tokenizers

from nano3 import Nano3Error
from nano3.digest import SCRIPTS

SHOWN_CHARACTERS = 40
REMEDY = "set tokenizer.engine to tokenizers in the recipe, and report it to gigatoken"


class OracleError(Nano3Error):
    """The oracle's process ended, or found other ids."""


class Oracle:
    """
    Answers questions on a tokenizer.json, one after the other, while this process goes on.

    plain: whether a text that spells out a control token is its characters.
    """

    def __init__(self, file: Path, plain: bool) -> None:
        self._file = file
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(file.resolve()), "plain" if plain else "parse"],
            cwd=SCRIPTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._questions, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        self._asking = ThreadPoolExecutor(1)
        self._confirmed: list[Future[None]] = []

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(self, *_error: object) -> None:
        self._asking.shutdown(cancel_futures=True)
        self._process.communicate()  # closes its questions: it ends

    def confirm(self, token: str, number: int) -> None:
        """From here on every check fails if `tokenizers` gives this token another id."""
        self._confirmed.append(self._asking.submit(self._confirm, token, number))

    def check(self, text: str, ids: Sequence[int]) -> Future[None]:
        """The future raises OracleError, showing the text around, if `tokenizers` makes other ids of a text."""
        return self._asking.submit(self._check, text, ids)

    def _confirm(self, token: str, number: int) -> None:
        if (found := self._ask("id_of", token)) != number:
            raise OracleError(f"{self._file}: token {token!r} is {number}, tokenizers says {found}: {REMEDY}")

    def _check(self, text: str, ids: Sequence[int]) -> None:
        for confirmed in self._confirmed:
            confirmed.result()  # asked before: it is there
        if difference := self._ask("difference", text, ids):
            first, around = difference
            raise OracleError(f"gigatoken and tokenizers differ from token {first} on, near {around!r}: {REMEDY}")

    def _ask(self, *question: Any) -> Any:
        try:
            self._questions.write(msgspec.json.encode(question) + b"\n")
            self._questions.flush()
            answer = self._answers.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise OracleError(f"{self._file}: the process that checks ids with it has ended: see the log above")
        return msgspec.json.decode(answer)


def answer(file: str, plain: bool, questions: IO[bytes], answers: IO[bytes]) -> None:
    """The other process: answer every question."""
    tokenizer = tokenizers.Tokenizer.from_file(file)
    tokenizer.encode_special_tokens = plain

    def difference(text: str, ids: list[int]) -> tuple[int, str] | None:
        """The first token that differs, and the text around."""
        expected = tokenizer.encode(text, add_special_tokens=False)
        if ids == expected.ids:
            return None
        pairs = enumerate(zip(ids, expected.ids, strict=False))
        first = next((at for at, (ours, theirs) in pairs if ours != theirs), min(len(ids), len(expected.ids)))
        begin = expected.offsets[first][0] if first < len(expected.offsets) else len(text)
        return first, text[max(0, begin - SHOWN_CHARACTERS) : begin + SHOWN_CHARACTERS]

    functions: dict[str, Callable[..., Any]] = {
        "id_of": tokenizer.token_to_id,
        "difference": difference,
    }
    for question in questions:
        name, *arguments = msgspec.json.decode(question)
        answers.write(msgspec.json.encode(functions[name](*arguments)) + b"\n")
        answers.flush()


if __name__ == "__main__":
    answer(sys.argv[1], sys.argv[2] == "plain", sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)  # taking a large tokenizer apart would keep the shard waiting
