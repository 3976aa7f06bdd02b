"""`onewriter serve --all-in-one`: three processes under one command. Imports neither the API nor any task."""
