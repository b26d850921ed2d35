-- Rights: as whom code runs and with which names, which rows are refused and which are not believed, whose a hasher is.
SET client_min_messages = warning;
\getenv source IMAGEHASH_SOURCE
\set tiny :source '/test/data/tiny_network.pt'
SELECT encode(sha256(pg_read_binary_file(:'tiny')), 'hex') AS sha \gset
CREATE FUNCTION le(n int) RETURNS text IMMUTABLE LANGUAGE sql AS $$
    SELECT encode(set_byte(set_byte('\x00000000'::bytea, 0, n & 255), 1, n >> 8), 'hex') $$;
CREATE FUNCTION hasher_of(inputs int, bits int) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$
    SELECT decode('4948534801000000' || le(inputs) || '00000000' || le(bits) || '00000000'
        || repeat('0000803f', inputs * bits) || repeat('00000000', bits), 'hex')
$$;
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', sqlstate, sqlerrm, '/', nullif(detail, ''));
END $$;
CREATE TABLE weights AS SELECT hasher_of(16, 8) AS eight;
GRANT SELECT ON weights TO PUBLIC;
CREATE TABLE picture AS SELECT decode('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAADEDgAAxA4AAAAAAAAAAAAA////AA==', 'base64') AS image;
CREATE TABLE item AS SELECT i AS id, array_fill((i % 5 - 2)::real, '{16}') AS e, NULL::imagehash AS h FROM generate_series(1, 50) i;
SELECT create_image_model('tiny', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}');
CREATE ROLE imagehash_joe;
GRANT EXECUTE ON FUNCTION import_hasher, train_hasher, evaluate_hasher, imagehash_index_check TO imagehash_joe;
GRANT SELECT, UPDATE ON item TO imagehash_joe;

-- A schema in front of all others, full of what PostgreSQL has too. Nothing in it is called, by whomever.
CREATE SCHEMA hostile AUTHORIZATION imagehash_joe;
SET ROLE imagehash_joe;
DO $do$
DECLARE
    o record;
    plain CONSTANT regtype[] := '{name, text, oid, regclass, "char", bool, int2, int4, int8, tid, xid, bytea, timestamptz, jsonb, oidvector, public.imagehash}';
    body CONSTANT text := $f$ LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hostile %% was called as %%', %L, current_user; END $$ $f$;
BEGIN
    FOR o IN SELECT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result, row_number() OVER () AS n
        FROM pg_operator WHERE oprkind = 'b' AND oprcode <> 0 AND oprleft = ANY (plain) AND oprright = ANY (plain)
    LOOP
        EXECUTE format('CREATE FUNCTION hostile.%I (%s, %s) RETURNS %s' || body, 'operator ' || o.n, o.l, o.r, o.result, o.oprname);
        EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.%I, LEFTARG = %s, RIGHTARG = %s)', o.oprname, 'operator ' || o.n, o.l, o.r);
    END LOOP;
    FOR o IN SELECT proname, oidvectortypes(proargtypes) AS arguments, prorettype::regtype AS result FROM pg_proc p
        WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset
          AND (proname IN ('format', 'concat', 'replace', 'repeat', 'chr', 'strpos', 'octet_length', 'clock_timestamp') OR proname LIKE 'pg\_get\_%' OR proname LIKE 'pg\_describe%')
          AND NOT EXISTS (SELECT FROM pg_type t WHERE typtype = 'p' AND t.oid = ANY (proargtypes || prorettype))
        UNION ALL SELECT f, array_to_string(array_fill('text'::text, ARRAY[n]), ', '), 'text' FROM unnest('{format, concat}'::text[]) f, generate_series(2, 5) n
        UNION ALL SELECT 'string_agg', 'text, text', 'text'
    LOOP
        EXECUTE format('CREATE FUNCTION hostile.%I (%s) RETURNS %s' || body, o.proname, o.arguments, o.result, o.proname);
    END LOOP;
    FOR o IN SELECT unnest('{pg_depend, pg_proc, pg_class, pg_extension, pg_namespace, pg_attrdef, hasher, image_model}'::text[]) AS name LOOP
        EXECUTE format('CREATE TABLE hostile.%I ()', o.name);
    END LOOP;
    FOR o IN SELECT unnest('{text, oid, regclass, regnamespace, name}'::text[]) AS name LOOP
        EXECUTE format('CREATE DOMAIN hostile.%I AS pg_catalog.bytea', o.name);
    END LOOP;
