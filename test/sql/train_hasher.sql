-- Hashers trained and judged in the database, on embeddings made here: clusters around random centers.
CREATE FUNCTION sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || sqlerrm;
END $$;
-- a number from -1 to 1 for each pair, the same everywhere
CREATE FUNCTION noise(a int, b int) RETURNS real LANGUAGE sql IMMUTABLE AS
    $$ SELECT (hashint8extended(a::bigint * 100000 + b, 42) % 1000003 / 1000003.0)::real $$;
CREATE TABLE item AS
    SELECT i AS id, i % 12 AS kind,
        (SELECT array_agg((noise(1000000 + i % 12, j) + 1.2 * noise(i, j))::real ORDER BY j) FROM generate_series(1, 1280) j) AS embedding
    FROM generate_series(1, 600) i;
ANALYZE item;

-- the recipe is what was used, the row is what comes back; what it warns of is the subject of train_checks
SET client_min_messages = error;
SELECT name, bits, method ~ '^semantic-[0-9a-f]{8}$' AS method, rows, rows_left_out, quality->>'epochs' AS epochs,
    (quality->>'validation')::float8 BETWEEN 0.2 AND 1 AS validation
FROM train_hasher('deep', 'SELECT embedding FROM item ORDER BY id', 64, '{"epochs": 8, "algorithm": "autoencoder"}');
SELECT bits, recipe->>'algorithm' AS method, recipe->>'epochs' AS epochs, recipe->>'rows' AS rows, recipe->>'seed' AS seed, recipe->>'label_weight' AS labels,
    octet_length(weights) = 24 + 4 * (512 * 1281 + 64 * 513) AS weights, created_by = current_user AS created_by
FROM imagehash.hasher WHERE name = 'deep';
SELECT rows, quality FROM train_hasher('rotated', 'SELECT embedding FROM item ORDER BY id', 32, '{"algorithm": "itq"}');
SELECT rows, quality FROM train_hasher('thrown', 'SELECT embedding FROM item ORDER BY id', options => '{"algorithm": "random", "seed": 7}');
SELECT rows FROM train_hasher('steered', 'SELECT embedding, kind FROM item ORDER BY id', 32, '{"epochs": 8}');
SELECT recipe->>'labels' AS labels, (recipe->>'label_weight')::float8 > 0 AS steered, recipe->'libraries' ? 'imagehash' AS libraries
FROM imagehash.hasher WHERE name = 'steered';
-- left open, the method is the one that ranks the rows held out better, and both numbers are kept: an autoencoder that learns nothing is none
SELECT quality->>'algorithm' AS method, quality ? 'best_epoch' AS has_epoch, (quality->>'validation_itq')::float8 > (quality->>'validation_autoencoder')::float8 AS itq_is_better,
    quality->'validation' = quality->'validation_itq' AS validation
FROM train_hasher('open', 'SELECT embedding FROM item ORDER BY id', 64, '{"epochs": 2, "learning_rate": 1e-9}');
SELECT recipe->>'algorithm' AS method, octet_length(weights) = 24 + 4 * 64 * 1281 AS linear FROM imagehash.hasher WHERE name = 'open';
SELECT quality->>'algorithm' AS method, quality ? 'validation_itq' AS itq_was_tried, quality ? 'best_epoch' AS has_epoch
FROM train_hasher('open, no rows held out', 'SELECT embedding FROM item ORDER BY id', 64, '{"epochs": 2, "validation_fraction": 0}');
SELECT quality->>'algorithm' AS method, quality ? 'validation_itq' AS itq_was_tried FROM train_hasher('open, labels', 'SELECT embedding, kind FROM item ORDER BY id', 64, '{"epochs": 2}');
-- double precision[] is accepted too, and nulls are left out
SELECT rows, rows_left_out FROM train_hasher('nulls', 'SELECT CASE WHEN id > 10 THEN embedding::double precision[] END FROM item ORDER BY id', 8, '{"algorithm": "random"}');
SELECT bit_length(embedding_hash(embedding, 'rotated')) FROM item WHERE id = 1;

