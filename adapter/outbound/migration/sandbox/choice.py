"""The sandbox that a user names: the embedded server, or a server of the user's own."""

from pathlib import Path

from adapter.outbound.isolation.gate import Gate
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.guest import GuestSandbox
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.postgres.direct import with_sign_in


def sandbox_at(url: str | None, *, any_role: bool, major: int | None, folder: Path, walled: bool) -> ServerSandbox:
    """Return the sandbox on a server.

    Args:
        url: URL of the server; None for the embedded one.
        any_role: Whether any role is accepted at a URL, because the whole server is thrown away.
        major: Major version of the embedded server; None for the default.
        folder: Folder of the embedded server.
        walled: Whether the kernel keeps the embedded server from connecting to other servers.
    """
    if url is None:
        return EmbeddedSandbox(major, folder, walled=walled)
    return (ServerSandbox if any_role else GuestSandbox)(with_sign_in(url))


def let_in(sandbox: ServerSandbox, gate: Gate | None) -> None:
    """Let the process of a project reach its sandbox through a gate; a server of the user's is reached by a relay.

    Raises:
        DatabaseError: Another server's socket is in the place of the embedded one's.
    """
    if isinstance(sandbox, EmbeddedSandbox) and gate is not None:
        sandbox.let_in(gate)
