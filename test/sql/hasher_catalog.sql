-- The catalog of models and hashers: registering, hashing by name, what is refused, dropping.
\set VERBOSITY default
\getenv source IMAGEHASH_SOURCE
\set tiny :source '/test/data/tiny_network.pt'
SELECT encode(sha256(pg_read_binary_file(:'tiny')), 'hex') AS sha \gset
SELECT name, file, side, short_side, mean, std, channels, length FROM imagehash.image_model;
SELECT name, bits, method ~ '^semantic-[0-9a-f]{8}$' AS method, weights IS NULL AS in_file FROM imagehash.hasher;

-- a hasher of identity: bit i is set where value i is above zero
CREATE FUNCTION le(n int) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT encode(set_byte(set_byte('\x00000000'::bytea, 0, n & 255), 1, n >> 8), 'hex') $$;
CREATE FUNCTION identity_hasher(inputs int, bits int, sign text DEFAULT '0000803f') RETURNS bytea IMMUTABLE LANGUAGE sql AS $$
    SELECT decode('4948534801000000' || le(inputs) || '00000000' || le(bits) || '00000000'
        || (SELECT string_agg(CASE WHEN o = i THEN sign ELSE '00000000' END, '' ORDER BY i, o)
            FROM generate_series(0, inputs - 1) i, generate_series(0, bits - 1) o) || repeat('00000000', bits), 'hex')
$$;

-- models
SELECT create_image_model('tiny', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}');
SELECT create_image_model('tiny', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}');
SELECT create_image_model('again', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}');
SELECT name, side, short_side, mean, std, channels, length, created_by = current_user AS mine FROM imagehash.image_model WHERE name = 'tiny';
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT recipe, error_of(format('SELECT create_image_model(%L, %L, %L, %L)', 'bad', :'tiny', :'sha', recipe)) FROM (VALUES
    ('[]'), ('{}'), ('{"side": 0, "mean": 0, "std": 255}'), ('{"side": 32.5, "mean": 0, "std": 255}'), ('{"side": 32, "mean": "0", "std": 255}'),
    ('{"side": 32, "mean": [1, 2], "std": 255}'), ('{"side": 32, "mean": [1, 2, "x"], "std": 255}'), ('{"side": 32, "mean": 0.485, "std": 0.229}'),
    ('{"side": 32, "mean": 0, "std": 0}'), ('{"side": 32, "short_side": 16, "mean": 0, "std": 255}'), ('{"side": 32, "mean": 1e300, "std": 255}'),
    ('{"side": 32, "mean": 0, "std": 255, "channels": "gray"}'), ('{"side": 32, "mean": 0, "std": 255, "layout": "nhwc"}'),
    ('{"side": 32, "mean": 0, "std": 255, "size": 1}')) v (recipe);
SELECT create_image_model('bad', 'tiny_network.pt', :'sha', '{"side": 32, "mean": 0, "std": 255}');
SELECT create_image_model('bad', '/nowhere/at/all', :'sha', '{"side": 32, "mean": 0, "std": 255}');
SELECT create_image_model('bad', :'tiny', 'abc', '{"side": 32, "mean": 0, "std": 255}');
SELECT error_of(format('SELECT create_image_model(%L, %L, %L, %L)', 'bad', :'tiny', repeat('0', 64), '{"side": 32, "mean": 0, "std": 255}')) LIKE 'XX001%' AS other_file;

