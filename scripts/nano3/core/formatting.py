"""How are numbers, times and shares written for people?"""

from collections.abc import Mapping, Sequence
from datetime import datetime

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
SPACE = "\N{NARROW NO-BREAK SPACE}"


def count(number: int) -> str:
    """All digits: 151,552."""
    return f"{number:,}"


def compact(number: float) -> str:
    """Three digits and a power of a thousand: 152k, 1.34M, 25T."""
    for power, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= power * 0.9995:
            return f"{number / power:.3g}{letter}"
    return f"{number:.3g}"


def size(number: int) -> str:
    """Bytes: 512 B, 1.2 kB, 6.3 MB."""
    amount, units = float(number), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.3g}{SPACE}{units[0]}"


def duration(seconds: float) -> str:
    """Seconds: 3 ms, 4.2 s, 3 min 20 s, 5 h 3 min, 2 d 4 h."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}{SPACE}ms"
    if seconds < 59.95:
        return f"{seconds:.3g}{SPACE}s"
    for large, unit, small, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        whole, rest = divmod(round(seconds / small), large // small)
        if whole:
            return f"{whole}{SPACE}{unit}" + (f" {rest}{SPACE}{smaller}" if rest else "")
    raise AssertionError(seconds)


def moment(stamp: str) -> str:
    """An ISO 8601 time to the second, with its zone."""
    return datetime.fromisoformat(stamp).strftime("%Y-%m-%d %H:%M:%S %Z")


def percent(share: float) -> str:
    """A share: 25.0 %."""
    return f"{share * 100:.1f}{SPACE}%"


def points(difference: float) -> str:
    """A difference of shares, in percentage points: +0.52."""
    return signed(difference * 100, 2)


def signed(number: float, digits: int = 3) -> str:
    """A change: its sign always, and a true minus."""
    written = f"{abs(number):.{digits}f}"
    if float(written) == 0:
        return f"±{written}"
    return f"{MINUS if number < 0 else '+'}{written}"


def loss(number: float | None) -> str:
    """A loss in nats per token: 4.957; a dash where none was measured."""
    return NONE if number is None else f"{number:.3f}"


def skipped(tokens: Mapping[int, int], total: int) -> str:
    """What an epoch skips: 2.1 % at 1,024, 0.3 % at 128. tokens: by tokens of a sample. total: of the epoch."""
    return ", ".join(
        f"{count / total * 100:.2g}{SPACE}% at {length:,}" for length, count in sorted(tokens.items(), reverse=True)
    )


def rate(number: float) -> str:
    """A learning rate: 3e-3 rather than 0.003, because it spans powers of ten."""
    if number == 0:
        return "0"
    digits, _, power = f"{number:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{MINUS if int(power) < 0 else ''}{abs(int(power))}"


def many(number: int, noun: str) -> str:
    """A number and its noun: 1 shard, 3 shards."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names, the first of many: a, b; a, b, c and 7 more."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
