"""Functions and aggregates."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "function",
        """
        SELECT p.oid::regprocedure::text AS name,
               CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'w' THEN 'window function' ELSE 'function' END AS kind,
               pg_get_functiondef(p.oid) AS definition,
               nullif(p.prosecdef, false) AS security_definer,
               nullif(p.proleakproof, false) AS leakproof,
               p.proconfig AS settings,
               pg_get_userbyid(p.proowner) AS owner,
               coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_proc AS p
          JOIN namespace AS n ON n.oid = p.pronamespace
         WHERE p.prokind <> 'a' AND (p.tableoid, p.oid) NOT IN (TABLE member)
        """,
        defaults={"security_definer": False, "leakproof": False, "settings": ()},
    ),
    # Postgres has no function that writes the definition of an aggregate.
    Kind(
        "aggregate",
        """
        SELECT p.oid::regprocedure::text AS name,
               pg_get_function_arguments(p.oid) AS arguments,
               pg_get_function_result(p.oid) AS result,
               CASE a.aggkind WHEN 'n' THEN 'normal' WHEN 'o' THEN 'ordered set' ELSE 'hypothetical set' END AS kind,
               a.aggnumdirectargs AS direct_arguments,
               a.aggtransfn::regprocedure::text AS transition,
               a.aggfinalfn::regprocedure::text AS final,
               a.aggcombinefn::regprocedure::text AS combine,
               a.aggserialfn::regprocedure::text AS serialize,
               a.aggdeserialfn::regprocedure::text AS deserialize,
               a.aggmtransfn::regprocedure::text AS moving_transition,
               a.aggminvtransfn::regprocedure::text AS moving_inverse,
               a.aggmfinalfn::regprocedure::text AS moving_final,
               format_type(a.aggtranstype, NULL) AS state,
               CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END AS moving_state,
               a.aggtransspace AS state_size,
               a.aggmtransspace AS moving_state_size,
               a.agginitval AS initial,
               a.aggminitval AS moving_initial,
               a.aggfinalextra AS final_extra,
               a.aggmfinalextra AS moving_final_extra,
               a.aggfinalmodify AS final_modify,
               a.aggmfinalmodify AS moving_final_modify,
               a.aggsortop::regoperator::text AS sort_operator,
               p.proparallel AS parallel,
               pg_get_userbyid(p.proowner) AS owner,
               coalesce(p.proacl, acldefault('f', p.proowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_proc'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_aggregate AS a
          JOIN pg_proc AS p ON p.oid = a.aggfnoid
          JOIN namespace AS n ON n.oid = p.pronamespace
         WHERE (p.tableoid, p.oid) NOT IN (TABLE member)
        """,
    ),
)
