"""Rule write_lineage: receipts from an artifact back to raw files become one provenance document."""

from nano3.core.cli import run
from nano3.provenance.prov import write_lineage

if __name__ == "__main__":
    run(write_lineage)
