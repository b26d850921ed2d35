-- The shapes of plans in which the index is asked: joins, rescans, cursors, partitions, beside other indexes, in
-- workers. Each is answered by the table too, and compared. Hashes in clusters, and rows enough for leaves.
CREATE FUNCTION picture(i bigint) RETURNS imagehash LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- one of 200 centers with an eighth of its bits flipped
    SELECT (hashint8extended(i % 200, 1) # (hashint8extended(i, 2) & hashint8extended(i, 3) & hashint8extended(i, 4)))::imagehash
$$;
CREATE TABLE codes (id int, tenant int, label int, h imagehash);
INSERT INTO codes SELECT i, i % 3, i % 50, CASE WHEN i % 100 > 0 THEN picture(i) END FROM generate_series(1, 66000) i;
CREATE INDEX codes_h ON codes USING hamming (h);
CREATE INDEX codes_label ON codes (label);
VACUUM ANALYZE codes;
SELECT leaves > 100 AS has_leaves FROM imagehash_index_stats('codes_h');
CREATE TABLE queries (id, q, k) AS SELECT i, CASE WHEN i % 500 > 0 THEN CASE WHEN i % 2 = 0 THEN picture(i * 13) ELSE hashint8extended(i, 0)::imagehash END END,
    CASE WHEN i % 400 = 0 THEN 300 ELSE i % 4 END FROM generate_series(1, 3000) i;
CREATE INDEX queries_id ON queries (id);
ANALYZE queries;

CREATE FUNCTION answer_by(way text) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('enable_' || s, (way = 'index')::text, false) FROM unnest('{indexscan,indexonlyscan,bitmapscan}'::text[]) s;
    SELECT set_config('enable_' || s, (way = 'table')::text, false) FROM unnest('{seqscan,sort,hashjoin,mergejoin,material}'::text[]) s;
$$;
-- How many rows a query has by the table, how many are there by one way only, and whether its plan has what is expected of it.
CREATE FUNCTION compare(query text, expected text DEFAULT '(Scan using|Scan on) \w+_h', OUT rows bigint, OUT differ bigint, OUT plan text)
LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    PERFORM answer_by('index');
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := concat_ws(E'\n', plan, line);
    END LOOP;
    EXECUTE 'CREATE TEMP TABLE one AS ' || query;
    PERFORM answer_by('table');
    EXECUTE 'CREATE TEMP TABLE two AS ' || query;
    rows := (SELECT count(*) FROM two);
    differ := (SELECT count(*) FROM ((TABLE one EXCEPT ALL TABLE two) UNION ALL (TABLE two EXCEPT ALL TABLE one)) d);
    DROP TABLE one, two;
    plan := CASE WHEN plan ~ expected THEN 'as expected' ELSE plan END;
    PERFORM answer_by('index');
END $$;

-- lateral joins: thousands of scans, some taken further than others, NULL among the queries
SELECT answer_by('index');
SELECT count(*), count(d), sum(d) FROM queries, LATERAL (SELECT h <~> q AS d FROM codes ORDER BY h <~> q LIMIT k) n;
SELECT * FROM compare('SELECT q.id, d, row_number FROM queries q, LATERAL (SELECT h <~> q AS d, row_number() OVER (ORDER BY h <~> q) FROM codes
    ORDER BY h <~> q LIMIT k) n WHERE q.id % 25 = 0');
SELECT * FROM compare('SELECT q.id, d FROM queries q LEFT JOIN LATERAL (SELECT h <~> q AS d FROM codes WHERE label = 7 AND hamming_within(h, q, 12)
    ORDER BY h <~> q LIMIT 3) n ON true WHERE q.id % 25 = 0');
SELECT * FROM compare('SELECT q.id, c.id AS found FROM queries q JOIN codes c ON hamming_within(c.h, q.q, q.k * 3) WHERE q.id % 25 = 0');
SELECT * FROM compare('SELECT q.id, (SELECT count(*) FROM codes WHERE h <~> q < k + 8) FROM queries q WHERE q.id % 50 = 0');
SELECT * FROM compare('SELECT q.id, c.id AS found FROM queries q LEFT JOIN codes c ON c.h = q.q WHERE q.id < 500');
SELECT * FROM compare('SELECT q.id, EXISTS (SELECT FROM codes WHERE hamming_within(h, q, 9)), (SELECT h <~> q FROM codes ORDER BY h <~> q OFFSET 5 LIMIT 1) AS sixth
    FROM queries q WHERE q.id % 50 = 0');
-- two scans of one backend at work at once, each started again and again
SELECT * FROM compare('SELECT q.id, a.id AS near, d, row_number FROM queries q JOIN codes a ON hamming_within(a.h, q.q, 9),
    LATERAL (SELECT h <~> a.h AS d, row_number() OVER (ORDER BY h <~> a.h) FROM codes ORDER BY h <~> a.h LIMIT 3) b WHERE q.id < 12');
SELECT * FROM compare('SELECT d, count(*) FROM (SELECT h <~> ''1111222233334444'' AS d FROM codes ORDER BY h <~> ''1111222233334444'' LIMIT 500) a
    JOIN (SELECT h <~> ''0123456789abcdef'' AS d FROM codes ORDER BY h <~> ''0123456789abcdef'' LIMIT 500) b USING (d) GROUP BY d');
-- what stands on the order: windows, ties by another column, one row a distance
SELECT * FROM compare('SELECT id, h <~> picture(5) AS d FROM codes ORDER BY h <~> picture(5), id LIMIT 1000',
    '(Incremental Sort(.|\n)*codes_h)|(Sort(.|\n)*Seq Scan)');  -- since PostgreSQL 16
SELECT * FROM compare('SELECT DISTINCT ON (h <~> picture(5)) h <~> picture(5) AS d FROM codes ORDER BY h <~> picture(5)', 'Unique(.|\n)*codes_h');
SELECT * FROM compare('SELECT d, r FROM (SELECT h <~> picture(5) AS d, rank() OVER (ORDER BY h <~> picture(5)) AS r FROM codes) s WHERE r < 300', 'WindowAgg(.|\n)*codes_h');

-- beside other indexes; several keys; lists
SELECT * FROM compare('SELECT id FROM codes WHERE hamming_within(h, picture(8), 14) AND label = 8', 'BitmapAnd(.|\n)*codes_h');
SELECT * FROM compare('SELECT id FROM codes WHERE hamming_within(h, picture(8), 14) OR label = 9 OR h = picture(77) OR h IS NULL', 'BitmapOr(.|\n)*codes_h');
SELECT * FROM compare('SELECT id FROM codes WHERE (hamming_within(h, picture(8), 14) OR hamming_within(h, picture(9), 12)) AND label IN (8, 9, 10)');
SELECT * FROM compare('SELECT id FROM codes WHERE h IN (picture(1), picture(2), NULL, picture(66001), ''ffff'', ''average:0123456789abcdef'')');
SELECT * FROM compare('SELECT id FROM codes WHERE h = ANY (ARRAY(SELECT q FROM queries WHERE id % 2 = 0))');
SELECT * FROM compare('SELECT id FROM codes WHERE h = ANY (''{}''::imagehash[])');
SELECT * FROM compare('SELECT id FROM codes WHERE hamming_within(h, picture(8), 20) AND hamming_within(h, picture(9), 34) AND hamming_within(h, picture(10), 34)');
SELECT * FROM compare('SELECT h <~> picture(10) AS d FROM codes WHERE hamming_within(h, picture(8), 20) AND hamming_within(h, picture(9), 34) AND label < 25
    ORDER BY h <~> picture(10) LIMIT 40');
SELECT * FROM compare('SELECT id FROM codes WHERE hamming_within(h, picture(8), 3) AND hamming_within(h, ''0123456789abcdef'', 3)');
SELECT * FROM compare('SELECT id FROM codes WHERE h = picture(8) AND h = picture(9)', '.');  -- known to be empty, since PostgreSQL 17
SELECT * FROM compare('SELECT id FROM codes WHERE h IS NULL AND label = 0');
SELECT * FROM compare('SELECT id FROM codes WHERE h ~= picture(8) AND h <~> picture(8) >= 2');

-- generic plans
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(imagehash, int) AS SELECT h <~> $1 AS d FROM codes ORDER BY h <~> $1 LIMIT $2;
PREPARE near(imagehash, int, int) AS SELECT id FROM codes WHERE hamming_within(h, $1, $2) AND label = ANY (ARRAY[$3, $3 + 1]);
SELECT query, c.* FROM unnest('{"nearest(picture(3), 50)", "nearest(picture(70000), 0)", "nearest(NULL, 3)", "nearest(''ffffffffffffffff'', NULL)",
    "near(picture(3), 12, 3)", "near(picture(3), -1, 3)", "near(picture(3), NULL, 3)", "near(NULL, 3, 3)", "near(picture(3), 64, NULL)"}'::text[]) query,
    LATERAL compare('EXECUTE ' || query) c;
EXECUTE nearest('ffff', 1);
EXECUTE nearest('ffffffffffffffff', -1);
DEALLOCATE ALL;
RESET plan_cache_mode;

-- workers: outer rows are shared among them, each has scans of its own; or one does it all
ALTER TABLE queries SET (parallel_workers = 2);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_index_scan_size = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SELECT * FROM compare('SELECT q.id, c.id AS found FROM queries q JOIN codes c ON hamming_within(c.h, q.q, 8) WHERE q.id < 100', 'Gather(.|\n)*Parallel Index(.|\n)*codes_h');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_index_scan_size;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT * FROM compare('SELECT h <~> picture(8) AS d FROM codes ORDER BY h <~> picture(8)', 'Gather(.|\n)*Index Only Scan using codes_h');
SELECT * FROM compare('SELECT h <~> picture(8) AS d FROM codes WHERE label < 20 ORDER BY h <~> picture(8) LIMIT 300', 'Gather(.|\n)*Index Scan using codes_h');
SELECT * FROM compare('SELECT id FROM codes WHERE hamming_within(h, picture(8), 14) OR h IS NULL', 'Gather(.|\n)*BitmapOr(.|\n)*codes_h');
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- cursors: over transactions, not backward but where the result is kept, and as a place to write
SELECT answer_by('index');
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT h <~> picture(5) AS d FROM codes ORDER BY h <~> picture(5) LIMIT 2000;
FETCH 2 FROM held;
DELETE FROM codes WHERE id <= 200;
COMMIT;
FETCH 2 FROM held;
MOVE ABSOLUTE 1999 IN held;
FETCH ALL FROM held;
CLOSE held;
SELECT h <~> picture(5) AS d FROM (SELECT h FROM codes UNION ALL SELECT picture(i) FROM generate_series(1, 200) i WHERE i % 100 > 0) s ORDER BY 1 OFFSET 1999 LIMIT 1;
BEGIN;
DECLARE plain CURSOR FOR SELECT h <~> picture(5) AS d FROM codes ORDER BY h <~> picture(5);
FETCH 0 FROM plain;
FETCH 2 FROM plain;
SAVEPOINT s;
FETCH BACKWARD 1 FROM plain;
ROLLBACK TO s;
FETCH PRIOR FROM plain;
ROLLBACK;
BEGIN;
DECLARE forward NO SCROLL CURSOR FOR SELECT id FROM codes WHERE hamming_within(h, picture(5), 20);
MOVE 5 IN forward;
FETCH FIRST FROM forward;
ROLLBACK;
BEGIN;
DECLARE scrolled SCROLL CURSOR FOR SELECT h <~> picture(5) AS d FROM codes WHERE h IS NOT NULL ORDER BY h <~> picture(5);
CREATE TEMP TABLE ends (place int, d int);
DO $$
DECLARE
    c refcursor := 'scrolled';
    r int;
BEGIN
    FOR i IN 1 .. 3 LOOP
        MOVE ABSOLUTE 1000 FROM c;
        FETCH RELATIVE -1 FROM c INTO r;
        INSERT INTO ends VALUES (999, r);
        FETCH LAST FROM c INTO r;
        INSERT INTO ends VALUES ((SELECT count(h) FROM codes), r);
        FETCH ABSOLUTE -500 FROM c INTO r;
        INSERT INTO ends VALUES ((SELECT count(h) FROM codes) - 499, r);
    END LOOP;
END $$;
SELECT answer_by('table');
SELECT count(*), count(*) FILTER (WHERE ends.d IS DISTINCT FROM s.d) AS differ
FROM ends LEFT JOIN (SELECT h <~> picture(5) AS d, row_number() OVER (ORDER BY h <~> picture(5)) AS place FROM codes) s USING (place);
ROLLBACK;
SELECT answer_by('index');
BEGIN;
DECLARE written CURSOR FOR SELECT h <~> picture(5) AS d FROM codes ORDER BY h <~> picture(5);
FETCH 1 FROM written;
UPDATE codes SET label = -1 WHERE CURRENT OF written;
FETCH 1 FROM written;
DELETE FROM codes WHERE CURRENT OF written;
MOVE ALL IN written;
SELECT count(*), min(h <~> picture(5)) FILTER (WHERE label = -1) AS updated FROM codes;
ROLLBACK;
-- rows that are locked, and a command that changes what it looks for
BEGIN;
SELECT h <~> picture(5) AS d FROM codes ORDER BY h <~> picture(5) LIMIT 2 FOR UPDATE;
UPDATE codes SET h = picture(5) WHERE hamming_within(h, picture(5), 25);
SELECT * FROM compare('SELECT id FROM codes WHERE h = picture(5)');
DELETE FROM codes WHERE ctid = ANY (ARRAY(SELECT ctid FROM codes WHERE h IS NOT NULL ORDER BY h <~> picture(6) LIMIT 500));
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM codes ORDER BY h <~> picture(6) LIMIT 800');
ROLLBACK;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM codes ORDER BY h <~> picture(6) LIMIT 800');

-- an index for each tenant, and rows that change theirs
CREATE INDEX tenant_1_h ON codes USING hamming (h) WHERE tenant = 1;
CREATE INDEX tenant_2_h ON codes USING hamming (h) WHERE tenant = 2 AND h IS NOT NULL;
CREATE INDEX old_h ON codes USING hamming (h) WHERE tenant = 9;
ANALYZE codes;
DROP INDEX codes_h;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM codes WHERE tenant = 1 ORDER BY h <~> picture(6) LIMIT 200', 'tenant_1_h');
SELECT * FROM compare('SELECT id FROM codes WHERE tenant = 1 AND label < 20 AND hamming_within(h, picture(6), 20)', 'tenant_1_h');
SELECT * FROM compare('SELECT id FROM codes WHERE tenant IN (1, 2) AND hamming_within(h, picture(6), 16)', 'Seq Scan');
SELECT * FROM compare('SELECT id FROM codes WHERE tenant = 2 AND hamming_within(h, picture(6), 16) OR tenant = 1 AND h = picture(7)',
    'BitmapOr(.|\n)*tenant_[12]_h(.|\n)*tenant_[12]_h');
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM codes WHERE tenant = 2 AND h IS NOT NULL ORDER BY h <~> picture(6)', 'tenant_2_h');
UPDATE codes SET tenant = 9 - tenant WHERE id % 10 = 0 AND tenant > 0;
UPDATE codes SET tenant = 9 WHERE id % 17 = 0;
SELECT query, c.* FROM unnest('{1,2,9}'::int[]) t,
    format('SELECT h <~> picture(6) AS d FROM codes WHERE tenant = %s AND h IS NOT NULL ORDER BY h <~> picture(6)', t) query, compare(query) c;
VACUUM codes;
SELECT query, c.* FROM unnest('{1,2,9}'::int[]) t, format('SELECT id FROM codes WHERE tenant = %s AND hamming_within(h, picture(6), 25)', t) query, compare(query) c;
SELECT imagehash_index_check(i::regclass, true) FROM unnest('{tenant_1_h,tenant_2_h,old_h}'::text[]) i;

-- on an expression: hashes kept as bigint, and read in another order
CREATE TABLE raw (id int, b bigint);
INSERT INTO raw SELECT id, h::bigint FROM codes;
CREATE INDEX raw_h ON raw USING hamming ((b::imagehash));
CREATE INDEX raw_inverse_h ON raw USING hamming (((~ b)::imagehash)) WHERE id % 2 = 0;
VACUUM ANALYZE raw;
SELECT * FROM compare('SELECT b::imagehash <~> picture(6) AS d FROM raw ORDER BY b::imagehash <~> picture(6) LIMIT 300', 'raw_h');
SELECT * FROM compare('SELECT id FROM raw WHERE b::imagehash <~> picture(6) <= 18', 'raw_h');
SELECT * FROM compare('SELECT (~ b)::imagehash <~> picture(6) AS d FROM raw WHERE id % 2 = 0 ORDER BY (~ b)::imagehash <~> picture(6) LIMIT 300', 'raw_inverse_h');
SELECT imagehash_index_check('raw_inverse_h', true);

-- partitions: large, small, empty, without an index; one of them comes and goes
CREATE TABLE parts (id int, h imagehash) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (60000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (60000) TO (65000);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (65000) TO (65500);
CREATE TABLE parts_4 PARTITION OF parts FOR VALUES FROM (65500) TO (MAXVALUE);
CREATE TABLE parts_5 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT id, h FROM codes;
CREATE INDEX parts_h ON ONLY parts USING hamming (h);
CREATE INDEX parts_1_h ON parts_1 USING hamming (h);
CREATE INDEX parts_2_h ON parts_2 USING hamming (h);
CREATE INDEX parts_3_h ON parts_3 USING hamming (h);
CREATE INDEX parts_5_h ON parts_5 USING hamming (h);
ANALYZE parts;
SELECT * FROM compare('SELECT h <~> picture(6) AS d, row_number() OVER (ORDER BY h <~> picture(6)) FROM parts ORDER BY h <~> picture(6) LIMIT 3000',
    'Merge Append(.|\n)*parts_1_h(.|\n)*parts_2_h(.|\n)*parts_5_h');
SELECT * FROM compare('SELECT q.id, d, row_number FROM queries q, LATERAL (SELECT h <~> q AS d, row_number() OVER (ORDER BY h <~> q) FROM parts WHERE id < 65000 ORDER BY h <~> q LIMIT k) n
    WHERE q.id % 50 = 0', 'Merge Append(.|\n)*parts_1_h(.|\n)*parts_2_h');
SELECT * FROM compare('SELECT id, h FROM parts WHERE hamming_within(h, picture(6), 20)', 'Append(.|\n)*parts_1_h');
ALTER TABLE parts DETACH PARTITION parts_2;
SELECT * FROM compare('SELECT h <~> picture(6) AS d, row_number() OVER (ORDER BY h <~> picture(6)) FROM parts ORDER BY h <~> picture(6) LIMIT 3000',
    'Merge Append(.|\n)*parts_1_h');
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (60000) TO (65000);
UPDATE parts SET id = 130000 - id WHERE id BETWEEN 64800 AND 65400;
SELECT * FROM compare('SELECT id, h FROM parts WHERE hamming_within(h, picture(6), 20)', 'Append(.|\n)*parts_1_h(.|\n)*parts_2_h');
DROP TABLE parts;
-- queries whose length changes from row to row go each to the partition of theirs
CREATE TABLE lengths (bits int, h imagehash) PARTITION BY LIST (bits);
CREATE TABLE lengths_32 PARTITION OF lengths FOR VALUES IN (32);
CREATE TABLE lengths_64 PARTITION OF lengths FOR VALUES IN (64);
CREATE TABLE lengths_128 PARTITION OF lengths FOR VALUES IN (128);
CREATE INDEX lengths_h ON lengths USING hamming (h);
INSERT INTO lengths SELECT 64, h FROM codes;
INSERT INTO lengths SELECT bits, imagehash(substring(sha256((i % 1000)::text::bytea) FOR bits / 8)) FROM generate_series(1, 4000) i, unnest('{32,128}'::int[]) bits;
ANALYZE lengths;
SELECT * FROM compare('SELECT i, d, row_number FROM (SELECT i, (1 << 5 + i % 3) AS bits, imagehash(substring(sha256(i::text::bytea) FOR 4 << i % 3)) AS q FROM generate_series(1, 60) i) q,
    LATERAL (SELECT h <~> q AS d, row_number() OVER (ORDER BY h <~> q) FROM lengths WHERE bits = q.bits ORDER BY h <~> q LIMIT 3) n', 'Append(.|\n)*lengths_32_h');
SELECT * FROM compare('SELECT i, l.h FROM (SELECT i, (1 << 5 + i % 3) AS bits, imagehash(substring(sha256(i::text::bytea) FOR 4 << i % 3)) AS q FROM generate_series(1, 60) i) q
    JOIN lengths l ON hamming_within(l.h, q, 10) AND l.bits = q.bits', 'Append(.|\n)*lengths_32_h');
DROP TABLE lengths;

-- tables of a session, and unlogged ones
CREATE TEMP TABLE drafts (id int, h imagehash) ON COMMIT DELETE ROWS;
CREATE INDEX drafts_h ON drafts USING hamming (h);
BEGIN;
INSERT INTO drafts SELECT id, h FROM codes;
SAVEPOINT s;
INSERT INTO drafts SELECT -id, h FROM codes WHERE id < 5000;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM drafts ORDER BY h <~> picture(6)');
ROLLBACK TO s;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM drafts ORDER BY h <~> picture(6)');
REINDEX INDEX drafts_h;
SELECT leaves > 100 AS has_leaves FROM imagehash_index_stats('drafts_h');
SELECT * FROM compare('SELECT id FROM drafts WHERE hamming_within(h, picture(6), 25)');
TRUNCATE drafts;
SELECT * FROM compare('SELECT id FROM drafts WHERE hamming_within(h, picture(6), 25)');
ROLLBACK TO s;
SELECT * FROM compare('SELECT id FROM drafts WHERE hamming_within(h, picture(6), 25)');
COMMIT;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM drafts ORDER BY h <~> picture(6)');
INSERT INTO drafts VALUES (1, 'ffff');
CREATE UNLOGGED TABLE scratch AS SELECT id, h FROM codes;
CREATE INDEX scratch_h ON scratch USING hamming (h);
ANALYZE scratch;
INSERT INTO scratch SELECT -id, picture(id + 100000) FROM codes;
DELETE FROM scratch WHERE id % 3 = 0;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM scratch ORDER BY h <~> picture(6)');
VACUUM scratch;
SELECT * FROM compare('SELECT h <~> picture(6) AS d FROM scratch ORDER BY h <~> picture(6)');
SELECT * FROM compare('SELECT id FROM scratch WHERE hamming_within(h, picture(6), 25)');
ALTER TABLE scratch SET LOGGED;
SELECT * FROM compare('SELECT id FROM scratch WHERE hamming_within(h, picture(6), 25)');
SELECT imagehash_index_check('scratch_h', true);

DROP TABLE codes, queries, raw, scratch, drafts;
DROP FUNCTION picture, answer_by, compare;
