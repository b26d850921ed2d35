-- The index against a sequential scan: every k, radius and length, equal hashes by the thousand, deletes, updates,
-- rollbacks, NULLs. Random from a fixed seed; expected output holds counts of differences: all zero.
SET jit = off;  -- compiling costs more than these queries
SELECT setseed(0.25);
-- bits random, in clusters and with many equal hashes
CREATE FUNCTION random_hash(bits int, kind int) RETURNS imagehash LANGUAGE plpgsql AS $$
DECLARE
    b bytea := decode(repeat('00', bits / 8), 'hex');
BEGIN
    FOR i IN 0 .. bits / 8 - 1 LOOP
        b := set_byte(b, i, CASE kind WHEN 0 THEN floor(random() * 256)::int  -- uniform
            WHEN 1 THEN CASE WHEN random() < 0.9 THEN 165 ELSE floor(random() * 256)::int END  -- one cluster
            ELSE (floor(random() * 2) * 255)::int END);  -- few values, many ties
    END LOOP;
    RETURN b::imagehash;
END $$;

-- The distances that a plan gives must be those of the other, for the first k rows and for all.
CREATE FUNCTION differences(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    by_index text[];
    by_table text[];
BEGIN
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_bitmapscan = on;
    EXECUTE 'SELECT array_agg(r::text) FROM (' || query || ') r' INTO by_index;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_sort = on;
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_bitmapscan = off;
    EXECUTE 'SELECT array_agg(r::text) FROM (' || query || ') r' INTO by_table;
    RETURN (SELECT count(*) FROM unnest(by_index, by_table) AS u (a, b) WHERE a IS DISTINCT FROM b);
END $$;

CREATE FUNCTION compare_all(bits int, kind int) RETURNS TABLE (knn bigint, radius bigint, equal bigint, filtered bigint, nulls bigint)
LANGUAGE plpgsql AS $$
DECLARE
    q text;
    k int;
BEGIN
    knn := 0; radius := 0; equal := 0; filtered := 0; nulls := 0;
    FOR n IN 1 .. 2 LOOP
        q := quote_literal(CASE n WHEN 1 THEN (SELECT h FROM codes WHERE h IS NOT NULL LIMIT 1) ELSE random_hash(bits, kind) END::text) || '::imagehash';
        FOREACH k IN ARRAY '{1,100,100000}'::int[] LOOP
            knn := knn + differences(format('SELECT h <~> %s FROM codes ORDER BY h <~> %1$s LIMIT %s', q, k));
        END LOOP;
        FOREACH k IN ARRAY ARRAY[0, bits / 4, bits] LOOP
            radius := radius + differences(format('SELECT id FROM codes WHERE hamming_within(h, %s, %s) ORDER BY id', q, k));
            filtered := filtered + differences(format('SELECT h <~> %s FROM codes WHERE hamming_within(h, %1$s, %s) AND id %% 3 = 0 ORDER BY h <~> %1$s LIMIT 20', q, k));
        END LOOP;
        equal := equal + differences(format('SELECT id FROM codes WHERE h = %s ORDER BY id', q));
    END LOOP;
    nulls := differences('SELECT id FROM codes WHERE h IS NULL ORDER BY id') + differences('SELECT id FROM codes WHERE h IS NOT NULL ORDER BY id');
    RETURN NEXT;
END $$;

CREATE TABLE codes (id serial, h imagehash);
CREATE FUNCTION churn(bits int, kind int) RETURNS TABLE (step text, knn bigint, radius bigint, equal bigint, filtered bigint, nulls bigint)
LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE codes;
    CREATE TABLE codes (id serial, h imagehash);
    INSERT INTO codes (h) SELECT CASE WHEN random() < 0.05 THEN NULL ELSE random_hash(bits, kind) END FROM generate_series(1, 1000);
    CREATE INDEX ON codes USING hamming (h);
    RETURN QUERY SELECT 'built', * FROM compare_all(bits, kind);
    INSERT INTO codes (h) SELECT CASE WHEN random() < 0.05 THEN NULL ELSE random_hash(bits, kind) END FROM generate_series(1, 400);
    RETURN QUERY SELECT 'inserted', * FROM compare_all(bits, kind);
    DELETE FROM codes WHERE random() < 0.3;
    UPDATE codes SET h = random_hash(bits, kind) WHERE random() < 0.2;
    UPDATE codes SET h = NULL WHERE random() < 0.05;
    BEGIN
        INSERT INTO codes (h) SELECT random_hash(bits, kind) FROM generate_series(1, 300);
        DELETE FROM codes WHERE random() < 0.5;
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
    END;
    RETURN QUERY SELECT 'changed', * FROM compare_all(bits, kind);
END $$;

SELECT bits, kind, c.* FROM unnest('{8,72,256,1024}'::int[]) bits, generate_series(0, 2) kind, churn(bits, kind) c
WHERE knn + radius + equal + filtered + nulls > 0;

-- and after vacuum, which compacts pages and lets new rows in
SELECT count(*) FROM churn(64, 0);
VACUUM codes;
SELECT * FROM compare_all(64, 0);
INSERT INTO codes (h) SELECT CASE WHEN random() < 0.5 THEN NULL ELSE random_hash(64, 0) END FROM generate_series(1, 2000);
SELECT * FROM compare_all(64, 0);
DELETE FROM codes WHERE id > (SELECT min(id) FROM codes WHERE h IS NOT NULL);
VACUUM codes;
SELECT * FROM compare_all(64, 0);
INSERT INTO codes (h) SELECT random_hash(64, 0) FROM generate_series(1, 2000);
VACUUM codes;
SELECT * FROM compare_all(64, 0);

-- Churn does not make the index grow: the rows of a table that is emptied and filled again find the old pages.
CREATE TABLE churned (id int, h imagehash);
CREATE INDEX churned_h ON churned USING hamming (h);
INSERT INTO churned SELECT i, CASE WHEN i % 2 = 0 THEN substr(md5(i::text), 1, 16)::imagehash END FROM generate_series(1, 20000) i;
CREATE TEMP TABLE size AS SELECT pg_relation_size('churned_h') AS at_first;
DELETE FROM churned;
VACUUM churned;
INSERT INTO churned SELECT i, CASE WHEN i % 2 = 1 THEN substr(md5(i::text), 1, 16)::imagehash END FROM generate_series(1, 20000) i;
DELETE FROM churned WHERE id % 3 < 2;
VACUUM churned;
INSERT INTO churned SELECT i, substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 6000) i;
SELECT pg_relation_size('churned_h') <= at_first * 1.1 AS stays_small FROM size;

