#!/usr/bin/env python3
"""flows_devices [WORD]...: as flows_truth, on devices that stand on others, and on those below them."""
from lib import main
from lib_devices import DEVICES
from lib_flows import FlowTruth

DEVICES.test_with(FlowTruth)

if __name__ == "__main__":
    main()
