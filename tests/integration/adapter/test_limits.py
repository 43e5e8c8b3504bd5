"""What the adapter's bounds add up to is what the chart gives it."""

import re

import yaml
from control_plane import CHECKOUT


def test_the_bounds_add_up_to_the_memory_limit_of_the_chart():
    values = yaml.safe_load((CHECKOUT / "charts" / "sluice" / "values.yaml").read_text())
    bounds = (CHECKOUT / "adapter" / "limits.h").read_text()
    megabytes = re.search(r"kMemoryLimitBytes = (\d+)u << 20;", bounds)[1]
    assert values["adapter"]["resources"]["limits"]["memory"] == f"{megabytes}Mi"
