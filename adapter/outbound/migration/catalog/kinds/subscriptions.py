"""Subscriptions. How they reach the publisher is a secret and not read, nor how far they have come.

Source: the Postgres manual, chapter "System Catalogs": pg_subscription.
"""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "subscription",
        """
        SELECT quote_ident(s.subname) AS name,
               s.subenabled AS enabled,
               s.subpublications AS publications,
               s.subslotname AS slot,
               s.subsynccommit AS synchronous_commit,
               s.subbinary AS "binary",
               s.substream AS streaming,
               s.subtwophasestate <> 'd' AS two_phase,
               s.subdisableonerr AS disables_on_error,
               s.subpasswordrequired AS password_required,
               s.subrunasowner AS runs_as_owner,
               s.suborigin AS origin,
               s.subfailover AS failover,
               pg_get_userbyid(s.subowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_subscription'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM pg_subscription AS s
          JOIN pg_database AS d ON d.oid = s.subdbid AND d.datname = current_database()
        """,
        newer=(
            ("s.subtwophasestate <> 'd'", 150_000),
            ("s.subdisableonerr", 150_000),
            ("s.subpasswordrequired", 160_000),
            ("s.subrunasowner", 160_000),
            ("s.suborigin", 160_000),
            ("s.subfailover", 170_000),
        ),
    ),
)
