"""Checks of the user's own after a deployment."""

from abc import abstractmethod
from typing import Protocol

from domain.migration.deployment.preflight import Finding


class Probes(Protocol):
    """Checks that the user's application works, as the project's settings have them."""

    @abstractmethod
    def run(self) -> tuple[Finding, ...]:
        """Return a finding for each probe; none if there is none."""
