-- Tiers: enough rows for clustered leaves, in clusters like those of pictures; everything against a sequential scan.
CREATE FUNCTION picture(i int, bits int) RETURNS imagehash LANGUAGE sql IMMUTABLE AS $$
    -- one of 200 centers with up to a quarter of its bits flipped
    SELECT imagehash(decode(string_agg(lpad(to_hex(get_byte(c, b) # (get_byte(r, b) & get_byte(s, b) & get_byte(t, b))), 2, '0'), '' ORDER BY b), 'hex'))
    FROM generate_series(0, bits / 8 - 1) b, sha256(('centre ' || i % 200)::bytea) c, sha256(('r' || i)::bytea) r,
         sha256(('s' || i)::bytea) s, sha256(('t' || i)::bytea) t
$$;
CREATE TABLE codes (id int, category int, hash imagehash);
INSERT INTO codes SELECT i, i % 10, picture(i, 64) FROM generate_series(1, 60000) i;
INSERT INTO codes SELECT i, 0, NULL FROM generate_series(60001, 60100) i;
CREATE INDEX codes_hash ON codes USING hamming (hash);
SELECT tiers, leaves > 100 AS has_leaves, tid_pages > 0 AS has_tids, pending, dead < 6000 AS is_full, top10_read_fraction < 0.5 AS prunes
FROM imagehash_index_stats('codes_hash');
SELECT imagehash_index_check('codes_hash', true);
VACUUM ANALYZE codes;

-- the distances of the k nearest, or of all within a radius, by either way
CREATE FUNCTION distances(query text, q imagehash, k int, by_index bool) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE answer int[];
BEGIN
    PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_sort', (NOT by_index)::text, true),
        set_config('enable_indexscan', by_index::text, true), set_config('enable_indexonlyscan', by_index::text, true),
        set_config('enable_bitmapscan', by_index::text, true);
    EXECUTE 'SELECT array_agg(d) FROM (' || query || ') s' INTO answer USING q, k;
    RETURN answer;
END $$;
CREATE FUNCTION compare(seed text, OUT query text, OUT queries bigint, OUT differ bigint) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT query, count(*), count(*) FILTER (WHERE distances(query, q, k, true) IS DISTINCT FROM distances(query, q, k, false))
    FROM (VALUES
        ('SELECT hash <~> $1 AS d FROM codes ORDER BY hash <~> $1 LIMIT $2', '{1,10,100,3000}'::int[]),
        ('SELECT hash <~> $1 AS d FROM codes WHERE category = 3 ORDER BY hash <~> $1 LIMIT $2', '{10,500}'),
        ('SELECT hash <~> $1 AS d FROM codes WHERE hamming_within(hash, $1, 20) ORDER BY hash <~> $1 LIMIT $2', '{10,100000}'),
        ('SELECT hash <~> $1 AS d FROM codes WHERE hamming_within(hash, $1, $2) ORDER BY 1', '{0,4,14,25}'),
        ('SELECT hash <~> $1 AS d FROM codes WHERE hash = $1 AND $2 = 1', '{1}')) forms (query, ks), unnest(ks) k,
        (SELECT CASE WHEN i % 2 = 0 THEN picture(i * 17, length) ELSE substring(sha256((seed || i)::bytea) FOR length / 8)::imagehash END AS q
         FROM generate_series(1, 6) i, (SELECT bit_length(hash) AS length FROM codes WHERE hash IS NOT NULL LIMIT 1) l) q
    GROUP BY query ORDER BY query
$$;
SELECT * FROM compare('built');
-- to the last row, in order, rows without a distance last
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before) AS out_of_order, count(d) FROM
    (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, hash <~> '0123456789abcdef' AS d FROM codes ORDER BY hash <~> '0123456789abcdef') s) t;
-- little memory: many bands
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before) AS out_of_order FROM
    (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, hash <~> '0123456789abcdef' AS d FROM codes ORDER BY hash <~> '0123456789abcdef') s) t;
RESET work_mem;

-- inserts are merged into tiers, old tiers leave, dead entries go
INSERT INTO codes SELECT i, i % 10, picture(i, 64) FROM generate_series(100001, 180000) i;
SELECT tiers, pending > 0 AS some_pending, retired_pages > 0 AS some_retired FROM imagehash_index_stats('codes_hash');
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('merged');
DELETE FROM codes WHERE id % 7 = 0;
SELECT * FROM compare('deleted');
VACUUM codes;
SELECT hashes = (SELECT count(hash) FROM codes) AS all_there, pending FROM imagehash_index_stats('codes_hash');
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('vacuumed');
DELETE FROM codes WHERE id % 3 > 0;
VACUUM codes;
SELECT hashes = (SELECT count(hash) FROM codes) AS all_there, tiers, pending FROM imagehash_index_stats('codes_hash');
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('rebuilt');
-- retired pages are used again
CREATE TEMP TABLE size AS SELECT pg_relation_size('codes_hash') AS at_first;
INSERT INTO codes SELECT i, i % 10, picture(i, 64) FROM generate_series(200001, 240000) i;
VACUUM codes;
SELECT pg_relation_size('codes_hash') <= at_first AS stays_small FROM size;
SELECT * FROM compare('again');

-- what comes and goes is merged into the largest tier part by part: the leaves and what was measured of them stay
CREATE TEMP TABLE largest AS SELECT leaves, top10_read_fraction FROM imagehash_index_stats('codes_hash');
DELETE FROM codes WHERE id % 10 = 0;
INSERT INTO codes SELECT i, i % 10, picture(i, 64) FROM generate_series(300001, 320000) i;
VACUUM codes;
SELECT s.leaves = l.leaves AS same_leaves, s.top10_read_fraction = l.top10_read_fraction AS same_statistics, tiers, pending, dead < 12000 AS is_full,
       hashes = (SELECT count(hash) FROM codes) AS all_there, pg_relation_size('codes_hash') <= at_first AS stays_small
FROM imagehash_index_stats('codes_hash') s, largest l, size;
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('in parts');
DELETE FROM codes WHERE id % 4 = 1;
VACUUM codes;
SELECT s.leaves = l.leaves AS same_leaves, tiers, dead < 16000 AS is_full, hashes = (SELECT count(hash) FROM codes) AS all_there
FROM imagehash_index_stats('codes_hash') s, largest l;
SELECT imagehash_index_check('codes_hash', true);
-- leaves without rows stay for rows to come
DELETE FROM codes WHERE hash <~> picture(7, 64) <= 24;
DELETE FROM codes WHERE id % 5 = 2;
VACUUM codes;
SELECT s.leaves = l.leaves AS same_leaves, tiers, hashes = (SELECT count(hash) FROM codes) AS all_there FROM imagehash_index_stats('codes_hash') s, largest l;
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('emptied');
INSERT INTO codes SELECT i, i % 10, picture(7 + i % 3, 64) FROM generate_series(400001, 420000) i;
VACUUM codes;
SELECT s.leaves = l.leaves AS same_leaves, tiers, hashes = (SELECT count(hash) FROM codes) AS all_there FROM imagehash_index_stats('codes_hash') s, largest l;
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('filled again');

-- equal hashes by the ten thousand, other lengths
TRUNCATE codes;
INSERT INTO codes SELECT i, i % 10, '00000000000000ff' FROM generate_series(1, 60000) i;
INSERT INTO codes SELECT i, i % 10, picture(i, 64) FROM generate_series(1, 60000) i;
SELECT * FROM compare('equal');
REINDEX INDEX codes_hash;
SET work_mem = '64kB';
SELECT * FROM compare('equal, built');
SELECT count(*) FROM (SELECT hash <~> '00000000000000ff' AS d FROM codes ORDER BY hash <~> '00000000000000ff' LIMIT 60001) s WHERE d = 0;
RESET work_mem;
TRUNCATE codes;
INSERT INTO codes SELECT i, i % 10, picture(i, 256) FROM generate_series(1, 52000) i;
REINDEX INDEX codes_hash;
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('256 bits');
-- an inserter rewrites a part, and leaves the rest in a small tier
INSERT INTO codes SELECT i, i % 10, picture(i, 256) FROM generate_series(60001, 90000) i;
SELECT tiers, pending > 0 AS some_pending, hashes = (SELECT count(hash) FROM codes) AS all_there FROM imagehash_index_stats('codes_hash');
SELECT imagehash_index_check('codes_hash', true);
SELECT * FROM compare('256 bits, in parts');
VACUUM codes;
DELETE FROM codes;
VACUUM codes;
SELECT tiers, hashes, dead FROM imagehash_index_stats('codes_hash');

-- index-only scans return the hash, with its method
DROP TABLE codes;
CREATE TABLE codes (id int, hash imagehash);
INSERT INTO codes SELECT i, CASE WHEN i % 3 > 0 THEN ('average:' || encode(substring(sha256(i::text::bytea) FOR 8), 'hex'))::imagehash
    WHEN i % 2 > 0 THEN substring(sha256(i::text::bytea) FOR 8)::imagehash END FROM generate_series(1, 3000) i;
CREATE INDEX codes_hash ON codes USING hamming (hash);
VACUUM codes;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT hash FROM codes ORDER BY hash <~> '0123456789abcdef' LIMIT 3;
SELECT hash, hash <~> '0123456789abcdef' AS d FROM codes ORDER BY hash <~> '0123456789abcdef' LIMIT 3;
SELECT count(*) FROM (SELECT hash FROM codes EXCEPT ALL SELECT hash FROM (SELECT hash FROM codes ORDER BY id) s) t;
DELETE FROM codes WHERE id % 4 = 0;
SELECT count(*), count(hash) FROM (SELECT hash FROM codes ORDER BY hash <~> '0123456789abcdef') s;
SELECT hash <~> 'perceptual:0123456789abcdef' FROM codes ORDER BY hash <~> 'perceptual:0123456789abcdef' LIMIT 1;
DELETE FROM codes WHERE imagehash_method(hash) = 'average';
SELECT hash <~> 'perceptual:0123456789abcdef' FROM codes ORDER BY hash <~> 'perceptual:0123456789abcdef' LIMIT 1;

-- approximate: finds most of the nearest, and more than asked is there
RESET enable_seqscan;
DROP TABLE codes;
CREATE TABLE codes (id int, hash imagehash);
INSERT INTO codes SELECT i, picture(i, 64) FROM generate_series(1, 60000) i;
CREATE INDEX codes_hash ON codes USING hamming (hash);
SET enable_seqscan = off;
SET imagehash.target_recall = 0.9;
CREATE TEMP TABLE recall AS SELECT i, picture(i * 31 + 100000, 64) AS q, 0 AS d10 FROM generate_series(1, 50) i;
UPDATE recall SET d10 = (SELECT max(d) FROM (SELECT hash <~> q AS d FROM (SELECT hash FROM codes OFFSET 0) c ORDER BY 1 LIMIT 10) s);
SELECT sum((SELECT count(*) FROM (SELECT hash <~> q AS d FROM codes ORDER BY hash <~> q LIMIT 10) s WHERE d <= d10)) / 500 > 0.85 AS holds FROM recall;
-- the recall that a user gets with queries of his own: of the function, and by hand
SELECT round(imagehash_index_recall('codes_hash', array_agg(q), target_recall => 0.9)::numeric, 4) = (
    SELECT round(avg((SELECT count(*) FROM (SELECT hash <~> q AS d FROM codes ORDER BY hash <~> q LIMIT 10) s WHERE d <= d10) / 10.0), 4) FROM recall) AS same,
    imagehash_index_recall('codes_hash', array_agg(q), 10, 1) AS exact, imagehash_index_recall('codes_hash', array_agg(NULL::imagehash)) AS none
FROM recall;
SELECT count(*) > 30000 AS goes_on FROM (SELECT FROM codes ORDER BY hash <~> '0123456789abcdef') s;
SET imagehash.target_recall = 1.5;
RESET imagehash.target_recall;
-- what the planner is told of a search for the ten nearest leaves near copies out: queries from outside have none (with them 0.4 %)
CREATE TABLE copies AS SELECT i AS id, (h || substr(md5(i::text), 1, 2))::imagehash AS hash FROM generate_series(1, 60000) i,
    LATERAL (SELECT left(md5((i % 50)::text) || left(md5((i % 3000)::text), 8) || md5((i % 3000)::text), 62) AS h) s;
CREATE INDEX copies_hash ON copies USING hamming (hash);
SELECT top10_read_fraction > 0.01 AS leaves_copies_out FROM imagehash_index_stats('copies_hash');
DROP TABLE copies;