-- the same seed gives the same bytes, another gives others
SELECT rows FROM train_hasher('deep again', 'SELECT embedding FROM item ORDER BY id', 64, '{"epochs": 8, "algorithm": "autoencoder"}');
SELECT rows FROM train_hasher('deep 2', 'SELECT embedding FROM item ORDER BY id', 64, '{"epochs": 8, "algorithm": "autoencoder", "seed": 2}');
SELECT a.weights = b.weights AS same_seed, a.weights <> c.weights AS other_seed
FROM imagehash.hasher a, imagehash.hasher b, imagehash.hasher c WHERE a.name = 'deep' AND b.name = 'deep again' AND c.name = 'deep 2';
-- so does a sample of the rows
SELECT rows FROM train_hasher('sample', 'SELECT embedding FROM item ORDER BY id', 64, '{"algorithm": "itq", "max_rows": 200}');
SELECT rows FROM train_hasher('sample again', 'SELECT embedding FROM item ORDER BY id', 64, '{"algorithm": "itq", "max_rows": 200}');
SELECT a.weights = b.weights AS same, a.recipe->>'rows_seen' AS seen FROM imagehash.hasher a, imagehash.hasher b WHERE a.name = 'sample' AND b.name = 'sample again';
-- memory bounds the sample where the number of rows is left to it: 512 kB hold 102 rows of 5120 bytes
SELECT rows FROM train_hasher('small', 'SELECT embedding FROM item ORDER BY id', 8, '{"algorithm": "random", "memory": "512kB"}');

-- trained codes rank the clusters, and better than random directions; steered ones best
CREATE TABLE measured AS
    SELECT h.name, e.* FROM unnest('{deep,thrown,steered,rotated}'::text[]) h (name),
        evaluate_hasher(h.name, 'SELECT embedding, kind FROM item ORDER BY id', '{"k": 50}') e;
SELECT metric, code IS NULL AS no_code, embedding IS NULL AS no_embedding FROM measured WHERE name = 'deep';
SELECT a.code > c.code AS deep_beats_random, b.code > c.code AS steered_beats_random, b.code > 0.9 AS steered, a.embedding = b.embedding AS same_ceiling
FROM measured a, measured b, measured c
WHERE a.name = 'deep' AND b.name = 'steered' AND c.name = 'thrown' AND a.metric = 'mAP' AND b.metric = 'mAP' AND c.metric = 'mAP';
SELECT count(*) AS different FROM (
    SELECT metric, code, embedding FROM measured WHERE name = 'deep'
    EXCEPT SELECT * FROM evaluate_hasher('deep', 'SELECT embedding, kind FROM item ORDER BY id', '{"k": 50}')) d;
-- queries as a number, a share, a column; without labels only what needs none
SELECT code FROM evaluate_hasher('rotated', 'SELECT embedding, kind FROM item ORDER BY id', '{"queries": 7}') WHERE metric = 'queries';
SELECT code FROM evaluate_hasher('rotated', 'SELECT embedding, kind FROM item ORDER BY id', '{"queries": 0.5}') WHERE metric = 'queries';
SELECT metric, code FROM evaluate_hasher('rotated', 'SELECT embedding, kind, id <= 20 FROM item ORDER BY id') WHERE metric IN ('queries', 'collection');
SELECT metric, code IS NOT NULL AS measured FROM evaluate_hasher('rotated', 'SELECT embedding FROM item ORDER BY id');
-- the mean over one query of four rows, counted here
CREATE TABLE tiny AS SELECT i AS id, (i > 2) AS kind, (SELECT array_agg(((i * j) % 7 - 3)::real) FROM generate_series(1, 1280) j) AS embedding FROM generate_series(1, 4) i;
SELECT metric, round(code::numeric, 6) = (
    SELECT round(avg(CASE WHEN o.id <= 2 THEN 1.0 / place END), 6) FROM (
        SELECT t.id, row_number() OVER (ORDER BY embedding_hash(t.embedding, 'thrown') <~> embedding_hash(q.embedding, 'thrown'), t.id) AS place
        FROM tiny t, tiny q WHERE q.id = 1 AND t.id <> 1) o WHERE o.id = 2) AS as_counted
FROM evaluate_hasher('thrown', 'SELECT embedding, kind, id = 1 FROM tiny ORDER BY id') WHERE metric = 'mAP';

-- never overwritten, and known before the work is done
SELECT train_hasher('deep', 'SELECT pg_sleep(60)');
SELECT sqlstate_of($$SELECT train_hasher('deep', 'SELECT embedding FROM item')$$);

-- bad calls
SELECT s, sqlstate_of(format('SELECT train_hasher(%s)', s)) FROM unnest(ARRAY[
    $$NULL, 'SELECT 1'$$, $$'x', NULL$$, $$'x', 'SELECT 1', NULL$$, $$'x', 'SELECT 1', 64, NULL$$,
    $$'', 'SELECT 1'$$, $$repeat('x', 49), 'SELECT 1'$$, $$'x', 'SELECT 1', 60$$, $$'x', 'SELECT 1', 1032$$,
    $$'x', 'SELECT 1', 64, '[]'$$, $$'x', 'SELECT 1', 64, '{"epoch": 3}'$$, $$'x', 'SELECT 1', 64, '{"epochs": 0}'$$,
    $$'x', 'SELECT 1', 64, '{"epochs": 2.5}'$$, $$'x', 'SELECT 1', 64, '{"epochs": "3"}'$$, $$'x', 'SELECT 1', 64, '{"epochs": [3]}'$$,
    $$'x', 'SELECT 1', 64, '{"algorithm": "deep"}'$$, $$'x', 'SELECT 1', 64, '{"memory": "much"}'$$, $$'x', 'SELECT 1', 64, '{"learning_rate": 0}'$$,
    $$'x', 'SELECT 1', 64, '{"start_from_itq": 1}'$$, $$'x', 'SELECT 1', 64, '{"model": "none"}'$$]) s;
