#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A quarter of a minute of soak.py, so that it is known to work: both directions at once over four spans, no call lost."""
import sys

from lab import run_tests
from soak import Soak


def both_directions_over_four_spans():
    Soak(seconds=12, rate=20, watch_lag=False).run(settle=False)


TESTS = [both_directions_over_four_spans]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
