"""Entry point of `python -m adapter.inbound.cli.migrate`, if the console script is not installed."""

from adapter.inbound.cli.migrate import main

main()
