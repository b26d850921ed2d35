-- imagehash.target_recall after drift: an index built on pictures of one kind, then as many of another come in.
-- A picture is one of 400 subjects of its kind, of which each bit is another with a probability of 1/8 or so.
CREATE FUNCTION subject(kind text, i int) RETURNS bit(256) LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || encode(sha256((kind || i % 400)::bytea), 'hex'))::bit(256) $$;
CREATE FUNCTION noise(seed text) RETURNS bit(256) LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || encode(sha256((seed || 'a')::bytea), 'hex'))::bit(256) & ('x' || encode(sha256((seed || 'b')::bytea), 'hex'))::bit(256)
         & ('x' || encode(sha256((seed || 'c')::bytea), 'hex'))::bit(256) $$;
CREATE FUNCTION picture(kind text, i int) RETURNS imagehash LANGUAGE sql IMMUTABLE AS $$
    SELECT (subject(kind, i) # noise(kind || ' ' || i))::imagehash $$;
CREATE TABLE pictures (hash imagehash);
INSERT INTO pictures SELECT picture('old', i) FROM generate_series(1, 20000) i;
SET max_parallel_maintenance_workers = 0;  -- so that the leaves are the same each time
CREATE INDEX pictures_hash ON pictures USING hamming (hash) WITH (pending_list_limit = 128);

-- What 60 queries of a kind find that the table does not have.
CREATE FUNCTION recalls(kinds text[], OUT kind text, OUT k int, OUT target float8, OUT recall float8) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT kind, k, target, imagehash_index_recall('pictures_hash', (SELECT array_agg(picture(kind, i)) FROM generate_series(900001, 900060) i), k, target)
    FROM unnest(kinds) kind, unnest(ARRAY[10, 100]) k, unnest(ARRAY[0.8, 0.9, 0.95]::float8[]) target ORDER BY kind, k, target $$;
SELECT * FROM recalls('{old}') WHERE recall < target;

-- A few: queries drawn like the rows find what is asked for, on average.
INSERT INTO pictures SELECT picture('new', i) FROM generate_series(1, 5000) i;
SELECT k, target, sum(recall * CASE kind WHEN 'old' THEN 0.8 ELSE 0.2 END) AS recall FROM recalls('{old, new}') GROUP BY k, target
HAVING sum(recall * CASE kind WHEN 'old' THEN 0.8 ELSE 0.2 END) < target;

-- As many, by inserts alone, then with vacuum: queries of either kind do. The leaves are still those of the first.
INSERT INTO pictures SELECT picture('new', i) FROM generate_series(5001, 18000) i;
SELECT * FROM recalls('{old, new}') WHERE recall < target;
CREATE TEMP TABLE leaves AS SELECT leaves FROM imagehash_index_stats('pictures_hash');
INSERT INTO pictures SELECT picture('new', i) FROM generate_series(18001, 19000) i;
VACUUM pictures;
SELECT * FROM recalls('{old, new}') WHERE recall < target;
SELECT tiers, pending, (SELECT max(l.leaves) FROM leaves l) >= s.leaves AS same_leaves FROM imagehash_index_stats('pictures_hash') s;
SELECT imagehash_index_check('pictures_hash', true);

-- Queries unlike all rows search farther.
SELECT * FROM recalls('{foreign}') WHERE recall < target - 0.15;
DROP TABLE pictures, leaves;
DROP FUNCTION recalls, picture, noise, subject;
