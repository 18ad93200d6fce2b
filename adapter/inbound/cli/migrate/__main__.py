"""`python -m adapter.inbound.cli.migrate`, where the console script is not installed."""

from adapter.inbound.cli.migrate import main

main()
