-- The access method: what it serves, what it refuses.
CREATE TABLE photo (id int, h imagehash);
INSERT INTO photo SELECT i, CASE WHEN i % 10 = 0 THEN NULL ELSE substr(md5((i / 3)::text), 1, 16)::imagehash END
FROM generate_series(1, 3000) i;
CREATE INDEX photo_h ON photo USING hamming (h);
SET enable_seqscan = off;
SET enable_sort = off;

EXPLAIN (COSTS OFF) SELECT id FROM photo ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 5;
SELECT id, h <~> 'c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 4;
-- the query on the left side
SELECT id, 'c4ca4238a0b92382' <~> h AS d FROM photo ORDER BY 'c4ca4238a0b92382' <~> h LIMIT 4;

SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 3);
SELECT id FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 3) ORDER BY id;
SELECT id FROM photo WHERE hamming_within('c4ca4238a0b92382', h, 3) ORDER BY id;
SELECT id FROM photo WHERE h <@ ROW('c4ca4238a0b92382', 3)::hamming_ball ORDER BY id;
SELECT id FROM photo WHERE h = 'c4ca4238a0b92382' ORDER BY id;
SELECT count(*) FROM photo WHERE h IS NULL;
SELECT count(*) FROM photo WHERE h IS NOT NULL;
SELECT count(*) FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 64);
SELECT count(*) FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', -1);
SELECT count(*) FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 2147483647);
SELECT count(*) FROM photo WHERE hamming_within(h, NULL, 3);
SELECT count(*) FROM photo WHERE h = NULL;
SELECT count(*) FROM photo WHERE h = 'c4ca';
RESET enable_bitmapscan;
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 3);
SELECT id FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 3) ORDER BY id;
EXPLAIN (COSTS OFF) SELECT id FROM photo WHERE h = 'c4ca4238a0b92382' OR hamming_within(h, 'c81e728d9d4c2f63', 0);
SELECT id FROM photo WHERE h = 'c4ca4238a0b92382' OR hamming_within(h, 'c81e728d9d4c2f63', 0) ORDER BY id;
SELECT id FROM photo WHERE h IN ('c4ca4238a0b92382', 'c81e728d9d4c2f63') ORDER BY id;
SELECT count(*) FROM photo WHERE h IS NULL;
RESET enable_indexscan;

-- no column is needed: an index-only scan that still looks at the rows
VACUUM photo;
EXPLAIN (COSTS OFF) SELECT count(*) FROM photo;
SELECT count(*) FROM photo;
BEGIN;
DELETE FROM photo WHERE id % 2 = 0;
SELECT count(*) FROM photo;
SELECT EXISTS (SELECT FROM photo), (SELECT count(*) FROM generate_series(1, 3) i, LATERAL (SELECT i FROM photo LIMIT 2) s);
ROLLBACK;

-- order and condition together; two conditions
EXPLAIN (COSTS OFF) SELECT id FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 26) ORDER BY h <~> 'c81e728d9d4c2f63' LIMIT 3;
-- equal hashes are ties: ask for distances only
SELECT h <~> 'c81e728d9d4c2f63' AS d FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 26) ORDER BY h <~> 'c81e728d9d4c2f63' LIMIT 5;
SELECT count(*) FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 30) AND hamming_within(h, 'c81e728d9d4c2f63', 30);
SELECT id FROM photo WHERE h IS NULL ORDER BY h <~> 'c4ca4238a0b92382', id LIMIT 2;

