"""One run a folder."""

import pytest
from operator_bench.cli import alone
from operator_bench.errors import BenchError


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    with alone(tmp_path):
        with pytest.raises(BenchError, match="another run is at work in .*--folder and a --port-base"), alone(tmp_path):
            pass
    with alone(tmp_path):
        pass
