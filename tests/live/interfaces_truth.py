#!/usr/bin/env python3
"""interfaces_truth [WORD]...: what `weir interfaces` counts is what the kernel counts, and what a capture of the wire shows."""
from lib import main
from lib_crossings import CROSSINGS
from lib_truth import Truth

CROSSINGS.test_with(Truth)

if __name__ == "__main__":
    main()