SELECT train_hasher('x', 'SELECT 1', 64, '{"epoch": 3}');

-- bad sources
SELECT s, sqlstate_of(format('SELECT train_hasher(%L, %L)', 'x', s)) FROM unnest(ARRAY[
    '', 'SELEC', 'SELECT 1', 'SELECT', 'SELECT embedding, kind, id FROM item', 'SELECT embedding FROM item WHERE false', 'SELECT NULL::real[]',
    'SELECT embedding FROM item; SELECT 1', 'DROP TABLE item', 'DELETE FROM item RETURNING embedding', 'SELECT embedding FROM item FOR UPDATE',
    'WITH d AS (DELETE FROM item RETURNING embedding) SELECT * FROM d', 'SELECT $1', 'COPY item TO STDOUT',
    'SELECT embedding[1:4] FROM item', 'SELECT CASE WHEN id = 3 THEN embedding[1:4] ELSE embedding END FROM item ORDER BY id',
    $$SELECT CASE WHEN id = 3 THEN array_fill('NaN'::real, '{1280}') ELSE embedding END FROM item ORDER BY id$$,
    $$SELECT array_fill(1e300::double precision, '{1280}')$$, $$SELECT array_fill(1::real, '{2,640}')$$, $$SELECT array_fill(NULL::real, '{1280}')$$,
    'SELECT ARRAY[]::real[]', $$SELECT 'no image'::bytea FROM generate_series(1, 2)$$, 'SELECT embedding FROM item LIMIT 1', 'SELECT nosuch FROM item']) s;
SELECT count(*) FROM item;
SELECT train_hasher('x', $$SELECT CASE WHEN i = 3 THEN 'no image'::bytea END FROM generate_series(1, 5) i$$);
-- a function that the source calls may not write either
CREATE FUNCTION writes() RETURNS real[] LANGUAGE plpgsql AS $$ BEGIN DELETE FROM item; RETURN NULL; END $$;
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT writes()')$$);
SELECT current_setting('transaction_read_only');
SELECT sqlstate_of($$SELECT evaluate_hasher('none', 'SELECT 1')$$);
SELECT sqlstate_of($$SELECT evaluate_hasher('deep', 'SELECT ARRAY[1,2]::real[]')$$);
SELECT sqlstate_of($$SELECT evaluate_hasher('deep', 'SELECT embedding, kind, id FROM item')$$);
SELECT sqlstate_of($$SELECT evaluate_hasher('deep', 'SELECT embedding, kind, true FROM item')$$);
SELECT sqlstate_of($$SELECT evaluate_hasher('deep', 'SELECT embedding, kind FROM item', '{"bits": 3}')$$);
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT embedding FROM item', 64, '{"max_rows": 1000, "memory": 4000}')$$);
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT embedding, id FROM item, generate_series(1, 1)', 64, '{"batch_size": 4096}')$$);
BEGIN READ ONLY;
SELECT train_hasher('x', 'SELECT embedding FROM item');
ROLLBACK;

-- what is left out is said
SET client_min_messages = notice;
SELECT rows, rows_left_out FROM train_hasher('told', 'SELECT CASE WHEN id <> 5 THEN embedding END, kind FROM item ORDER BY id', 8, '{"algorithm": "random", "max_rows": 100}');
SELECT train_hasher('x', $$SELECT 'no image'::bytea FROM generate_series(1, 3)$$, 8, '{"on_error": "ignore"}');
SET client_min_messages = error;

-- pictures: embedded as they come, with views; one that is damaged is an error that names its row, or is left out and told
\getenv source IMAGEHASH_SOURCE
CREATE TABLE photo AS
    SELECT row_number() OVER (ORDER BY name COLLATE "C") AS id, pg_read_binary_file(:'source' || '/demo/pictures/' || name) AS image
    FROM pg_ls_dir(:'source' || '/demo/pictures') name WHERE name LIKE '%.jpg' ORDER BY name COLLATE "C" LIMIT 12;
