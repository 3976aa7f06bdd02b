"""./dev example fleet [--workers N] [--work S]"""

import argparse
import sys
from functools import partial

from examples.fleet.story import tell
from examples.support.main import play

parser = argparse.ArgumentParser(prog="./dev example fleet", description="Workers in two regions.")
parser.add_argument("--workers", type=int, default=10, metavar="N", help="in two regions by turns")
parser.add_argument("--work", type=float, default=1.5, metavar="S", help="seconds of a job")
options = parser.parse_args()
if not 3 <= options.workers <= 40:
    parser.error("--workers is a number from 3 to 40")
sys.exit(play(partial(tell, count=options.workers, seconds=options.work)))
