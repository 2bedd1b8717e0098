"""Write an RO-Crate of a synthetic training for validate.py. python -m tests.crate.build FOLDER"""

import os
import shutil
import sys
from pathlib import Path

if __name__ == "__main__":
    house = Path(sys.argv[1])
    shutil.rmtree(house, ignore_errors=True)
    house.mkdir(parents=True)
    os.chdir(house)
    os.environ["APPTAINER_CONTAINER"] = "docker://nvcr.io/nvidia/nemo:25.11.nemotron_3_nano"

    from tests.lineage import build
    from tests.receipts import CRATE

    build(["web", "code", "maths"])
    print(f"{house / CRATE.parent}: written")
