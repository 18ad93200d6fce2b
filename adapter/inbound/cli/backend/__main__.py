"""Entry point of `python -m adapter.inbound.cli.backend`."""

from adapter.inbound.cli.backend import main

if __name__ == "__main__":
    main()
