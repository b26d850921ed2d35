-- Every way to write a search uses the index, whatever type a driver sends, and is estimated by what the index measured.
-- 60,000 hashes around 600 centers, an eighth of the bits away.
CREATE FUNCTION noise(seed text) RETURNS bit(256) LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('x' || encode(sha256(seed::bytea), 'hex'))::bit(256) $$;
CREATE TABLE shot (id int PRIMARY KEY, h imagehash(256));
INSERT INTO shot SELECT i, (noise('centre ' || i % 600) # (noise('a' || i) & noise('b' || i) & noise('c' || i)))::imagehash FROM generate_series(1, 60000) i;
CREATE INDEX shot_h ON shot USING hamming (h);
VACUUM ANALYZE shot;
CREATE TABLE upload AS SELECT id AS upload_id, h AS upload_h FROM shot WHERE id <= 30;
ANALYZE upload;
SET max_parallel_workers_per_gather = 0;

-- The index scan, and the rows expected of the node at the top.
CREATE FUNCTION plan_of(statement text, OUT index text, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    index := 'none';
    FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
        rows := coalesce(rows, substring(line FROM 'rows=(\d+)')::bigint);
        IF line ~ 'Index.*Scan (using|on) shot_h' THEN
            index := substring(line FROM '(Bitmap Index Scan|Index Only Scan|Index Scan)');
        END IF;
    END LOOP;
END $$;
SELECT h AS query FROM shot WHERE id = 42 \gset
SELECT condition, (plan_of('SELECT id FROM shot WHERE ' || replace(condition, 'query', quote_literal(:'query')))).index FROM (VALUES
    ('h <~> query <= 20'), ('h <~> query < 20'), ('20 >= h <~> query'), ('20 > query <~> h'), ('NOT h <~> query > 20'),
    ('h <~> query <= 20::int2'), ('h <~> query < 20::int8'), ('h <~> query <= 20.5::float4'), ('h <~> query < 20.5::float8'),
    ('h <~> query <= 20.5'), ('h <~> query < 20.0'), ('20.5 > h <~> query'), ('h <~> query BETWEEN 0 AND 20'),
    ('hamming_distance(h, query) <= 20'), ('hamming_within(h, query, 20)'), ('h <~> query::text <= 20'), ('query::varchar <~> h < 20.5'),
    ('h <~> query <= 20 OR h <~> ''ff00'' <= 3'), ('h <~> (SELECT upload_h FROM upload WHERE upload_id = 7) <= 20'),
    ('h <~> query <= (SELECT 20)'), ('h <~> query <= length(''twenty'')'), ('h ~= query'), ('h = query')) v (condition);

-- the answers are those of distances that are computed first
CREATE FUNCTION answers(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    by_index text;
    by_distance text;
    query text := quote_literal((SELECT h FROM shot WHERE id = 42));
BEGIN
    SET LOCAL enable_seqscan = off;
    EXECUTE 'SELECT count(*) || $1 || coalesce(sum(id), 0) FROM shot WHERE ' || replace(condition, 'query', query)
        INTO by_index USING ' ';
    EXECUTE format('SELECT count(*) || $1 || coalesce(sum(id), 0) FROM (SELECT *, h <~> %s AS d FROM shot OFFSET 0) s WHERE ', query)
        || replace(condition, 'h <~> query', 'd') INTO by_distance USING ' ';
    RETURN CASE WHEN by_index = by_distance THEN by_index ELSE format('%s, not %s', by_index, by_distance) END;
END $$;
SELECT condition, answers(condition) FROM (VALUES
    ('h <~> query <= 60'), ('h <~> query < 60'), ('h <~> query <= 59.9'), ('h <~> query < 60.1'), ('h <~> query < 60.0::float4'),
    ('h <~> query <= -0.5'), ('h <~> query < 0'), ('h <~> query <= ''NaN''::float8'), ('h <~> query <= ''Infinity''::float8'),
    ('h <~> query < 1e400'), ('h <~> query <= 9223372036854775807'), ('h <~> query <= NULL::numeric'), ('h <~> NULL <= 3'),
    ('h <~> query BETWEEN 50 AND 60'), ('(h <~> query <= 60) IS NOT TRUE'), ('h <~> query <= id % 70')) v (condition);

-- parameters, typed as drivers type them, in generic plans
SET plan_cache_mode = force_generic_plan;
PREPARE untyped AS SELECT id FROM shot WHERE h <~> $1 <= $2;
PREPARE int2 (imagehash, int2) AS SELECT id FROM shot WHERE h <~> $1 <= $2;
PREPARE int8 (text, int8) AS SELECT id FROM shot WHERE h <~> $1 < $2;
PREPARE float8 (bytea, float8) AS SELECT id FROM shot WHERE h <~> $1 <= $2;
PREPARE numeric (imagehash, numeric) AS SELECT id FROM shot WHERE h <~> $1 <= $2;
PREPARE nearest (text) AS SELECT id FROM shot ORDER BY h <~> $1 LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE untyped(:'query', 3);
EXPLAIN (COSTS OFF) EXECUTE int2(:'query', 3);
EXPLAIN (COSTS OFF) EXECUTE int8(:'query', 3);
EXPLAIN (COSTS OFF) EXECUTE float8(:'query'::imagehash::bytea, 3);
EXPLAIN (COSTS OFF) EXECUTE numeric(:'query', 3);
EXPLAIN (COSTS OFF) EXECUTE nearest(:'query');
EXECUTE numeric(:'query', 0.5);
EXECUTE float8(:'query'::imagehash::bytea, 0.5);
DEALLOCATE ALL;
RESET plan_cache_mode;

-- joins
EXPLAIN (COSTS OFF) SELECT count(*) FROM upload JOIN shot ON h <~> upload_h <= 4;

-- ties in an order of one's own, and pages: the same rows as without the index
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM (SELECT id, h <~> :'query' AS d FROM shot OFFSET 0) s ORDER BY d, id LIMIT 20) t) AS same
FROM (SELECT id FROM (SELECT id, h <~> :'query' AS d FROM shot ORDER BY h <~> :'query' FETCH FIRST 20 ROWS WITH TIES) s ORDER BY d, id LIMIT 20) t;
SELECT (plan_of(format($$SELECT id, h <~> %1$L AS d FROM shot ORDER BY h <~> %1$L FETCH FIRST 20 ROWS WITH TIES$$, :'query'))).index AS ties,
    (plan_of(format($$SELECT id, h <~> %1$L AS d FROM shot WHERE h <~> %1$L >= 50 AND (h <~> %1$L, id) > (50, 7) ORDER BY h <~> %1$L FETCH FIRST 20 ROWS WITH TIES$$, :'query'))).index AS next_page;
EXPLAIN (COSTS OFF) SELECT count(*) FROM upload LEFT JOIN shot ON upload_h <~> h < 5::int8 AND id <> upload_id;
EXPLAIN (COSTS OFF) SELECT count(*) FROM upload WHERE NOT EXISTS (SELECT FROM shot WHERE h <~> upload_h <= 4.0 AND id <> upload_id);
EXPLAIN (COSTS OFF) SELECT upload_id, n.id FROM upload, LATERAL (SELECT id FROM shot ORDER BY h <~> upload_h LIMIT 3) n;
SELECT count(*) FROM upload JOIN shot ON h <~> upload_h <= 4;

-- ties in an order of one's own, and pages: the same rows as without the index
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM (SELECT id, h <~> :'query' AS d FROM shot OFFSET 0) s ORDER BY d, id LIMIT 20) t) AS same
FROM (SELECT id FROM (SELECT id, h <~> :'query' AS d FROM shot ORDER BY h <~> :'query' FETCH FIRST 20 ROWS WITH TIES) s ORDER BY d, id LIMIT 20) t;
SELECT (plan_of(format($$SELECT id, h <~> %1$L AS d FROM shot ORDER BY h <~> %1$L FETCH FIRST 20 ROWS WITH TIES$$, :'query'))).index AS ties,
    (plan_of(format($$SELECT id, h <~> %1$L AS d FROM shot WHERE h <~> %1$L >= 50 AND (h <~> %1$L, id) > (50, 7) ORDER BY h <~> %1$L FETCH FIRST 20 ROWS WITH TIES$$, :'query'))).index AS next_page;
