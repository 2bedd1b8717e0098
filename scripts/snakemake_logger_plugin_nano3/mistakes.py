"""
What is wrong, in one sentence with its remedy? Snakemake's words on an error, without its frames.

An error reaches a logger as text and the name of its type. Most of them carry a sentence of ours; those that Snakemake
raises for a word of its command line are told with what to type instead. A text that is none of these is shown whole.
"""

import re
import shlex
from collections.abc import Callable, Sequence

FRAME = re.compile(r'\s*File ".*", line \d+, in ')
HEADER = re.compile(r'(?:\w+(?:Error|Exception))(?: in rule \w+)?(?: in file ".*", line \d+)?[:.]')
BARE = re.compile(r"\s*(?:Error|\w+Error|\w+Exception):")  # a line that only names a type
WITH_TYPE = re.compile(r"\s*(?:WorkflowError|\w*Nano3Error): (?P<sentence>.+)")
UNNEEDED = ("Wildcards:", "Traceback:", "Traceback (most recent call last):")
FULL_DISK = re.compile(r"OSError: \[Errno (?:28|122)\] [^:\n]+(?:: '(?P<file>[^'\n]+)')?")
NO_FOLDER = re.compile(r"Failed to create output directory (?P<folder>.+)\.\s+\w+: \[Errno \d+\] (?P<why>[^:\n]+)")
NO_RULE = re.compile(r"No rule to produce (?P<target>.+?) \(if you use input functions")
NO_PAIR = "Invalid config definition"
OURS = {"WorkflowError", "InputFunctionException", "CliException", "ApiError", "ProfileError"}

NoRule = Callable[[str], str]


def sentence(text: str, exception: str, words: Sequence[str], no_rule: NoRule) -> str | None:
    """
    What is wrong and what to do; None if the text is best shown as it is.

    exception: the name of its type. words: of the command line. no_rule: what to say of a target that nothing makes.
    """
    if exception == "ValueError" and NO_PAIR in text:
        return config_words(words)
    if match := NO_RULE.search(text):
        return no_rule(match["target"])
    return _of_files(text, exception) or (unframed(text) if exception in OURS else None)


def _of_files(text: str, exception: str) -> str | None:
    """What is wrong with a file, a folder or the disk that they are on."""
    if exception == "LockException":
        return (
            "another snakemake works in this folder: wait until it ends; if none does any more (one was killed, or the "
            "machine went down), type `snakemake --unlock` and then the same command"
        )
    if exception == "MissingInputException":
        return _missing_input(text)
    if match := FULL_DISK.search(text):
        where = f" of {match['file']}" if match["file"] else ""
        return f"the disk{where} is full: free some of it, then type the same command again; what is done stays"
    if match := NO_FOLDER.search(text):
        return (
            f"{match['folder']}: can't be made ({match['why']}): make the folder above it writable, or make results/ a "
            "link to a folder that is"
        )
    return None


def unframed(text: str) -> str:
    """The sentence of an error, without type, file, line, wildcards and trace around it."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() in UNNEEDED:
            break
        if FRAME.match(line) or HEADER.fullmatch(line.strip()) or BARE.fullmatch(line):
            continue
        match = WITH_TYPE.fullmatch(line)
        lines.append((match["sentence"] if match else line.strip()).removeprefix("Error: "))
    return "\n".join(dict.fromkeys(filter(None, lines)))


def config_words(words: Sequence[str]) -> str:
    """
    Why words after --config are not NAME=VALUE, and what to type.

    --config takes all words up to the next option: overrides without quotes, and targets, end up there.
    """
    start = next((number for number, word in enumerate(words) if word in ("--config", "-C")), len(words))
    end = next((n for n in range(start + 1, len(words)) if words[n].startswith("-")), len(words))
    taken, others = words[start + 1 : end], [*words[:start], *words[end:]]
    settings = [word for word in taken if _is_setting(word)]
    overrides = [word for word in taken if "=" in word and not _is_setting(word)]
    targets = [word for word in taken if "=" not in word]
    if overrides:
        settings = [word for word in settings if not word.startswith("set=")]
        inside = [word.removeprefix("set=") for word in taken if word.startswith("set=")]
        settings.append(f'set="{" ".join([*inside, *overrides])}"')
        wrong = f"--config: {overrides[0]} is an override of the recipe: all of them go into set, in one pair of quotes"
    elif targets:
        wrong = f"--config: {targets[0]} is not NAME=VALUE: --config takes all words that follow, so targets go first"
    else:
        return "--config: each word must be NAME=VALUE, e.g. recipe=tiny"
    command = " ".join(["snakemake", *map(shlex.quote, [*targets, *others]), "--config", *settings])
    return f"{wrong}: type `{command}`"


def _is_setting(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and "." not in name


def _missing_input(text: str) -> str:
    """A file that a job reads, that is not there, and that no rule makes."""
    lines = [line.strip() for line in text.splitlines()]
    files = lines[lines.index("affected files:") + 1 :] if "affected files:" in lines else []
    files = [file for file in files if file and not FRAME.match(file)]
    wildcards = dict(re.findall(r"(\w+)=([^,\s]+)", next((line for line in lines if line.startswith("wild")), "")))
    rule = match[1] if (match := re.search(r"Missing input files for rule (\w+)", text)) else "a rule"
    what = f"{', '.join(files) or 'a file'}: missing, and {rule} needs it"
    if "dataset" in wildcards:
        return f"{what}: restore it, or pin the dataset as it is now with `nano3 pin {wildcards['dataset']}`"
    return f"{what}: restore it"