-- rows without a hash come last, and a null query gives every row
SELECT count(*), count(d) FROM (SELECT h <~> 'c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'c4ca4238a0b92382') s;
SELECT h IS NULL AS is_null FROM photo ORDER BY h <~> 'c4ca4238a0b92382' OFFSET 2699 LIMIT 2;
SELECT count(*), count(d) FROM (SELECT h <~> NULL AS d FROM photo ORDER BY h <~> NULL::imagehash) s;
-- a second order: ties by distance to another
SELECT h <~> 'c4ca4238a0b92382', h <~> 'c81e728d9d4c2f63' FROM photo
ORDER BY h <~> 'c4ca4238a0b92382', h <~> 'c81e728d9d4c2f63' LIMIT 5;

-- a distance to null orders nothing
SELECT h <~> 'c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> (SELECT NULL::imagehash), h <~> 'c4ca4238a0b92382' LIMIT 5;

-- what cannot be compared is an error, as in a sequential scan
SELECT id FROM photo ORDER BY h <~> 'c4ca' LIMIT 1;
SELECT id FROM photo ORDER BY h <~> 'c4ca4238a0b92382', h <~> 'c4ca' LIMIT 1;
-- ... and none where no row comes so far
SELECT id FROM photo WHERE id < 0 ORDER BY h <~> 'c4ca' LIMIT 1;
SELECT id FROM photo WHERE id < 0 ORDER BY h <~> 'c4ca4238a0b92382', h <~> 'c4ca' LIMIT 1;
SELECT id FROM photo WHERE hamming_within(h, 'c4ca', 1);
SELECT id FROM photo WHERE hamming_within(h, 'c4ca', -1);
INSERT INTO photo VALUES (0, 'c4ca');
INSERT INTO photo VALUES (4000, 'perceptual:c4ca4238a0b92382');
SELECT id FROM photo WHERE hamming_within(h, 'perceptual:c4ca4238a0b92382', 0) ORDER BY id;
SELECT id FROM photo WHERE h = 'perceptual:c4ca4238a0b92382';
SELECT id FROM photo WHERE h = 'c4ca4238a0b92382' ORDER BY id;
SELECT id FROM photo ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 1;
SELECT id FROM photo WHERE hamming_within(h, 'average:ffffffffffffffff', 0);
INSERT INTO photo VALUES (0, 'average:c4ca4238a0b92382');
-- the row of the other method is out of sight: no error, as in a sequential scan
DELETE FROM photo WHERE id = 4000;
SELECT count(*) FROM photo WHERE hamming_within(h, 'average:c4ca4238a0b92382', 0);
SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 2;
SELECT count(*), count(d) FROM (SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'average:c4ca4238a0b92382') s;

-- a backward scan goes through a materialized result
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT h <~> 'c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'c4ca4238a0b92382';
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH LAST FROM c;
COMMIT;

-- lengths: the first hash decides, or the column's type
CREATE TABLE wide (h imagehash(1024));
CREATE INDEX ON wide USING hamming (h);
SELECT count(*) FROM wide WHERE hamming_within(h, repeat('00', 128)::imagehash, 1024);
INSERT INTO wide SELECT repeat(md5(i::text), 8)::imagehash FROM generate_series(1, 200) i;
SELECT count(*) FROM wide WHERE hamming_within(h, repeat('00', 128)::imagehash, 1024);
SELECT h <~> repeat(md5('7'), 8)::imagehash AS d FROM wide ORDER BY h <~> repeat(md5('7'), 8)::imagehash LIMIT 1;
CREATE TABLE narrow (h imagehash);
CREATE INDEX ON narrow USING hamming (h);
SELECT * FROM narrow ORDER BY h <~> 'ff';
INSERT INTO narrow VALUES (NULL);
SELECT * FROM narrow ORDER BY h <~> 'ff';
INSERT INTO narrow SELECT imagehash(decode(lpad(to_hex(i), 2, '0'), 'hex')) FROM generate_series(0, 255) i;
SELECT h, h <~> '55' AS d FROM narrow ORDER BY h <~> '55' LIMIT 2;
SELECT count(*) FROM narrow WHERE hamming_within(h, '00', 1);
INSERT INTO narrow VALUES ('ffff');
CREATE TABLE mixed AS SELECT h FROM unnest('{ff,ffff}'::imagehash[]) h;
CREATE INDEX ON mixed USING hamming (h);
CREATE INDEX ON mixed USING hamming (h) WHERE bit_length(h) = 8;
CREATE INDEX ON mixed USING hamming (h) WHERE bit_length(h) = 16;
SELECT h <~> 'f0' AS d FROM mixed WHERE bit_length(h) = 8 ORDER BY h <~> 'f0';

-- definitions that are refused
CREATE UNIQUE INDEX ON photo USING hamming (h);
CREATE INDEX ON photo USING hamming (h, h);
CREATE INDEX ON photo USING hamming (h) INCLUDE (id);
CREATE INDEX ON photo USING hamming (id);
CREATE INDEX ON photo USING hamming (h) WITH (fillfactor = 70);
ALTER TABLE photo CLUSTER ON photo_h;

-- kinds of table and index
CREATE UNLOGGED TABLE unlogged (h imagehash(64));
CREATE INDEX ON unlogged USING hamming (h);
INSERT INTO unlogged SELECT substr(md5(i::text), 1, 16)::imagehash FROM generate_series(1, 1000) i;
SELECT h <~> 'c4ca4238a0b92382' AS d FROM unlogged ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 1;
CREATE TEMP TABLE temporary (h imagehash(64));
CREATE INDEX ON temporary USING hamming (h);
INSERT INTO temporary SELECT * FROM unlogged;
SELECT h <~> 'c4ca4238a0b92382' AS d FROM temporary ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 1;
TRUNCATE temporary;
SELECT h <~> 'c4ca4238a0b92382' AS d FROM temporary ORDER BY h <~> 'c4ca4238a0b92382' LIMIT 1;
CREATE INDEX CONCURRENTLY photo_h2 ON photo USING hamming (h);
REINDEX INDEX photo_h;
REINDEX INDEX CONCURRENTLY photo_h2;
DROP INDEX photo_h;
SELECT count(*) FROM photo WHERE h = 'c4ca4238a0b92382';
-- an index on an expression, and a partitioned table
CREATE TABLE raw (id int, b bytea) PARTITION BY RANGE (id);
CREATE TABLE raw_1 PARTITION OF raw FOR VALUES FROM (0) TO (500);
CREATE TABLE raw_2 PARTITION OF raw FOR VALUES FROM (500) TO (1001);
CREATE INDEX ON raw USING hamming ((b::imagehash));
INSERT INTO raw SELECT i, decode(md5(i::text), 'hex') FROM generate_series(1, 1000) i;
EXPLAIN (COSTS OFF) SELECT id FROM raw ORDER BY b::imagehash <~> 'c4ca4238a0b923820dcc509a6f75849b' LIMIT 1;
SELECT id FROM raw ORDER BY b::imagehash <~> 'c4ca4238a0b923820dcc509a6f75849b' LIMIT 1;
SELECT amname, pg_index_column_has_property(indexrelid, 1, 'distance_orderable') AS orderable,
    pg_index_column_has_property(indexrelid, 1, 'search_nulls') AS nulls
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE relname = 'photo_h2';

DROP TABLE photo, wide, narrow, mixed, unlogged, temporary, raw;
