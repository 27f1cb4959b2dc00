"""`python -m sizer`."""

from sizer.cli.app import main

main()
