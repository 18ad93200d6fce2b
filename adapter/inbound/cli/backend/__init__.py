"""The command `backend`: what the application does, one file a command."""


def main() -> None:
    """Run the command line."""
    from adapter.inbound.cli.backend.app import build
    from adapter.inbound.cli.errors import run

    run(build())
