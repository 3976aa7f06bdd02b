"""./dev example mediastream [--no-browser | --stay] [--picture FILE]"""

import argparse
import sys
from functools import partial

from examples.mediastream.story import stay, tell
from examples.support.main import play

parser = argparse.ArgumentParser(prog="./dev example mediastream", description="A page that shows a stream.")
how = parser.add_mutually_exclusive_group()
how.add_argument("--no-browser", action="store_true", help="a few lines of Python read the stream instead")
how.add_argument("--stay", action="store_true", help="print the page's address, and serve it until Ctrl-C")
parser.add_argument("--picture", metavar="FILE", help="a PNG of the page in the middle of a generation")
options = parser.parse_args()
sys.exit(
    play(stay if options.stay else partial(tell, browser=not options.no_browser, picture=options.picture))
)
