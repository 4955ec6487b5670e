"""`python -m s6flow` is the command line."""

from s6flow.cli import main

main()
