"""Names of the formats of reports."""


def formats(subject: str) -> tuple[str, ...]:
    """Return the formats of a report, `text` first: analysis, verification, plan, preflight, history or rules."""
    from adapter.outbound.migration.report import formats

    return formats(subject)
