import subprocess
import sys

from nano3.digest import SCRIPTS


def test_a_process_that_does_without_pandas_makes_arrays_and_never_loads_it() -> None:
    program = (
        "import sys; from nano3.arrow import do_without_pandas; do_without_pandas(); import pyarrow; "
        "print(pyarrow.array([1, 2]).to_numpy(), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert done.stdout == "[1 2] False\n"
