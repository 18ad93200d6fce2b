"""Wiring of `migrate verify`."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, configuration, lanes, revision_databases
from adapter.bootstrap.target import applied_heads

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from application.migration.ports import RevisionProver
    from application.migration.verify import VerificationReport


@dataclass(frozen=True)
class VerificationRequest:
    """What `migrate verify` is asked.

    Attributes:
        wanted: The range.
        only: Names of proofs, parted by commas.
        certificates: Their file; None for the one beside env.py.
        target: A database whose applied revisions are held against the certificates; None for none.
        again: Re-verify revisions whose certificate is still valid.
    """

    wanted: str
    only: str
    certificates: "Path | None" = None
    target: str | None = None
    again: bool = False


def verify_revisions(
    request: ProjectRequest, asked: VerificationRequest, progress: "Callable[..., object]"
) -> "VerificationReport":
    """Prove the revisions of a range in a sandbox.

    Raises:
        DatabaseError: The sandbox or the target cannot be had, or the configuration file is missing.
        MigrationError: The history, the range or the certificates cannot be read.
    """
    from pathlib import Path

    from adapter.outbound.migration.trial.certificate_file import CertificateFile
    from adapter.outbound.migration.trial.prover import SandboxRevisionProver
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown
    from application.migration.verify import VerifyRevisions
    from domain.migration.verification.proof import Proof

    names = [name.strip() for name in asked.only.split(",") if name.strip()]
    known = {proof.value: proof for proof in Proof}
    for name in names:
        if name not in known:
            raise DatabaseConfigurationError(f"there is no proof {shown(name)!r}", f"there are {', '.join(known)}")
    with revision_databases(request) as databases, closing(SandboxRevisionProver(databases)) as prover:
        file = asked.certificates
        if file is None:
            entries = databases.history().entries
            folder = Path(entries[0].path).parent.parent if entries else databases.project.config.parent
            file = folder / "certificates.json"

        @contextmanager
        def another(lane: int, stop: "threading.Event") -> "Iterator[RevisionProver]":
            with revision_databases(request, lane, stop) as own, closing(SandboxRevisionProver(own)) as prover:
                own.history()  # it knows what revisions declare
                yield prover

        databases.history()
        applied = applied_heads(asked.target, databases.version_tables()) if asked.target else ()
        run = VerifyRevisions(prover, CertificateFile(file), lanes(request, another))
        return run(asked.wanted, [known[name] for name in names], progress, applied, again=asked.again)


def render_verification(
    report: "VerificationReport", form: str, config: "Path | None" = None, *, verbose: bool, color: bool
) -> str:
    """Write a report on the project with that configuration in a format: text, json, markdown, junit or sarif."""
    import importlib

    if form == "text":
        from adapter.outbound.migration.report import verification_text
        from adapter.outbound.migration.report.terminal import terminal_width

        return verification_text.render(report, verbose=verbose, color=color, width=terminal_width())
    writer = importlib.import_module(f"adapter.outbound.migration.report.verification_{form}")
    places = (configuration(config),) if form == "sarif" else ()
    written: str = writer.render(report, *places)
    return written
