"""Where certificates are kept."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Protocol

from domain.migration.verification.certificate import Certificate


class CertificateStore(Protocol):
    """A store of certificates."""

    @abstractmethod
    def read(self) -> tuple[Certificate, ...]:
        """Return all certificates; empty if none were stored yet.

        Raises:
            CertificateError: The stored certificates cannot be read.
        """

    @abstractmethod
    def write(self, certificates: Iterable[Certificate]) -> None:
        """Keep these in place of what was kept."""
