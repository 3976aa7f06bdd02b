"""./dev example reading"""

import argparse
import sys

from examples.reading.story import tell
from examples.support.main import play

argparse.ArgumentParser(prog="./dev example reading", description="How a worker reads.").parse_args()
sys.exit(play(tell))
