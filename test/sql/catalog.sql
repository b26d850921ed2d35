-- What every object of the extension must have: a comment, and attributes chosen on purpose.
SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'imagehash')
  AND classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_am'::regclass, 'pg_opclass'::regclass)
  AND obj_description(objid, classid::regclass::name) IS NULL
  AND NOT (classid = 'pg_type'::regclass AND (objid IN (SELECT typarray FROM pg_type) OR objid IN (SELECT reltype FROM pg_class WHERE relkind = 'r')))
ORDER BY 1;

SELECT p.oid::regprocedure AS not_strict_or_volatile_or_unsafe
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'imagehash')
  AND NOT (p.proisstrict AND p.provolatile = 'i' AND p.proparallel = 's')
ORDER BY p.oid::regprocedure::text;

SELECT opcname, amname, amvalidate(o.oid)
FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod WHERE opcname LIKE 'imagehash%' ORDER BY 1;
SELECT pg_indexam_has_property(oid, p) AS has, p FROM pg_am, unnest('{can_order,can_unique,can_multi_col,can_exclude,can_include}'::text[]) p
WHERE amname = 'hamming';

-- settings are known from the first use of the module on, and the prefix is ours
SELECT 'ff'::imagehash;
SELECT name, setting, context FROM pg_settings WHERE name LIKE 'imagehash.%' ORDER BY 1;
SET imagehash.threads = 0;
SET imagehash.no_such_setting = 1;
