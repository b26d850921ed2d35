-- The planner takes the index where it is the better way, and leaves it where it is not.
CREATE FUNCTION scan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Scan' THEN
            RETURN substring(line FROM '(Seq Scan|Bitmap Heap Scan|Index Scan)');
        END IF;
    END LOOP;
END $$;
CREATE TABLE photo (id int, label int, h imagehash(64));
INSERT INTO photo SELECT i, i % 100, substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 20000) i;
CREATE INDEX ON photo USING hamming (h);
VACUUM ANALYZE photo;
SET max_parallel_workers_per_gather = 0;
SELECT scan_of($$SELECT * FROM photo ORDER BY h <~> '0123456789abcdef' LIMIT 10$$) AS nearest,
       scan_of($$SELECT * FROM photo WHERE label = 7 ORDER BY h <~> '0123456789abcdef' LIMIT 10$$) AS nearest_with_filter,
       scan_of($$SELECT * FROM photo ORDER BY h <~> '0123456789abcdef'$$) AS all_in_order,
       scan_of($$SELECT * FROM photo WHERE hamming_within(h, '0123456789abcdef', 4)$$) AS near,
       scan_of($$SELECT * FROM photo WHERE hamming_within(h, '0123456789abcdef', 60)$$) AS far,
       scan_of($$SELECT * FROM photo WHERE h = '0123456789abcdef'$$) AS equal,
       scan_of($$SELECT count(*) FROM photo$$) AS no_condition;
-- the condition is pushed through joins, prepared statements and both argument orders
PREPARE near(imagehash, int) AS SELECT id FROM photo WHERE hamming_within(h, $1, $2);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE near('0123456789abcdef', 3);
EXECUTE near('c4ca4238a0b92382', 0);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM (VALUES ('c4ca4238a0b92382'::imagehash)) q (h), photo p WHERE hamming_within(q.h, p.h, 3);
EXPLAIN (COSTS OFF) SELECT count(*) FROM photo a JOIN photo b ON hamming_within(a.h, b.h, 0) WHERE a.id < 5;
SELECT count(*) FROM photo a JOIN photo b ON hamming_within(a.h, b.h, 0) WHERE a.id < 5;
-- other access methods index the type too, and are not asked
CREATE INDEX ON photo (h);
CREATE INDEX ON photo USING hash (h);
EXPLAIN (COSTS OFF) SELECT count(*) FROM photo WHERE hamming_within(h, '0123456789abcdef', 3);
CREATE TABLE no_hamming AS SELECT * FROM photo LIMIT 100;
CREATE UNIQUE INDEX ON no_hamming (h);
SELECT count(*) FROM no_hamming WHERE hamming_within(h, 'c4ca4238a0b92382', 3);
DROP TABLE no_hamming;
-- a radius that differs from row to row is no constant
RESET enable_seqscan;
EXPLAIN (COSTS OFF) SELECT count(*) FROM photo WHERE hamming_within(h, '0123456789abcdef', id);
SET enable_seqscan = off;
DROP TABLE photo;
DROP FUNCTION scan_of;

-- hash <~> query <= radius, in all the ways to write it
CREATE TABLE shot (id int, h imagehash);
INSERT INTO shot SELECT i, substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 20000) i;
CREATE INDEX shot_h ON shot USING hamming (h);
ANALYZE shot;
EXPLAIN (COSTS OFF) SELECT id FROM shot WHERE h <~> 'c4ca4238a0b92382' <= 3;
EXPLAIN (COSTS OFF) SELECT id FROM shot WHERE 4 > hamming_distance('c4ca4238a0b92382', h) AND id > 0;
EXPLAIN (COSTS OFF) SELECT id FROM shot WHERE h <~> 'c4ca4238a0b92382' < 20 ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 3;
SELECT id FROM shot WHERE h <~> 'c4ca4238a0b92382' <= 3;
SELECT count(*) FROM shot WHERE 20 > hamming_distance('c4ca4238a0b92382', h);
SELECT count(*) FROM shot WHERE h <~> 'c4ca4238a0b92382' <= -1;
SELECT count(*) FROM shot WHERE h <~> 'c4ca4238a0b92382' < 0;
SELECT count(*) FROM shot WHERE h <~> 'c4ca4238a0b92382' <= NULL;
SELECT count(*) FROM shot WHERE h <~> 'c4ca' <= 3;
PREPARE close_to(imagehash, int) AS SELECT id FROM shot WHERE h <~> $1 <= $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE close_to('c4ca4238a0b92382', 3);
EXECUTE close_to('c4ca4238a0b92382', 3);
-- the first statement of a session, which loads the module while it is planned
\c
DO $$
DECLARE line text;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF) SELECT id FROM shot WHERE h <~> (SELECT h FROM shot WHERE id = 1) <= 3 LOOP
        IF line ~ 'shot_h' THEN RAISE NOTICE '%', trim(line); END IF;
    END LOOP;
END $$;
DROP TABLE shot;

-- costs: more rows cost more, and what effective_cache_size does not hold is read
CREATE TABLE costed (h imagehash(64), other imagehash(64));
INSERT INTO costed SELECT substr(md5(i::text), 1, 16)::imagehash, substr(md5((-i)::text), 1, 16)::imagehash FROM generate_series(1, 20000) i;
CREATE INDEX ON costed USING hamming (h);
CREATE INDEX ON costed USING hamming (other);
VACUUM ANALYZE costed;
CREATE FUNCTION startup_cost(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Startup Cost';
END $$;
SET enable_seqscan = off;
SELECT bool_and(cost >= before) AS rises FROM (SELECT k, cost, lag(cost, 1, 0) OVER (ORDER BY k) AS before FROM
    (SELECT k, startup_cost(format($$SELECT * FROM costed ORDER BY h <~> '0123456789abcdef' LIMIT %s$$, k)) AS cost
    FROM unnest('{1,64,100,1000,10000}'::int[]) k) c) d;
CREATE TABLE in_memory AS SELECT startup_cost($$SELECT * FROM costed ORDER BY h <~> '0123456789abcdef' LIMIT 10$$) AS cost;
SET effective_cache_size = '8kB';
SELECT startup_cost($$SELECT * FROM costed ORDER BY h <~> '0123456789abcdef' LIMIT 10$$) > 2 * cost AS from_disk FROM in_memory;
RESET effective_cache_size;
RESET enable_seqscan;
-- bitmaps of two conditions
EXPLAIN (COSTS OFF) SELECT * FROM costed WHERE hamming_within(h, '0123456789abcdef', 4) OR hamming_within(h, 'fedcba9876543210', 4);
EXPLAIN (COSTS OFF) SELECT * FROM costed WHERE h <~> '0123456789abcdef' <= 4 OR other <~> '0123456789abcdef' <= 4;
EXPLAIN (COSTS OFF) SELECT * FROM costed WHERE hamming_within(h, '0123456789abcdef', 20) AND hamming_within(other, '0123456789abcdef', 22);
DROP TABLE costed, in_memory;
DROP FUNCTION startup_cost;