-- hashers
SELECT import_hasher('mine', 'tiny', identity_hasher(16, 16)) AS method \gset
SELECT imagehash_method(embedding_hash(array_fill(1::real, '{16}'), 'mine')) = :'method' AS method;
SELECT name, bits, model_sha256 = decode(:'sha', 'hex') AS model, created_by = current_user AS mine FROM imagehash.hasher WHERE name = 'mine';
SELECT imagehash_to_bytea(embedding_hash('{1,-1,1,1,0,0,0,1,2,2,-3,4,5,-6,7,8}'::real[], 'mine'));
SELECT import_hasher('mine', 'tiny', identity_hasher(16, 16));
SELECT import_hasher('', 'tiny', identity_hasher(16, 16));
SELECT name, error_of(format('SELECT import_hasher(%L, %L, %L)', name, 'tiny', '')), error_of(format('SELECT create_image_model(%L, %L, %L, %L)', name, :'tiny', :'sha', '{}'))
FROM unnest(ARRAY['', repeat('x', 49), repeat('x', 48)]) name;
SELECT import_hasher('wide', 'efficientnet_lite0', identity_hasher(16, 16));
SELECT import_hasher('damaged', 'tiny', 'IHSH');
SELECT import_hasher('other', 'none', identity_hasher(16, 16));
SELECT embedding_hash('{1}'::real[], 'mine');
SELECT embedding_hash('{1}'::real[], 'nobody''s');
SELECT image_embedding('\x00', 'nobody''s');
SELECT embedding_hash(array_fill(1::real, '{1280}'), 'efficientnet_lite0_256') = embedding_hash(array_fill(1::real, '{1280}')) AS the_shipped;
CREATE TABLE picture AS SELECT decode('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAADEDgAAxA4AAAAAAAAAAAAA////AA==', 'base64') AS image;
SELECT image_embedding(image, 'tiny') FROM picture;
SELECT semantic_hash(image, 'mine') = embedding_hash(image_embedding(image, 'tiny'), 'mine') AS same FROM picture;
-- ... of an array, of images that may be bad
SELECT array_dims(h), h[1] = semantic_hash(image, 'mine') AND h[1] = h[3] AND h[1] = h[4] AS same, h[2] IS NULL AS is_null, imagehash_method(h[4]) = :'method' AS method
FROM (SELECT image, semantic_hashes(ARRAY[image, NULL, image, image], 'mine') AS h FROM picture) s;
SELECT semantic_hashes('{}'::bytea[], 'mine'), semantic_hashes(ARRAY[image], NULL), semantic_hashes(NULL::bytea[], 'mine') FROM picture;
SELECT semantic_hashes(ARRAY[image], 'efficientnet_lite0_256') = semantic_hashes(ARRAY[image]) AS the_shipped FROM picture;
SELECT semantic_hashes(ARRAY[image, NULL, 'not an image'::bytea], 'mine') FROM picture;
SELECT semantic_hashes('{}'::bytea[], 'nobody''s');
SELECT t.hash = semantic_hash(image, 'mine') AS same, t.sqlstate, t.error FROM picture, try_semantic_hash(image, 'mine') t;
SELECT bit_length(t.hash), t.sqlstate, t.error FROM (VALUES ('not an image'::bytea), (''), (NULL)) v (image), try_semantic_hash(image, 'mine') t;
SELECT try_semantic_hash(image, 'nobody''s') FROM picture;

-- rows never change
UPDATE imagehash.hasher SET bits = 8;
UPDATE imagehash.image_model SET side = 8;
TRUNCATE imagehash.hasher;
DELETE FROM imagehash.hasher WHERE name = 'efficientnet_lite0_256';
SELECT drop_image_model('efficientnet_lite0');

-- dropped and entered again with other bytes, in one session; and in a transaction that is undone
BEGIN;
SELECT drop_hasher('mine');
SELECT error_of($$SELECT embedding_hash(array_fill(1::real, '{16}'), 'mine')$$);
SELECT import_hasher('mine', 'tiny', identity_hasher(16, 8)) IS NOT NULL AS entered;
SELECT bit_length(embedding_hash(array_fill(1::real, '{16}'), 'mine'));
ROLLBACK;
SELECT bit_length(embedding_hash(array_fill(1::real, '{16}'), 'mine'));
BEGIN;
SAVEPOINT s;
SELECT import_hasher('brief', 'tiny', identity_hasher(16, 8)) IS NOT NULL AS entered;
SELECT bit_length(embedding_hash(array_fill(1::real, '{16}'), 'brief'));
ROLLBACK TO s;
SELECT embedding_hash(array_fill(1::real, '{16}'), 'brief');
ROLLBACK;

-- what uses it keeps it
CREATE TABLE item (id int, e real[], h imagehash(16) GENERATED ALWAYS AS (embedding_hash(e, 'mine')) STORED);
CREATE INDEX ON item (embedding_hash(e, 'mine'));
CREATE VIEW hashed AS SELECT id, embedding_hash(e, 'mine') AS h FROM item;
CREATE FUNCTION hash_it(e real[]) RETURNS imagehash LANGUAGE sql AS $$ SELECT embedding_hash(e, 'mine') $$;
ALTER TABLE item ADD CHECK (embedding_hash(e, 'mine') IS NOT NULL);
SELECT drop_hasher('mine');
SELECT drop_image_model('tiny');
-- whatever holds its name: what calls a function that calls semantic_hash, trigger arguments, operators, text in other spellings
BEGIN;
DROP TABLE item CASCADE;
DROP FUNCTION hash_it;
CREATE FUNCTION refused(name text DEFAULT 'it''s m\ine') RETURNS text LANGUAGE plpgsql AS $$
DECLARE users text;
BEGIN
    PERFORM drop_hasher(name);
    RAISE EXCEPTION 'dropped' USING ERRCODE = 'ZZ000';