END $do$;
RESET ROLE;
SELECT count(*) > 100 AS many FROM pg_operator WHERE oprnamespace = 'hostile'::regnamespace;
-- What else it finds: expressions, and one in an index that says || and means PostgreSQL's.
CREATE VIEW hashed AS SELECT embedding_hash(array_fill(1::real, '{16}'), 'x');
CREATE FUNCTION same(h imagehash) RETURNS imagehash IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (h::text || '')::public.imagehash; END $$;
CREATE INDEX item_h ON item USING hamming (h);
CREATE TABLE other AS SELECT id, embedding_hash(array_fill(id::real, '{1280}')) AS h FROM item;
CREATE INDEX other_same ON other USING hamming (same(h));

SET ROLE imagehash_joe;
SET search_path = hostile, pg_catalog, public;
SELECT import_hasher('j', 'tiny', eight) IS NOT NULL AS entered FROM weights;
SELECT bits FROM train_hasher('t', 'SELECT e FROM item ORDER BY id', 8, '{"algorithm": "random", "model": "tiny"}');
SELECT metric FROM evaluate_hasher('t', 'SELECT e FROM item ORDER BY id') LIMIT 1;
CALL rehash_column('item', 'h', 'e', 'j');
SELECT imagehash_index_check('item_h', true);
SELECT imagehash_index_check('other_same', true);
SELECT embedding_hash(ARRAY[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]::real[], 'j');
SELECT drop_hasher('j');
SELECT drop_hasher('t');
RESET ROLE;
SELECT create_image_model('tiny', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}');
SELECT import_hasher('j', 'tiny', eight) IS NOT NULL AS entered FROM weights;
INSERT INTO imagehash.hasher TABLE imagehash.hasher LIMIT 1;
DELETE FROM imagehash.hasher;
SELECT drop_image_model('tiny');
SELECT drop_hasher('j');
SELECT drop_image_model('tiny');
SELECT create_image_model('tiny', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}');
RESET search_path;
SELECT rolsuper FROM pg_authid WHERE rolname = 'imagehash_joe';
DROP TABLE other;
DROP VIEW hashed;
SET client_min_messages = error;
DROP SCHEMA hostile CASCADE;
SET client_min_messages = warning;

-- A network is code: who may write every table may not enter one, nor anything else, nor take it out.
CREATE ROLE imagehash_writer;
GRANT pg_write_all_data TO imagehash_writer;
GRANT INSERT, DELETE ON imagehash.image_model, imagehash.hasher TO imagehash_writer;
SELECT import_hasher('mine', 'tiny', eight) IS NOT NULL AS entered FROM weights;
SET ROLE imagehash_writer;
INSERT INTO imagehash.image_model (name, file, sha256, side, short_side, mean, std, channels, length)
VALUES ('evil', '/tmp/evil.pt', sha256('evil'), 32, 32, '{0,0,0}', '{1,1,1}', 'rgb', 16);
INSERT INTO imagehash.hasher (name, bits, method, model_sha256, weights) VALUES ('evil', 8, 'semantic-01234567', sha256('evil'), '\x00');
DELETE FROM imagehash.image_model WHERE name = 'tiny';
DELETE FROM imagehash.hasher WHERE name = 'mine';
-- ... but what is shipped and there already is left out, as a first copy of a subscription wants it
INSERT INTO imagehash.image_model SELECT * FROM imagehash.image_model WHERE file NOT LIKE '/%';
INSERT INTO imagehash.hasher SELECT * FROM imagehash.hasher WHERE weights IS NULL;
RESET ROLE;
SELECT count(*) FROM imagehash.image_model;

-- Superusers, too, enter only what can be used.
CREATE FUNCTION model_with(change jsonb) RETURNS imagehash.image_model LANGUAGE sql AS $$
    SELECT jsonb_populate_record(NULL::imagehash.image_model, jsonb '{"name": "odd", "file": "/nowhere/odd.pt", "side": 32, "short_side": 32,
        "mean": [0, 0, 0], "std": [1, 1, 1], "channels": "rgb", "length": 16, "created_at": "2026-01-01", "created_by": "somebody"}'
        || jsonb_build_object('sha256', sha256(convert_to(change::text, 'UTF8'))) || change) $$;
CREATE FUNCTION hasher_with(change jsonb) RETURNS imagehash.hasher LANGUAGE sql AS $$
    SELECT jsonb_populate_record(NULL::imagehash.hasher, jsonb '{"name": "odd", "bits": 8, "method": "semantic-01234567", "recipe": {}, "quality": {},
        "created_at": "2026-01-01", "created_by": "somebody"}'
        || (SELECT jsonb_build_object('weights', eight, 'model_sha256', sha256) FROM weights, imagehash.image_model WHERE name = 'tiny') || change) $$;