SELECT rows, (quality->>'loss')::float8 > 0 AS learned FROM train_hasher('photos', 'SELECT image FROM photo ORDER BY id', 8, '{"views": 2, "epochs": 2}');
SELECT rows FROM train_hasher('photos again', 'SELECT image FROM photo ORDER BY id', 8, '{"views": 2, "epochs": 2}');
SELECT a.weights = b.weights AS same, a.recipe->>'views' AS views FROM imagehash.hasher a, imagehash.hasher b WHERE a.name = 'photos' AND b.name = 'photos again';
SELECT count(*) AS different FROM (
    SELECT * FROM evaluate_hasher('photos', 'SELECT image, id % 2 FROM photo ORDER BY id')
    EXCEPT SELECT * FROM evaluate_hasher('photos', 'SELECT image_embedding(image), id % 2 FROM photo ORDER BY id')) d;
UPDATE photo SET image = substr(image, 1, 2000) WHERE id = 4;
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT image FROM photo ORDER BY id', 8, '{"epochs": 2}')$$) ~ '^22023: .*truncated';
SELECT rows, rows_left_out FROM train_hasher('skipped', 'SELECT image FROM photo ORDER BY id', 8, '{"algorithm": "random", "on_error": "ignore"}');

-- privileges: EXECUTE is granted, and the source runs as the caller
CREATE ROLE imagehash_trainer;
GRANT EXECUTE ON FUNCTION sqlstate_of TO imagehash_trainer;
SET ROLE imagehash_trainer;
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT embedding FROM item')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION train_hasher TO imagehash_trainer;
SET ROLE imagehash_trainer;
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT embedding FROM item')$$);
RESET ROLE;
GRANT SELECT ON item TO imagehash_trainer;
SET ROLE imagehash_trainer;
SELECT rows FROM train_hasher('theirs', 'SELECT embedding FROM item', 8, '{"algorithm": "random"}');
-- ... in both: to measure takes EXECUTE, SELECT on what is measured and on the hashers, to train SELECT on the models
SELECT sqlstate_of($$SELECT evaluate_hasher('theirs', 'SELECT embedding FROM item')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION evaluate_hasher TO imagehash_trainer;
SET ROLE imagehash_trainer;
SELECT count(*) FROM evaluate_hasher('theirs', 'SELECT embedding FROM item');
SELECT sqlstate_of($$SELECT evaluate_hasher('theirs', 'SELECT image FROM photo')$$);
RESET ROLE;
REVOKE SELECT ON imagehash.hasher FROM PUBLIC;
SET ROLE imagehash_trainer;
SELECT sqlstate_of($$SELECT evaluate_hasher('theirs', 'SELECT embedding FROM item')$$);
SELECT sqlstate_of($$SELECT evaluate_hasher('efficientnet_lite0_256', 'SELECT embedding FROM item')$$);
SELECT sqlstate_of($$SELECT embedding_hash(embedding, 'theirs') FROM item$$);
SELECT sqlstate_of($$SELECT recipe FROM imagehash.hasher$$);
SELECT sqlstate_of($$SELECT train_hasher('unseen', 'SELECT embedding FROM item', 8, '{"algorithm": "random"}')$$);
SELECT sqlstate_of($$SELECT drop_hasher('unseen')$$);
RESET ROLE;
GRANT SELECT ON imagehash.hasher TO PUBLIC;
REVOKE SELECT ON imagehash.image_model FROM PUBLIC;
SET ROLE imagehash_trainer;
SELECT sqlstate_of($$SELECT train_hasher('x', 'SELECT embedding FROM item', 8, '{"algorithm": "random"}')$$);
RESET ROLE;
GRANT SELECT ON imagehash.image_model TO PUBLIC;

-- cancelled while it reads, while it trains, while it measures; nothing is stored, the session lives on
SET statement_timeout = '300ms';
SELECT train_hasher('x', 'SELECT embedding FROM item, generate_series(1, 1000000)');
SELECT train_hasher('x', 'SELECT NULL::real[] FROM generate_series(1, 1000000000)');
SELECT train_hasher('x', 'SELECT embedding FROM item', 64, '{"epochs": 10000}');
SELECT train_hasher('x', 'SELECT image FROM photo, generate_series(1, 1000) WHERE id <> 4');
SELECT evaluate_hasher('deep', 'SELECT embedding, kind FROM item, generate_series(1, 10)', '{"queries": 6000}');
RESET statement_timeout;
SELECT count(*) FROM imagehash.hasher WHERE name = 'x';
SELECT rows FROM train_hasher('x', 'SELECT embedding FROM item', 8, '{"algorithm": "random"}');

DROP OWNED BY imagehash_trainer;
DROP ROLE imagehash_trainer;
DROP TABLE item, tiny, measured, photo;
DROP FUNCTION sqlstate_of, noise, writes;
