"""./dev example kanban"""

import argparse
import sys

from examples.kanban.story import tell
from examples.support.main import play

argparse.ArgumentParser(prog="./dev example kanban", description="A board with agents.").parse_args()
sys.exit(play(tell))
