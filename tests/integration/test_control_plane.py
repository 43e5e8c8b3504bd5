"""The control plane in the hands of tests: what one of them breaks is whole again for the next, however it ended."""

import pytest


def test_a_test_that_fails_without_a_part_leaves_a_whole_control_plane(breakable_control_plane):
    whole = breakable_control_plane.running_parts()
    assert "kube-scheduler" in whole
    with pytest.raises(ZeroDivisionError), breakable_control_plane.without("kube-scheduler"):
        assert breakable_control_plane.running_parts() == whole - {"kube-scheduler"}
        _ = 1 / 0
    assert breakable_control_plane.running_parts() == whole
