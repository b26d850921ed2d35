-- Equality, order, hashing; btree and hash indexes, DISTINCT, GROUP BY, joins.
SELECT 'ff'::imagehash = 'ff', 'ff'::imagehash = 'average:ff', 'average:ff'::imagehash = 'pdq:ff', 'ff'::imagehash = 'ffff';
SELECT 'ff'::imagehash <> 'fe', '00'::imagehash < 'ff', 'ff'::imagehash < '0000', 'ff'::imagehash >= 'ff', 'ff'::imagehash > 'fe', '01'::imagehash <= '00';
SELECT h FROM unnest('{0000,ff,average:00,00,pdq:00,7f,80}'::imagehash[]) h ORDER BY h;
SELECT h, count(*) FROM unnest('{ff,average:ff,ff,average:ff,00}'::imagehash[]) h GROUP BY h ORDER BY h;
SELECT count(DISTINCT h) FROM unnest('{ff,average:ff,ff,average:ff,00}'::imagehash[]) h;
SELECT imagehash_hash('ff') = imagehash_hash('ff') AS same, imagehash_hash('ff') = imagehash_hash('average:ff') AS other_method;
SELECT imagehash_hash_extended('ff', 0) & 4294967295 = imagehash_hash('ff')::bigint & 4294967295 AS low_bits_agree,
       imagehash_hash_extended('ff', 1) = imagehash_hash_extended('ff', 2) AS seeds_agree;
SELECT imagehash_cmp('00', 'ff'), imagehash_cmp('ff', 'ff'), imagehash_cmp('0000', 'ff');

CREATE TABLE hashes AS
    SELECT i, substr(md5((i % 500)::text), 1, 16)::imagehash AS h FROM generate_series(1, 2000) i;
CREATE INDEX hashes_btree ON hashes (h);
CREATE INDEX hashes_hash ON hashes USING hash (h);
ANALYZE hashes;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM hashes WHERE h = '1679091c5a880faf' AND i > 0;
SELECT count(*) FROM hashes WHERE h = '1679091c5a880faf';
DROP INDEX hashes_hash;
SELECT count(*) FROM hashes WHERE h = '1679091c5a880faf';
SELECT count(*) = 2000 AS sorted FROM (SELECT h, lag(h) OVER (ORDER BY h) AS before FROM hashes) s WHERE before IS NULL OR before <= h;
RESET enable_seqscan;
SET enable_nestloop = off;
SET enable_mergejoin = off;
SELECT count(*) FROM hashes a JOIN hashes b USING (h);
SET enable_hashjoin = off;
SET enable_mergejoin = on;
SELECT count(*) FROM hashes a JOIN hashes b USING (h);
RESET enable_nestloop;
RESET enable_mergejoin;
RESET enable_hashjoin;

CREATE TABLE unique_hashes (h imagehash UNIQUE);
INSERT INTO unique_hashes VALUES ('ff'), ('average:ff');
INSERT INTO unique_hashes VALUES ('ff');
INSERT INTO unique_hashes VALUES ('ff') ON CONFLICT DO NOTHING;
CREATE TABLE parts (h imagehash) PARTITION BY HASH (h);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT h FROM hashes;
SELECT count(*), count(DISTINCT tableoid) FROM parts;
DROP TABLE hashes, unique_hashes, parts;
