"""What the real Snakemake would run in a folder: a dry run in a fork of this process, which has imported it already."""

import io
import os
import sys
import traceback
from pathlib import Path

from tests.conftest import REPOSITORY, job_counts

# The rule that makes each kind of artifact.
RULES = {
    "tokens": "tokenize_shard",
    "index": "index_dataset",
    "blend": "write_blend",
    "cache": "build_index_cache",
    "segment": "train_segment",
    "export": "export_hf",
    "lineage": "write_lineage",
    "report": "write_report",
}


class RefusedError(Exception):
    """Snakemake ended with an error, which is its text."""


def dry_run(root: Path, *arguments: str) -> dict[str, int]:
    """How many jobs of each rule a dry run of this repository's Snakefile would run there."""
    import snakemake.cli

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w", closefd=False), "utf-8") for n in (1, 2))
            os.chdir(root)
            words = ["--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1", "--dry-run", "--quiet", "rules"]
            words += ["--rerun-triggers", "mtime", "params", "--nolock", *arguments]
            snakemake.cli.main(words)
        except SystemExit as end:
            sys.stderr.write(f"{end.code if isinstance(end.code, str) else ''}\n")
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as stream:
        printed = stream.read()
    os.waitpid(child, 0)
    counts = job_counts(printed)
    if not counts and "Nothing to be done" not in printed:
        raise RefusedError(printed)
    return counts
