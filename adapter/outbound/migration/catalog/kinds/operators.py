"""Casts, operators, operator classes and operator families."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # A cast has no schema; built-in casts have an OID below 16384. The cast of a range belongs to its type.
    Kind(
        "cast",
        """
        SELECT format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) AS name,
               CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END AS function,
               CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END AS context,
               CASE c.castmethod WHEN 'f' THEN 'function' WHEN 'i' THEN 'input and output' ELSE 'binary' END AS method,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_cast'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_cast AS c
         WHERE c.oid >= 16384
           AND (c.tableoid, c.oid) NOT IN (TABLE member)
           AND NOT EXISTS (SELECT FROM pg_depend AS d
                            WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'i')
        """,
    ),
    Kind(
        "operator",
        """
        SELECT o.oid::regoperator::text AS name,
               format_type(o.oprresult, NULL) AS result,
               o.oprcode::regprocedure::text AS function,
               CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END AS commutator,
               CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END AS negator,
               CASE WHEN o.oprrest <> 0 THEN o.oprrest::regprocedure::text END AS restrict_estimator,
               CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::regprocedure::text END AS join_estimator,
               o.oprcanmerge AS merges,
               o.oprcanhash AS hashes,
               pg_get_userbyid(o.oprowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_operator'::regclass AND objoid = o.oid AND objsubid = 0) AS comment
          FROM pg_operator AS o
          JOIN namespace AS n ON n.oid = o.oprnamespace
         WHERE (o.tableoid, o.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "operator class",
        """
        SELECT n.name || '.' || quote_ident(o.opcname) || ' USING ' || m.amname AS name,
               format_type(o.opcintype, NULL) AS type,
               CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END AS storage,
               o.opcdefault AS "default",
               fn.nspname || '.' || f.opfname AS family,
               ARRAY(SELECT a.amopstrategy || ' ' || a.amopopr::regoperator::text FROM pg_amop AS a
                      WHERE a.amopfamily = o.opcfamily ORDER BY a.amopstrategy, a.amopopr::regoperator::text
               ) AS operators,
               ARRAY(SELECT p.amprocnum || ' ' || p.amproc::regprocedure::text FROM pg_amproc AS p
                      WHERE p.amprocfamily = o.opcfamily ORDER BY p.amprocnum, p.amproc::regprocedure::text
               ) AS functions,
               pg_get_userbyid(o.opcowner) AS owner,
               pg_get_userbyid(f.opfowner) AS owner_of_family,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_opfamily'::regclass AND objoid = f.oid AND objsubid = 0) AS comment_on_family,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_opclass'::regclass AND objoid = o.oid AND objsubid = 0) AS comment
          FROM pg_opclass AS o
          JOIN namespace AS n ON n.oid = o.opcnamespace
          JOIN pg_am AS m ON m.oid = o.opcmethod
          JOIN pg_opfamily AS f ON f.oid = o.opcfamily
          JOIN pg_namespace AS fn ON fn.oid = f.opfnamespace
         WHERE (o.tableoid, o.oid) NOT IN (TABLE member)
        """,
    ),
    # A family with a class of its name is read with the class. Of one of Postgres, what the user has added is read.
    Kind(
        "operator family",
        """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(f.opfname) || ' USING ' || m.amname AS name,
               ARRAY(SELECT a.amopstrategy || ' ' || a.amopopr::regoperator::text FROM pg_amop AS a
                      WHERE a.amopfamily = f.oid AND a.oid >= 16384
                      ORDER BY a.amopstrategy, a.amopopr::regoperator::text) AS operators,
               ARRAY(SELECT p.amprocnum || ' ' || p.amproc::regprocedure::text FROM pg_amproc AS p
                      WHERE p.amprocfamily = f.oid AND p.oid >= 16384
                      ORDER BY p.amprocnum, p.amproc::regprocedure::text) AS functions,
               pg_get_userbyid(f.opfowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_opfamily'::regclass AND objoid = f.oid AND objsubid = 0) AS comment
          FROM pg_opfamily AS f
          JOIN pg_am AS m ON m.oid = f.opfmethod
          JOIN pg_namespace AS n ON n.oid = f.opfnamespace
         WHERE f.oid < 16384
           AND (EXISTS (SELECT FROM pg_amop AS a
                         WHERE a.amopfamily = f.oid AND a.oid >= 16384
                           AND ('pg_operator'::regclass::oid, a.amopopr) NOT IN (TABLE member))
                OR EXISTS (SELECT FROM pg_amproc AS p
                            WHERE p.amprocfamily = f.oid AND p.oid >= 16384
                              AND ('pg_proc'::regclass::oid, p.amproc::oid) NOT IN (TABLE member)))
            OR f.opfnamespace IN (SELECT oid FROM namespace)
           AND (f.tableoid, f.oid) NOT IN (TABLE member)
           AND NOT EXISTS (SELECT FROM pg_opclass AS o
                            WHERE (o.opcfamily, o.opcname, o.opcnamespace) = (f.oid, f.opfname, f.opfnamespace))
        """,
    ),
)
