"""Roles, their memberships, and privileges on parameters, which belong to the server and not to a database.

They are read by sessions that may change them: in the embedded sandbox, each database has its own. Passwords are
secrets and are not read.

Source: the Postgres manual, chapter "System Catalogs": pg_authid, pg_auth_members, pg_parameter_acl.
"""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # VALID UNTIL infinity means the same as no time, and only infinity can be set again.
    # Of a role that is built in, only the comment can be another one: the sandbox undoes other changes at once.
    Kind(
        "role",
        """
        SELECT quote_ident(r.rolname) AS name,
               r.rolsuper AS superuser,
               r.rolinherit AS inherits,
               r.rolcreaterole AS creates_roles,
               r.rolcreatedb AS creates_databases,
               r.rolcanlogin AS logs_in,
               r.rolreplication AS replicates,
               r.rolbypassrls AS bypasses_row_security,
               r.rolconnlimit AS connection_limit,
               nullif(r.rolvaliduntil, 'infinity')::text AS valid_until,
               d.description AS comment
          FROM pg_roles AS r
          LEFT JOIN pg_shdescription AS d ON d.classoid = 'pg_authid'::regclass AND d.objoid = r.oid
         WHERE (r.oid >= 16384 OR d.objoid IS NOT NULL) AND (SELECT may_change_roles FROM session)
        """,
    ),
    # A role can have been granted several times, by different roles.
    Kind(
        "membership",
        """
        SELECT quote_ident(pg_get_userbyid(a.member)) || ' in ' || quote_ident(pg_get_userbyid(a.roleid)) AS name,
               quote_ident(pg_get_userbyid(a.member)) AS member,
               quote_ident(pg_get_userbyid(a.roleid)) AS role,
               bool_or(a.admin_option) AS grants,
               bool_or(a.inherit_option) AS inherits,
               bool_or(a.set_option) AS sets,
               array_agg(quote_ident(pg_get_userbyid(a.grantor))::text ORDER BY pg_get_userbyid(a.grantor)) AS grantors
          FROM pg_auth_members AS a
         WHERE (a.roleid >= 16384 OR a.member >= 16384 OR a.oid >= 16384) AND (SELECT may_change_roles FROM session)
         GROUP BY a.roleid, a.member
        """,
        newer=(
            ("bool_or(a.inherit_option)", 160_000),
            ("bool_or(a.set_option)", 160_000),
            ("a.oid >= 16384", 160_000),
        ),
    ),
    Kind(
        "parameter privileges",
        """
        SELECT p.parname AS name,
               p.paracl AS acl
          FROM pg_parameter_acl AS p
         WHERE (SELECT may_change_roles FROM session)
        """,
        since=150_000,
    ),
)
