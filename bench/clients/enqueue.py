"""`python -m bench.clients.enqueue PEER DSN KIND …`: for a peer that lives in our own environment."""

import sys

import uvloop

from bench.clients.producing import measure
from bench.peers import PEERS
from bench.server import unreached

if __name__ == "__main__":
    peer, dsn, *what = sys.argv[1:]
    # On the loop that the API process has, which is the faster one for every peer.
    uvloop.run(measure(PEERS[peer](unreached()).producer(dsn), *what))
