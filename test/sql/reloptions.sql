-- Storage parameters: checked, changed, kept, and followed.
CREATE TABLE photo (id int, h imagehash(1024));
CREATE FUNCTION picture(i int) RETURNS imagehash LANGUAGE sql IMMUTABLE AS $$ SELECT repeat(md5(i::text), 8)::imagehash $$;
CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 63);
CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 7169);
CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 'many');
CREATE INDEX photo_h ON photo USING hamming (h) WITH (clustering = 'perhaps');
CREATE INDEX photo_h ON photo USING hamming (h) WITH (fillfactor = 70);
CREATE INDEX photo_h ON photo USING hamming (h) WITH (pending_list_limit = 64, clustering = false);
SELECT pg_get_indexdef('photo_h'::regclass);
ALTER INDEX photo_h SET (pending_list_limit = 1);
ALTER INDEX photo_h SET (pending_list = 64);
-- 56 hashes fill a page, 8 pages the list
INSERT INTO photo SELECT i, picture(i) FROM generate_series(1, 7 * 56) i;
SELECT tiers, pending FROM imagehash_index_stats('photo_h');
INSERT INTO photo SELECT i, picture(i) FROM generate_series(1, 56) i;
SELECT tiers, hashes, pending < 56 AS merged FROM imagehash_index_stats('photo_h');
-- a change holds from the next insert on; writers need not wait for it
BEGIN;
ALTER INDEX photo_h SET (pending_list_limit = 128);
SELECT mode FROM pg_locks WHERE relation = 'photo_h'::regclass AND mode <> 'AccessShareLock';
COMMIT;
INSERT INTO photo SELECT i, picture(i) FROM generate_series(1, 14 * 56) i;
SELECT tiers, pending > 8 * 56 AS waiting FROM imagehash_index_stats('photo_h');
ALTER INDEX photo_h RESET (pending_list_limit);
INSERT INTO photo SELECT i, picture(i) FROM generate_series(1, 30 * 56) i;
SELECT pending > 16 * 56 AS waiting FROM imagehash_index_stats('photo_h');
SELECT pg_get_indexdef('photo_h'::regclass);
SELECT imagehash_index_check('photo_h', true);
DROP TABLE photo;
-- without clustering: one leaf, whatever the number of rows; the answers are the same
CREATE TABLE shot (id int, h imagehash(64));
INSERT INTO shot SELECT i, (repeat(to_hex(i % 16), 8) || substr(md5(i::text), 1, 8))::imagehash FROM generate_series(1, 51000) i;
CREATE INDEX shot_h ON shot USING hamming (h) WITH (clustering = off);
SELECT tiers, leaves FROM imagehash_index_stats('shot_h');
SET enable_seqscan = off;
SELECT id, h <~> '11111111c4ca4238' AS distance FROM shot ORDER BY h <~> '11111111c4ca4238', id LIMIT 1;
SELECT count(*) FROM shot WHERE hamming_within(h, '11111111c4ca4238', 10);
ALTER INDEX shot_h SET (clustering = on);
SELECT leaves FROM imagehash_index_stats('shot_h');  -- as it was built
REINDEX INDEX shot_h;
SELECT leaves > 100 AS clustered FROM imagehash_index_stats('shot_h');
SELECT count(*) FROM shot WHERE hamming_within(h, '11111111c4ca4238', 10);
-- a merge keeps the leaves that are there; what is built anew follows the parameter
ALTER INDEX shot_h SET (clustering = off, pending_list_limit = 64);
INSERT INTO shot SELECT id, h FROM shot;
SELECT hashes, leaves = tiers AS flat FROM imagehash_index_stats('shot_h');
REINDEX INDEX shot_h;
SELECT hashes, leaves = tiers AS flat FROM imagehash_index_stats('shot_h');
SELECT imagehash_index_check('shot_h', true);
SELECT count(*) FROM shot WHERE hamming_within(h, '11111111c4ca4238', 10);
DROP TABLE shot;
DROP FUNCTION picture;