-- ... and null pages fill up again, beside pages of codes that have room too
CREATE TABLE churned_nulls (id int, h imagehash);
CREATE INDEX churned_nulls_h ON churned_nulls USING hamming (h);
INSERT INTO churned_nulls SELECT i, NULL FROM generate_series(1, 20000) i;
INSERT INTO churned_nulls SELECT i, substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 3000) i;
DELETE FROM churned_nulls WHERE id % 4 > 0;
VACUUM churned_nulls;
INSERT INTO churned_nulls SELECT i, NULL FROM generate_series(20001, 34000) i;
DELETE FROM churned_nulls WHERE id % 4 = 1;
VACUUM churned_nulls;
INSERT INTO churned_nulls SELECT i, NULL FROM generate_series(34001, 37000) i;
SELECT nulls >= 18500 AS all_there, null_pages <= 17 AS stays_small FROM imagehash_index_stats('churned_nulls_h');
SELECT imagehash_index_check('churned_nulls_h', true);
DROP TABLE churned_nulls;

-- 20,000 equal hashes: all found, in work_mem and past it
CREATE TABLE equal AS SELECT i AS id, 'c4ca4238a0b92382'::imagehash AS h FROM generate_series(1, 20000) i;
INSERT INTO equal SELECT -i, substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 2000) i;
CREATE INDEX ON equal USING hamming (h);
SET enable_seqscan = off;
SET enable_sort = off;
SET work_mem = '64kB';
SELECT count(*) FROM (SELECT id, h <~> 'c4ca4238a0b92382' AS d FROM equal ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 20001) s WHERE d = 0;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM equal ORDER BY h <~> 'c4ca4238a0b92383') s;
SELECT count(*) FROM equal WHERE h = 'c4ca4238a0b92382';
SELECT count(*) FROM equal WHERE hamming_within(h, 'c4ca4238a0b92383', 1);
RESET work_mem;
-- a lateral join: the scan is started anew for each outer row
SELECT count(*), sum(d) FROM (SELECT h FROM equal WHERE id < 0 ORDER BY id LIMIT 100) q,
    LATERAL (SELECT id, e.h <~> q.h AS d FROM equal e WHERE id < 0 ORDER BY e.h <~> q.h LIMIT 1) n;
RESET enable_seqscan;
RESET enable_sort;

DROP TABLE codes, churned, equal;
DROP FUNCTION random_hash, differences, compare_all, churn;
