-- What train_hasher() and evaluate_hasher() say before the work: options out of range, labels that tell nothing, few rows, few
-- queries, how many images there are to embed; and that docs/how-to/train-a-hasher.md says the same of the options.
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || sqlerrm;
END $$;
CREATE FUNCTION embedding(i int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg((hashint8extended(i::bigint * 100000 + j, 42) % 1000003 / 1000003.0)::real ORDER BY j) FROM generate_series(1, 1280) j $$;
-- sources whose first row is an error that says so
CREATE FUNCTION first_row() RETURNS real[] LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE 'a row was read'; END $$;
CREATE FUNCTION first_image() RETURNS bytea LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE 'a row was read'; END $$;

-- both ends of every range are accepted, but where the description says otherwise, and nothing beyond; all before a row is read
CREATE FUNCTION accepts(call text, option text, value float8) RETURNS boolean LANGUAGE sql AS
    $$ SELECT error_of(format(call, jsonb_build_object('algorithm', 'random', option, value))) LIKE '%a row was read' $$;
CREATE FUNCTION accepts_in_evaluation(option text, value float8) RETURNS boolean LANGUAGE sql AS
    $$ SELECT error_of(format('SELECT evaluate_hasher(''efficientnet_lite0_256'', ''SELECT first_row()'', %L)', jsonb_build_object(option, value)))
        LIKE '%a row was read' $$;
SELECT name, min_value, accepts(c, name, min_value) AS at_low, accepts(c, name, min_value - s.step) AS below, max_value, accepts(c, name, max_value) AS at_high,
    accepts(c, name, max_value + s.step) AS above
FROM train_hasher_options() o, (VALUES ('SELECT train_hasher(''x'', ''SELECT first_row()'', 64, %L)')) v (c),
    LATERAL (SELECT CASE WHEN o.type = 'number' THEN 1e-10 ELSE 1 END AS step) s
WHERE min_value IS NOT NULL;
SELECT name, min_value, accepts_in_evaluation(name, min_value) AS at_low, accepts_in_evaluation(name, min_value - 1) AS below, max_value,
    accepts_in_evaluation(name, max_value) AS at_high, accepts_in_evaluation(name, max_value + 1) AS above
FROM evaluate_hasher_options() WHERE min_value IS NOT NULL;
SELECT o, error_of(format('SELECT train_hasher(''x'', ''SELECT first_row()'', 64, %L)', o)) FROM unnest(ARRAY[
    '{"bit_flip": 0.5}', '{"bit_flip": 0.499}', '{"dropout": 0.96}', '{"temperature": 0.001}', '{"learning_rate": 1e-10}',
    -- what options demand of each other, of the embedding and of the rows that are read at most
    '{"start_from_itq": true, "hidden_units": 127}', '{"start_from_itq": true, "hidden_units": 128}',
    '{"reconstruction_weight": 0, "contrastive_weight": 0}', '{"reconstruction_weight": 0, "contrastive_weight": 0, "label_weight": 1}',
    '{"dropout": 0}', '{"dropout": 0, "contrastive_weight": 0}', '{"dropout": 0, "algorithm": "itq"}',
    '{"max_rows": 100, "batch_size": 101}', '{"max_rows": 100, "batch_size": 100}', '{"max_rows": 100, "batch_size": 91, "validation_fraction": 0.1}']) o;
-- labels that there may be, views, and how many images there are, are known before the first is read too
SELECT error_of($$SELECT train_hasher('x', 'SELECT first_row(), 1', 64, '{"reconstruction_weight": 0, "contrastive_weight": 0}')$$);
SELECT v, error_of(format($$SELECT train_hasher('x', 'SELECT first_image()', 64, '{"dropout": 0, "views": %s, "batch_size": 2, "max_rows": 1}')$$, v)) FROM generate_series(0, 1) v;
SELECT error_of($$SELECT train_hasher('x', 'SELECT first_image() FROM generate_series(1, 10)', 64, '{"batch_size": 11}')$$);
SELECT train_hasher('x', 'SELECT first_row()', 64, '{"batch_size": 10, "max_rows": 9}');

-- fewer than 1000 rows are few, and are told before images are embedded; directions that are drawn at random need none
CREATE TABLE item AS SELECT i AS id, i % 3 AS kind, embedding(i) AS embedding FROM generate_series(1, 1000) i;
ANALYZE item;
SET client_min_messages = warning;
SELECT rows FROM train_hasher('999', 'SELECT embedding FROM item WHERE id < 1000', 8, '{"algorithm": "itq", "model": "efficientnet_lite0"}');
SELECT rows FROM train_hasher('1000', 'SELECT embedding FROM item', 8, '{"algorithm": "itq"}');
SELECT rows FROM train_hasher('thrown', 'SELECT embedding FROM item WHERE id < 100', 8, '{"algorithm": "random"}');
SELECT train_hasher('x', 'SELECT first_image() FROM generate_series(1, 999)');

-- labels that all rows share, or that are all null, are none, in training and in measuring
SELECT rows, quality ? 'validation_itq' AS itq_was_tried FROM train_hasher('one label', 'SELECT embedding, 7 FROM item ORDER BY id', 8, '{"epochs": 1}');
SELECT rows FROM train_hasher('no label', 'SELECT embedding FROM item ORDER BY id', 8, '{"epochs": 1}');
SELECT a.weights = b.weights AS same, a.recipe->>'labels' AS labels FROM imagehash.hasher a, imagehash.hasher b WHERE a.name = 'one label' AND b.name = 'no label';
SELECT rows FROM train_hasher('one label and nulls', 'SELECT embedding, CASE WHEN id < 9 THEN 7 END FROM item ORDER BY id', 8, '{"algorithm": "itq"}');
SELECT rows FROM train_hasher('null labels', 'SELECT embedding, NULL FROM item ORDER BY id', 8, '{"algorithm": "itq"}');
SELECT metric, code IS NULL AS unknown FROM evaluate_hasher('1000', 'SELECT embedding, 7 FROM item ORDER BY id') WHERE metric IN ('mAP', 'neighbors kept@10');
SELECT metric, code IS NULL AS unknown FROM evaluate_hasher('1000', 'SELECT embedding, kind % 2 FROM item ORDER BY id') WHERE metric = 'mAP';
-- a query column without labels is meant
SELECT code FROM evaluate_hasher('1000', 'SELECT embedding, NULL, id <= 100 FROM item ORDER BY id') WHERE metric = 'queries';

-- fewer than 100 queries are few
SELECT code FROM evaluate_hasher('1000', 'SELECT embedding, kind FROM item', '{"queries": 100}') WHERE metric = 'queries';
SELECT code FROM evaluate_hasher('1000', 'SELECT embedding, kind FROM item', '{"queries": 25}') WHERE metric = 'queries';
SELECT code FROM evaluate_hasher('1000', 'SELECT embedding, kind FROM item WHERE id <= 500') WHERE metric = 'queries';
SELECT code FROM evaluate_hasher('1000', 'SELECT embedding, kind, id > 901 FROM item') WHERE metric = 'queries';
-- ... of which those without a label are none
SELECT code FROM evaluate_hasher('1000', 'SELECT embedding, CASE WHEN id % 2 = 0 THEN kind END, id > 880 FROM item') WHERE metric = 'queries';
SELECT evaluate_hasher('1000', 'SELECT first_image() FROM generate_series(1, 500)');

-- how many images there are, and how often each goes through the network
\getenv source IMAGEHASH_SOURCE
CREATE TABLE photo AS
    SELECT row_number() OVER (ORDER BY name COLLATE "C") AS id, pg_read_binary_file(:'source' || '/demo/pictures/' || name) AS image
    FROM pg_ls_dir(:'source' || '/demo/pictures') name WHERE name LIKE '%.jpg' ORDER BY name COLLATE "C" LIMIT 6;
CREATE FUNCTION volatile(bytea) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
SET client_min_messages = notice;
SELECT rows FROM train_hasher('photos', 'SELECT image FROM photo ORDER BY id -- all', 8, '{"algorithm": "random"}');
SELECT rows FROM train_hasher('photos 2', 'WITH p AS (SELECT * FROM photo) (SELECT image FROM p WHERE id > 2) ORDER BY 1; -- not 1, 2', 8, '{"algorithm": "random"}');
SELECT rows FROM train_hasher('photos 3', 'SELECT image, id FROM photo, generate_series(1, 2) ORDER BY id', 8, '{"algorithm": "random", "max_rows": 4}');
SELECT rows FROM train_hasher('photos 4', 'SELECT volatile(image) FROM photo ORDER BY id', 8, '{"algorithm": "random"}');
SELECT train_hasher('x', 'SELECT first_image() FROM photo', 8, '{"views": 2}');
SELECT evaluate_hasher('photos', 'SELECT first_image(), NULL, true FROM photo');

-- the documentation is what the functions return
SELECT pg_read_file(:'source' || '/docs/how-to/train-a-hasher.md') AS page
\gset
SELECT function, count(*), position(E'|---|---|---|---|---|---|\n' || string_agg(line, E'\n' ORDER BY ordinality) || E'\n\n' IN :'page') > 0 AS is_documented
FROM (SELECT 'train_hasher' AS function, * FROM train_hasher_options() WITH ORDINALITY
      UNION ALL SELECT 'evaluate_hasher', * FROM evaluate_hasher_options() WITH ORDINALITY) o,
    LATERAL format('| `%s` | %s | %s | %s | %s | %s |', name, type, default_value, min_value, max_value, description) line
GROUP BY function ORDER BY function DESC;

DO $$ BEGIN PERFORM drop_hasher(name) FROM imagehash.hasher WHERE weights IS NOT NULL; END $$;
DROP TABLE item, photo;
DROP FUNCTION error_of, embedding, first_row, first_image, accepts, accepts_in_evaluation, volatile;
