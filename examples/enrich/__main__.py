"""./dev example enrich"""

import argparse
import sys

from examples.enrich.story import tell
from examples.support.main import play

argparse.ArgumentParser(prog="./dev example enrich", description="An entity service.").parse_args()
sys.exit(play(tell))
