"""`python -m huse`: the command `huse` of the code in the current folder, whatever is installed."""

from huse.commands.cli import main

main()