EXCEPTION
    WHEN SQLSTATE 'ZZ000' THEN RETURN 'dropped';
    WHEN dependent_objects_still_exist THEN GET STACKED DIAGNOSTICS users = PG_EXCEPTION_DETAIL; RETURN users;
END $$;
SELECT import_hasher('it''s m\ine', 'tiny', identity_hasher(16, 16)) IS NOT NULL AS entered, import_hasher('function', 'tiny', identity_hasher(16, 16)) IS NOT NULL AS entered;
SELECT refused();
CREATE TABLE item (id int, e real[], h imagehash DEFAULT embedding_hash(array_fill(1::real, '{16}'), 'it''s m\ine')) PARTITION BY RANGE (id);
CREATE TABLE item_1 PARTITION OF item FOR VALUES FROM (1) TO (10);
SELECT refused();
ALTER TABLE item ALTER h DROP DEFAULT;
ALTER TABLE item_1 ALTER h DROP DEFAULT;
SELECT refused();
CREATE FUNCTION hash_by(e real[], name text) RETURNS imagehash LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN Embedding_Hash(e, name); END $$;
CREATE FUNCTION hash_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.h := hash_by(NEW.e, TG_ARGV[0]); RETURN NEW; END $$;
SELECT refused(), refused('function');
CREATE TRIGGER hash BEFORE INSERT ON item_1 FOR EACH ROW EXECUTE FUNCTION hash_row('it''s m\ine');
CREATE INDEX ON item (hash_by(e, 'it''s m\ine'));
CREATE OPERATOR #> (FUNCTION = hash_by, LEFTARG = real[], RIGHTARG = text);
CREATE MATERIALIZED VIEW hashed AS SELECT e #> 'it''s m\ine' AS h FROM item;
CREATE POLICY p ON item USING (h <~> embedding_hash(e, 'it''s m\ine') < 3);
CREATE STATISTICS item_h ON embedding_hash(e, 'it''s m\ine'), id FROM item;
CREATE DOMAIN embedding AS real[] CHECK (embedding_hash(VALUE, 'it''s m\ine') IS NOT NULL);
CREATE FUNCTION in_sql(e real[], OUT h imagehash, OUT t text) BEGIN ATOMIC SELECT embedding_hash(e, 'it''s m\ine'), 'x'; END;
CREATE FUNCTION in_text(e real[], OUT h imagehash) LANGUAGE sql AS $f$ SELECT embedding_hash(e, E'it''s m\\ine') $f$;
CREATE FUNCTION with_default(e real[], h imagehash DEFAULT embedding_hash(array_fill(1::real, '{16}'), 'it''s m\ine')) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION judge() RETURNS SETOF record LANGUAGE sql AS $f$ SELECT evaluate_hasher($$it's m\ine$$, 'SELECT e FROM item') $f$;
CREATE FUNCTION of_another(e real[]) RETURNS imagehash LANGUAGE sql AS $f$ SELECT embedding_hash(e, 'mine') $f$;

SELECT refused(), refused('function');
SET LOCAL standard_conforming_strings = off;
SELECT refused() LIKE '%materialized view public.hashed uses it%' AS hashed;
ROLLBACK;
INSERT INTO item SELECT i, array_fill(i::real, '{16}') FROM generate_series(-3, 3) i;
SELECT id, h FROM item ORDER BY id;

-- in parallel workers
CREATE TABLE many AS SELECT i, array_fill((i % 3 - 1)::real, '{16}') AS e FROM generate_series(1, 20000) i;
ANALYZE many;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT count(DISTINCT embedding_hash(e, 'mine')) FROM many;
SELECT count(*) FROM many WHERE embedding_hash(e, 'mine') = (SELECT embedding_hash(array_fill(1::real, '{16}'), 'mine'));

-- who may
CREATE ROLE imagehash_reader;
GRANT SELECT ON many TO imagehash_reader;
SET ROLE imagehash_reader;
SELECT count(embedding_hash(e, 'mine')) FROM many WHERE i < 10;
SELECT drop_hasher('mine');
SELECT import_hasher('theirs', 'tiny', '');
SELECT create_image_model('theirs', '/etc/passwd', repeat('0', 64), '{}');
SELECT drop_image_model('tiny');
DELETE FROM imagehash.hasher;
RESET ROLE;
REVOKE SELECT ON imagehash.hasher FROM PUBLIC;
SET ROLE imagehash_reader;
SELECT embedding_hash(e, 'mine') FROM many WHERE i = 1;
RESET ROLE;
GRANT SELECT ON imagehash.hasher TO PUBLIC;
GRANT EXECUTE ON FUNCTION import_hasher TO imagehash_reader;
SET ROLE imagehash_reader;
CREATE TEMP TABLE own AS SELECT import_hasher('theirs', 'tiny', public.identity_hasher(16, 8)) IS NOT NULL AS entered;
SELECT created_by FROM imagehash.hasher WHERE name = 'theirs';
SELECT drop_hasher('theirs');
RESET ROLE;

-- another hasher: rehash fills a column, and only what is left of it
SELECT import_hasher('next', 'tiny', identity_hasher(16, 16, '000080bf')) IS NOT NULL AS entered;
CREATE TABLE photo (id int PRIMARY KEY, e real[], h imagehash(16));
INSERT INTO photo SELECT i, e, embedding_hash(e, 'mine') FROM many WHERE i <= 1000;
INSERT INTO photo VALUES (0, NULL, NULL);
CREATE INDEX ON photo USING hamming (h) WHERE id < 0;
CALL rehash_column('photo', 'h', 'e', 'next', 100);
SELECT count(*), count(h), bool_and(h = embedding_hash(e, 'next')) FROM photo;
CALL rehash_column('photo', 'h', 'e', 'next');
CALL rehash_column('photo', 'h', 'nothing', 'next');
CALL rehash_column('photo', 'h', 'e', 'nobody''s');
BEGIN;
CALL rehash_column('photo', 'h', 'e', 'next');
ROLLBACK;
CALL rehash_column('item', 'h', 'e', 'next');
-- a partitioned table by its leaves, which need not look alike; keys do not matter; tables with children too
CREATE TABLE parts (id int, kind text, e real[], h imagehash, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE part_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE "Part B" PARTITION OF parts FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE part_b1 PARTITION OF "Part B" FOR VALUES FROM (0) TO (50);
CREATE TABLE part_b2 (h imagehash, kind text NOT NULL, gone int, id int NOT NULL, e real[]);
ALTER TABLE part_b2 DROP gone;
ALTER TABLE "Part B" ATTACH PARTITION part_b2 FOR VALUES FROM (50) TO (1000);
INSERT INTO parts SELECT i, k, e, CASE WHEN i % 2 = 0 THEN embedding_hash(e, 'mine') END FROM many, unnest('{a,b}'::text[]) k WHERE i <= 100;
CALL rehash_column('parts', 'h', 'e', 'next', 10);
CREATE INDEX ON parts USING hamming (h);
CALL rehash_column('parts', 'h', 'e', 'mine');
DROP INDEX parts_h_idx;
SELECT tableoid::regclass, count(*), bool_and(h = embedding_hash(e, 'next')) FROM parts GROUP BY 1 ORDER BY 1;
CREATE TABLE parent (e real[], h imagehash);
CREATE TABLE child (id int) INHERITS (parent);
INSERT INTO parent SELECT e FROM many WHERE i <= 10;
INSERT INTO child SELECT e FROM many WHERE i <= 10;
INSERT INTO child SELECT e FROM child;
CALL rehash_column('parent', 'h', 'e', 'next');
SELECT tableoid::regclass, count(*), bool_and(h = embedding_hash(e, 'next')) FROM parent GROUP BY 1 ORDER BY 1;
-- rights on the leaves are needed, and leaves that are tables
GRANT SELECT, UPDATE ON parts, part_a TO imagehash_reader;
SET ROLE imagehash_reader;
CALL rehash_column('parts', 'h', 'e', 'mine');
RESET ROLE;
SELECT tableoid::regclass, bool_and(h = embedding_hash(e, 'mine')) FROM parts GROUP BY 1 ORDER BY 1;
CREATE VIEW looked_at AS SELECT * FROM parts;
CALL rehash_column('looked_at', 'h', 'e', 'mine');
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE TABLE spread (LIKE parts) PARTITION BY LIST (kind);
CREATE FOREIGN TABLE spread_far PARTITION OF spread FOR VALUES IN ('c') SERVER nowhere;
CALL rehash_column('spread', 'h', 'e', 'mine');
DROP TABLE parts, spread, parent, child CASCADE;
DROP FOREIGN DATA WRAPPER nowhere CASCADE;

DROP OWNED BY imagehash_reader;
DROP ROLE imagehash_reader;
DROP TABLE picture, item, many, photo CASCADE;
DROP FUNCTION hash_it, error_of, identity_hasher, le;
SELECT drop_hasher('mine'), drop_hasher('next');
SELECT drop_image_model('tiny');
SELECT count(*) FROM imagehash.hasher;
SELECT proname FROM pg_proc WHERE pronamespace = 'imagehash'::regnamespace ORDER BY 1;