CREATE TABLE odd_model (change jsonb);
INSERT INTO odd_model VALUES ('{"name": ""}'), ('{"file": "odd.pt"}'), ('{"sha256": "\\x00"}'), ('{"side": 7}'), ('{"side": 30000, "short_side": 0}'),
    ('{"short_side": -3}'), ('{"short_side": 16}'), ('{"short_side": 5000}'), ('{"mean": [1, 2]}'), ('{"mean": [1, 2, null]}'), ('{"mean": [[1, 2, 3]]}'),
    ('{"mean": ["NaN", 2, 3]}'), ('{"mean": [0, 0, "-Infinity"]}'), ('{"std": [0, 1, 1]}'), ('{"std": [1, 1, -1]}'), ('{"std": ["NaN", 1, 1]}'),
    ('{"std": [1, "Infinity", 1]}'), ('{"std": []}'), ('{"channels": "gray"}'), ('{"length": 0}'), ('{"length": 65537}');
CREATE TABLE odd_hasher (change jsonb);
INSERT INTO odd_hasher VALUES ('{"name": ""}'), ('{"bits": 0}'), ('{"bits": 12}'), ('{"bits": 2048}'), ('{"method": "perceptual"}'),
    ('{"method": "semantic-00000003"}'), ('{"method": "semantic-0123456"}'), ('{"method": "semantic-ABCDEF01"}'), ('{"model_sha256": "\\x00"}'), ('{"weights": null}');
SELECT change, error_of(format('INSERT INTO imagehash.image_model SELECT (model_with(%L)).*', change)) LIKE '23514%' AS refused FROM odd_model;
SELECT change, error_of(format('INSERT INTO imagehash.hasher SELECT (hasher_with(%L)).*', change)) LIKE '23514%' AS refused FROM odd_hasher;

-- Where triggers and constraints are gone, rows are not believed either.
BEGIN;
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT conrelid::regclass AS tab, conname FROM pg_constraint WHERE contype = 'c' AND conrelid IN ('imagehash.hasher'::regclass, 'imagehash.image_model'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.tab, c.conname);
    END LOOP;
