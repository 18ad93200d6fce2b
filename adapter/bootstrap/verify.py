"""Wiring of `migrate verify`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from adapter.bootstrap.project import (
    ProjectRequest,
    configuration,
    open_trials,
    trial_lanes,
    under_settings_of,
)
from adapter.bootstrap.target import applied_heads, target_statistics

if TYPE_CHECKING:
    from pathlib import Path

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
        UnknownNameError: A name of a proof is unknown.
        MigrationError: The history, the range, the certificates or the statistics cannot be read.
    """
    from adapter.outbound.migration.trial.certificate_file import CertificateFile, beside_env
    from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
    from application.migration.verify import VerifyRevisions
    from domain.migration.verification.proof import Proof

    proofs = Proof.listed(verification.only)
    statistics = target_statistics(verification.target, verification.statistics)
    request = under_settings_of(request, statistics.target)
    with open_trials(request, keeps_before=True) as (databases, trials):
        applied = applied_heads(verification.target, databases.version_tables()) if verification.target else ()
        certificates = CertificateFile(verification.certificates or beside_env(databases))
        lanes = trial_lanes(request, keeps_before=True)
        run = VerifyRevisions(trials, ListedRevisionFiles(databases), certificates, lanes)
        return run(verification.wanted, proofs, progress, applied, again=verification.again)


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
    from adapter.outbound.migration.report import writers

    return writers.render_report(report, form, partial(configuration, config), verbose=verbose, color=color)
