"""Small programs on top of onewriter: each is one command beside a running `./dev up`."""