END $$;
ALTER TABLE imagehash.image_model DISABLE TRIGGER ALL, ALTER created_by DROP NOT NULL;
ALTER TABLE imagehash.hasher DISABLE TRIGGER ALL, ALTER created_by DROP NOT NULL;
CREATE FUNCTION read_model(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE error text;
BEGIN
    INSERT INTO imagehash.image_model SELECT (model_with(change)).*;
    error := error_of(format('SELECT image_embedding(image, %L) FROM picture', (model_with(change)).name));
    DELETE FROM imagehash.image_model WHERE name = (model_with(change)).name;
    RETURN error;
END $$;
CREATE FUNCTION read_hasher(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE error text;
BEGIN
    INSERT INTO imagehash.hasher SELECT (hasher_with(change)).*;
    error := error_of(format('SELECT semantic_hash(image, %L) FROM picture', (hasher_with(change)).name));
    DELETE FROM imagehash.hasher WHERE name = (hasher_with(change)).name;
    RETURN error;
END $$;
SELECT read_model(change) FROM odd_model UNION ALL SELECT read_model('{"created_by": null}');
SELECT read_hasher(change) FROM odd_hasher UNION ALL SELECT read_hasher(change) FROM (VALUES ('{"created_by": null}'::jsonb), ('{"weights": "\\x49"}'),
    ('{"bits": 16}'), (jsonb_build_object('weights', hasher_of(17, 8))), (jsonb_build_object('name', repeat('x', 49)))) v (change);
-- ... of an embedding, too, for which no network is loaded
INSERT INTO imagehash.hasher SELECT (hasher_with(jsonb_build_object('weights', hasher_of(17, 8)))).*;
SELECT error_of($$SELECT embedding_hash(array_fill(1::real, '{17}'), 'odd')$$);
-- a length that is not the network's
DELETE FROM imagehash.image_model WHERE name = 'tiny';
INSERT INTO imagehash.image_model SELECT (model_with(jsonb_build_object('name', 'tiny', 'file', :'tiny', 'sha256', '\x' || :'sha', 'length', 17))).*;
SELECT error_of($$SELECT image_embedding(image, 'tiny') FROM picture$$);
SELECT error_of($$SELECT semantic_hash(image, 'mine') FROM picture$$);
ROLLBACK;
SELECT array_length(image_embedding(image, 'tiny'), 1), bit_length(semantic_hash(image, 'mine')) FROM picture;
-- who owns the table of models could switch its trigger off
ALTER TABLE imagehash.image_model OWNER TO imagehash_joe;
SELECT image_embedding(image, 'tiny') FROM picture;
SELECT error_of(format('SELECT create_image_model(%L, %L, %L, %L)', 'more', :'tiny', :'sha', '{"side": 32, "mean": 0, "std": 255}'));
SELECT bit_length(semantic_hash(image)) FROM picture;
ALTER TABLE imagehash.image_model OWNER TO CURRENT_USER;
SELECT drop_hasher('mine');

-- A hasher belongs to whoever made it, whatever he is called, and to whom he gives it.
SET ROLE imagehash_joe;
SELECT import_hasher('joe''s "own"', 'tiny', eight) IS NOT NULL AS entered FROM weights;
RESET ROLE;
ALTER ROLE imagehash_joe RENAME TO imagehash_joseph;
CREATE ROLE imagehash_joe;
CREATE ROLE imagehash_other;
CREATE ROLE imagehash_heir IN ROLE imagehash_joseph;
CREATE FUNCTION dropped_by(who name, hasher text DEFAULT 'joe''s "own"') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    PERFORM drop_hasher(hasher);
    RAISE EXCEPTION 'dropped';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlerrm;
END $$;
SELECT who, dropped_by(who) FROM unnest('{imagehash_joe,imagehash_other,imagehash_joseph,imagehash_heir,imagehash_writer}'::name[]) who;
SELECT created_by FROM imagehash.hasher WHERE weights IS NOT NULL;
GRANT EXECUTE ON FUNCTION imagehash."hasher joe's ""own"""() TO imagehash_joe;
SELECT dropped_by('imagehash_joe');
SET ROLE imagehash_joseph;
GRANT EXECUTE ON FUNCTION imagehash."hasher joe's ""own"""() TO imagehash_other WITH GRANT OPTION;
RESET ROLE;
SELECT dropped_by('imagehash_other');
-- default privileges make no owners
BEGIN;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC, imagehash_other;
SELECT import_hasher('another', 'tiny', eight) IS NOT NULL AS entered FROM weights;
SELECT dropped_by('imagehash_other', 'another');
ROLLBACK;
-- it keeps its owner from being dropped; REASSIGN OWNED leaves it, DROP OWNED lets go of it
REVOKE ALL ON FUNCTION import_hasher, train_hasher, evaluate_hasher, imagehash_index_check FROM imagehash_joseph;
REVOKE ALL ON item FROM imagehash_joseph;
REASSIGN OWNED BY imagehash_joseph TO imagehash_joe;
DROP ROLE imagehash_joseph;
SELECT dropped_by('imagehash_joe'), dropped_by('imagehash_joseph');
DROP OWNED BY imagehash_joseph;
SELECT dropped_by('imagehash_joseph'), dropped_by('imagehash_other');
DROP ROLE imagehash_joseph;
SELECT dropped_by(current_user);

-- Weights can be kept from those who may hash; evaluating takes memory, so it is granted.
REVOKE SELECT ON imagehash.hasher FROM PUBLIC;
GRANT SELECT ON picture TO imagehash_joe;
SET ROLE imagehash_joe;
SELECT semantic_hash(image, 'joe''s "own"') FROM picture;
RESET ROLE;
GRANT SELECT (name, bits, method) ON imagehash.hasher TO imagehash_joe;
SET ROLE imagehash_joe;
SELECT bit_length(semantic_hash(image, 'joe''s "own"')) FROM picture;
SELECT name, bits FROM imagehash.hasher WHERE name LIKE 'joe%';
SELECT weights FROM imagehash.hasher;
SELECT * FROM evaluate_hasher('joe''s "own"', 'SELECT 1');
RESET ROLE;
GRANT SELECT ON imagehash.hasher TO PUBLIC;

-- Methods that no release has given out.
SELECT method, error_of(format('SELECT %L::imagehash', method || ':ff')) FROM unnest('{semantic-0000000a,semantic-00000003,semantic-0000ffff,semantic-00010000}'::text[]) method;

SELECT drop_hasher('joe''s "own"'), drop_image_model('tiny');
DROP TABLE weights, picture, item, odd_model, odd_hasher;
DROP FUNCTION le, hasher_of, error_of, same, model_with, hasher_with, dropped_by;
DROP OWNED BY imagehash_joe, imagehash_other, imagehash_heir, imagehash_writer;
DROP ROLE imagehash_joe, imagehash_other, imagehash_heir, imagehash_writer;
