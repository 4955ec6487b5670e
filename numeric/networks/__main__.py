"""python -m s6flow.numeric.networks: trace networks and write traces.json."""

import sys

from s6flow.numeric.networks.traces import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