-- views, functions, policies, partitions, partial indexes
CREATE VIEW near_pairs AS SELECT a.id, b.id AS other, a.h <~> b.h AS distance FROM shot a JOIN shot b ON a.id < b.id;
EXPLAIN (COSTS OFF) SELECT * FROM near_pairs WHERE id < 10 AND distance <= 4;
CREATE FUNCTION near(query imagehash, radius numeric) RETURNS SETOF shot LANGUAGE sql STABLE AS 'SELECT * FROM shot WHERE h <~> query <= radius';
EXPLAIN (COSTS OFF) SELECT id FROM near('ff00', 4);
CREATE TABLE part (id int, h imagehash(64)) PARTITION BY HASH (id);
CREATE TABLE part_0 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF part FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO part SELECT i, substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 10000) i;
CREATE INDEX part_h ON part USING hamming (h);
ANALYZE part;
EXPLAIN (COSTS OFF) SELECT id FROM part WHERE h <~> '9fee256239984d71' <= 3.0;
CREATE INDEX part_0_near ON part_0 (id) WHERE h <~> '9fee256239984d71' <= 20;
EXPLAIN (COSTS OFF) SELECT id FROM part_0 WHERE h <~> '9fee256239984d71' <= 20 ORDER BY id;
CREATE ROLE imagehash_guest;
GRANT SELECT ON part_0 TO imagehash_guest;
ALTER TABLE part_0 ENABLE ROW LEVEL SECURITY;
CREATE POLICY near_only ON part_0 USING (h <~> '9fee256239984d71' <= 4.5);
SET ROLE imagehash_guest;
EXPLAIN (COSTS OFF) SELECT id FROM part_0;
RESET ROLE;
DROP TABLE part;
DROP ROLE imagehash_guest;

