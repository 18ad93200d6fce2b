"""Wiring of `migrate verify`."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, configuration, lanes, revision_databases
from adapter.bootstrap.target import applied_heads, target_statistics

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from application.migration.ports.trials import Trials
    from application.migration.verify import VerificationReport


@dataclass(frozen=True)
class VerificationRequest:
    """The arguments of `migrate verify`.

    Attributes:
        wanted: The range of revisions.
        only: The names of proofs, separated by commas.
        certificates: The file of certificates; None for the one beside env.py.
        target: The URL of a database whose applied revisions are compared with the certificates, and whose settings
            the revisions run under; None for none.
        again: Re-verify revisions whose certificate is still valid.
        statistics: The file that `migrate stats` wrote of such a database, for its settings; None for none.
    """

    wanted: str
    only: str
    certificates: "Path | None" = None
    target: str | None = None
    again: bool = False
    statistics: "Path | None" = None


def verify_revisions(
    request: ProjectRequest, verification: VerificationRequest, progress: "Callable[..., object]"
) -> "VerificationReport":
    """Verify the revisions of a range in a sandbox and return the report on them.

    Args:
        request: The project and the sandbox.
        verification: The range, the proofs and the certificates.
        progress: Called before each revision.

    Raises:
        DatabaseError: The sandbox or the target is not available, or the configuration file is missing.
        DatabaseConfigurationError: A name of a proof is unknown.
        MigrationError: The history, the range, the certificates or the statistics cannot be read.
    """
    from pathlib import Path

    from adapter.outbound.migration.trial.certificate_file import CertificateFile
    from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
    from adapter.outbound.migration.trial.trials import SandboxTrials
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown
    from application.migration.verify import VerifyRevisions
    from domain.migration.verification.proof import Proof

    names = [name.strip() for name in verification.only.split(",") if name.strip()]
    known = {proof.value: proof for proof in Proof}
    for name in names:
        if name not in known:
            raise DatabaseConfigurationError(f"there is no proof {shown(name)!r}", f"there are {', '.join(known)}")
    target = target_statistics(verification.target, verification.statistics).target
    if target is not None:
        request = replace(request, settings=target.settings)
    with revision_databases(request) as databases, closing(SandboxTrials(databases, keeps_before=True)) as trials:
        file = verification.certificates
        if file is None:
            entries = databases.history().entries
            folder = Path(entries[0].path).parent.parent if entries else databases.project.config.parent
            file = folder / "certificates.json"

        @contextmanager
        def open_trials(lane: int, stop: "threading.Event") -> "Iterator[Trials]":
            with (
                revision_databases(request, lane, stop) as worker_databases,
                closing(SandboxTrials(worker_databases, keeps_before=True)) as trials,
            ):
                yield trials

        applied = applied_heads(verification.target, databases.version_tables()) if verification.target else ()
        files = ListedRevisionFiles(databases)
        run = VerifyRevisions(trials, files, CertificateFile(file), lanes(request, open_trials))
        return run(verification.wanted, [known[name] for name in names], progress, applied, again=verification.again)


def render_verification(
    report: "VerificationReport", form: str, config: "Path | None" = None, *, verbose: bool, color: bool
) -> str:
    """Return a report in a format: text, json, markdown, junit or sarif.

    Args:
        report: The report.
        form: The name of the format.
        config: The configuration file of the project; None as in `configuration`.
        verbose: Whether the text contains everything that was proved.
        color: Whether the text is colored.
    """
    import importlib

    if form == "text":
        from adapter.outbound.migration.report import verification_text
        from adapter.outbound.migration.report.terminal import terminal_width

        return verification_text.render(report, verbose=verbose, color=color, width=terminal_width())
    writer = importlib.import_module(f"adapter.outbound.migration.report.verification_{form}")
    arguments = (configuration(config),) if form == "sarif" else ()
    text: str = writer.render(report, *arguments)
    return text
