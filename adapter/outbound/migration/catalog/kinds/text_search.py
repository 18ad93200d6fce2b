"""Text search configurations, dictionaries, parsers and templates."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "text search configuration",
        """
        SELECT n.name || '.' || quote_ident(c.cfgname) AS name,
               (SELECT p.prsname FROM pg_ts_parser AS p WHERE p.oid = c.cfgparser) AS parser,
               ARRAY(SELECT t.alias || ' ' || m.mapdict::regdictionary::text
                       FROM pg_ts_config_map AS m
                       JOIN ts_token_type(c.cfgparser) AS t ON t.tokid = m.maptokentype
                      WHERE m.mapcfg = c.oid
                      ORDER BY t.alias, m.mapseqno) AS mapping,
               pg_get_userbyid(c.cfgowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_ts_config'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_ts_config AS c
          JOIN namespace AS n ON n.oid = c.cfgnamespace
         WHERE (c.tableoid, c.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "text search dictionary",
        """
        SELECT n.name || '.' || quote_ident(d.dictname) AS name,
               (SELECT t.tmplname FROM pg_ts_template AS t WHERE t.oid = d.dicttemplate) AS template,
               d.dictinitoption AS settings,
               pg_get_userbyid(d.dictowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_ts_dict'::regclass AND objoid = d.oid AND objsubid = 0) AS comment
          FROM pg_ts_dict AS d
          JOIN namespace AS n ON n.oid = d.dictnamespace
         WHERE (d.tableoid, d.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "text search parser",
        """
        SELECT n.name || '.' || quote_ident(p.prsname) AS name,
               ARRAY[p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype]::text[] AS functions,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_ts_parser'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_ts_parser AS p
          JOIN namespace AS n ON n.oid = p.prsnamespace
         WHERE (p.tableoid, p.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "text search template",
        """
        SELECT n.name || '.' || quote_ident(t.tmplname) AS name,
               ARRAY[t.tmplinit, t.tmpllexize]::text[] AS functions,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_ts_template'::regclass AND objoid = t.oid AND objsubid = 0) AS comment
          FROM pg_ts_template AS t
          JOIN namespace AS n ON n.oid = t.tmplnamespace
         WHERE (t.tableoid, t.oid) NOT IN (TABLE member)
        """,
    ),
)
