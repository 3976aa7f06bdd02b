"""./dev example nightly [--night S] [--idle S]"""

import argparse
import sys
from functools import partial

from examples.nightly.story import tell
from examples.support.main import play

parser = argparse.ArgumentParser(prog="./dev example nightly", description="Jobs of the night.")
parser.add_argument("--night", type=int, default=2, metavar="S", help="seconds from one night to the next")
parser.add_argument("--idle", type=float, default=20, metavar="S", help="seconds without any work")
options = parser.parse_args()
sys.exit(play(partial(tell, night=options.night, idle=options.idle)))
