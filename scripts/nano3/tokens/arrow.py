"""
Arrow without pandas.

At its first array pyarrow imports pandas if that is installed, as it is here with `datasets`: a seventh of a second and
40 MB for a process that never makes a data frame. It goes on where the import fails, but not where sys.modules has None
for pandas, which is enough for Snakemake (rules/common.smk).
"""

import sys
from importlib.abc import MetaPathFinder


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}: this process does without", name=fullname)


def do_without_pandas() -> None:
    """From here on, pandas can't be imported in this process."""
    sys.meta_path.insert(0, _WithoutPandas())
