"""The command line: one file per noun; data on stdout, everything else on stderr."""
