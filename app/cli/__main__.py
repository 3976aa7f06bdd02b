"""`python -m app.cli`: the command line where no script is installed."""

from app.cli.main import main

main()
