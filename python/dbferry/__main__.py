"""`python -m dbferry`: the command line."""

from dbferry.cli import main

main()
