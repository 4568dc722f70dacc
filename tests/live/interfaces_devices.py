#!/usr/bin/env python3
"""interfaces_devices [WORD]...: as interfaces_truth, on devices that stand on others, and on those below them."""
from lib import main
from lib_devices import DEVICES
from lib_truth import Truth

DEVICES.test_with(Truth)

if __name__ == "__main__":
    main()
