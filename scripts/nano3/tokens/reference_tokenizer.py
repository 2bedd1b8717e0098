"""
Do the ids equal those of Hugging Face's `tokenizers`? A separate process checks.

Why a process? Loading a tokenizer of 131,072 entries takes half a second and holds Python's lock, so nothing else could
run. In its own process it overlaps with loading the other engine and with encoding; the first answer is needed only
when the last batch is encoded.

The process runs this module. Each line that it reads is a question, a JSON list of a function's name and its arguments;
it answers each with a line of JSON, and exits at the end of its input.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from nano3 import Nano3Error
from nano3.artifact.code import SCRIPTS
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.tokens.engines import load_reference

SHOWN_CHARACTERS = 40
REMEDY = "set tokenizer.engine to tokenizers in the recipe, and report it to gigatoken"


class ReferenceTokenizerError(Nano3Error):
    """The reference process ended, or its ids differ."""


class ReferenceTokenizer:
    """
    Answers questions about a tokenizer.json, one at a time, without blocking this process.

    settings: the recipe's token settings for it.
    """

    def __init__(self, file: Path, settings: Mapping[str, Any]) -> None:
        self._file = file
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(file.resolve()), msgspec.json.encode(settings).decode()],
            cwd=SCRIPTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._questions, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        self._asking = ThreadPoolExecutor(1)
        self._confirmed: list[Future[None]] = []

    def __enter__(self) -> "ReferenceTokenizer":
        return self

    def __exit__(self, *_error: object) -> None:
        self._asking.shutdown(cancel_futures=True)
        self._process.communicate()  # closes its questions: it ends

    def confirm(self, token: str, number: int) -> None:
        """From here on every check fails if `tokenizers` gives this token another id."""
        self._confirmed.append(self._asking.submit(self._confirm, token, number))

    def check(self, text: str, ids: Sequence[int]) -> Future[None]:
        """The future raises ReferenceTokenizerError, with the text around, if `tokenizers` makes other ids."""
        return self._asking.submit(self._check, text, ids)

    def _confirm(self, token: str, number: int) -> None:
        if (answer := self._ask("id_of", token)) != number:
            raise ReferenceTokenizerError(
                f"{self._file}: token {token!r} is {number}, tokenizers says {answer}: {REMEDY}"
            )

    def _check(self, text: str, ids: Sequence[int]) -> None:
        for confirmed in self._confirmed:
            confirmed.result()  # answered before this check
        if difference := self._ask("difference", text, ids):
            first, around = difference
            raise ReferenceTokenizerError(
                f"gigatoken and tokenizers differ from token {first} on, near {around!r}: {REMEDY}"
            )

    def _ask(self, *question: Any) -> Any:
        try:
            self._questions.write(msgspec.json.encode(question) + b"\n")
            self._questions.flush()
            answer = self._answers.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise ReferenceTokenizerError(
                f"{self._file}: the process that checks ids with it has ended: see the log above"
            )
        return msgspec.json.decode(answer)


def answer(file: Path, settings: Mapping[str, Any], questions: IO[bytes], answers: IO[bytes]) -> None:
    """The other process: answer every question."""
    tokenizer = load_reference(TokenizerJson.read(file), settings)

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
    try:
        answer(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2]), sys.stdin.buffer, sys.stdout.buffer)
    except Nano3Error as error:
        sys.exit(str(error))
    os._exit(0)  # taking a large tokenizer apart takes as long as a small shard