-- Estimates: within 100 of the real number and a factor of 10, whatever is known when it is planned.
CREATE FUNCTION estimate(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    real bigint;
    guess bigint := (plan_of('SELECT id FROM ' || statement)).rows;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || statement INTO real;
    RETURN CASE WHEN guess BETWEEN real / 10 - 100 AND real * 10 + 100 THEN 'good' ELSE format('%s instead of %s', guess, real) END;
END $$;
SELECT condition, estimate(replace(condition, 'query', quote_literal(:'query'))) FROM (VALUES
    ('shot WHERE h <~> query <= 4'), ('shot WHERE h <~> query <= 60'), ('shot WHERE h <~> query <= 110'), ('shot WHERE h <~> query < 128'), ('shot WHERE h <~> query <= 200'),
    ('shot WHERE h <~> (SELECT upload_h FROM upload WHERE upload_id = 7) <= 60'), ('shot WHERE h <~> (SELECT upload_h FROM upload WHERE upload_id = 7) <= 128'),
    ('shot WHERE hamming_within(h, (SELECT upload_h FROM upload WHERE upload_id = 7), 60)'), ('shot WHERE h <~> query <= (SELECT 4)'),
    ('upload JOIN shot ON h <~> upload_h <= 4'), ('upload JOIN shot ON h <~> upload_h <= 60')) v (condition);
-- without an index
DROP INDEX shot_h;
SELECT estimate('shot WHERE h <~> (SELECT upload_h FROM upload WHERE upload_id = 7) <= 20') AS without_an_index;
DROP VIEW near_pairs;
DROP FUNCTION near, plan_of, answers, estimate, noise;
DROP TABLE shot, upload;
