-- Looking inside an index, and verifying it.
CREATE TABLE photo (id int, h imagehash);
CREATE INDEX photo_h ON photo USING hamming (h);
SELECT * FROM imagehash_index_stats('photo_h');
SELECT imagehash_index_check('photo_h'), imagehash_index_check('photo_h', true);
INSERT INTO photo SELECT i, CASE WHEN i % 10 > 0 THEN ('average:' || substr(md5(i::text), 1, 16))::imagehash END FROM generate_series(1, 1000) i;
SELECT * FROM imagehash_index_stats('photo_h');
DELETE FROM photo WHERE id % 2 = 0 OR h IS NULL;
SELECT imagehash_index_check('photo_h', true);
VACUUM photo;
SELECT * FROM imagehash_index_stats('photo_h');
SELECT imagehash_index_check('photo_h', heapallindexed => true);
BEGIN;
INSERT INTO photo SELECT i, ('average:' || substr(md5(i::text), 1, 16))::imagehash FROM generate_series(1, 10) i;
UPDATE photo SET id = -id;  -- rows of one page that keep their entries
SELECT imagehash_index_check('photo_h', true);
ROLLBACK;
SELECT imagehash_index_check('photo_h', true);
-- lengths that do not fill their words
CREATE TABLE odd (h imagehash(72));
CREATE INDEX odd_h ON odd USING hamming (h);
INSERT INTO odd SELECT substr(md5(i::text), 1, 18)::imagehash FROM generate_series(1, 500) i;
SELECT imagehash_index_check('odd_h', true);
-- partial indexes and expressions
CREATE INDEX odd_bytes ON odd USING hamming ((h::bytea::imagehash)) WHERE h > '80';
SELECT imagehash_index_check('odd_bytes', true);

-- what is no hamming index
CREATE INDEX photo_btree ON photo (h);
CREATE TABLE parts (h imagehash) PARTITION BY HASH (h);
CREATE INDEX parts_h ON parts USING hamming (h);
SELECT imagehash_index_check('photo_btree');
SELECT imagehash_index_check('photo');
SELECT imagehash_index_check('parts_h');
SELECT imagehash_index_stats('photo_btree');
SELECT imagehash_index_check(0);
-- an index that was never finished is not damaged
CREATE TABLE mixed AS SELECT h FROM unnest('{ff,ffff}'::imagehash[]) h;
CREATE INDEX CONCURRENTLY mixed_h ON mixed USING hamming (h);
SELECT imagehash_index_check('mixed_h');
SELECT imagehash_index_stats('mixed_h');
-- the index's functions run with the rights of the table's owner
CREATE ROLE imagehash_user;
GRANT CREATE ON SCHEMA public TO imagehash_user;
SET ROLE imagehash_user;
CREATE TABLE owned (h imagehash);
INSERT INTO owned VALUES ('ff');
CREATE FUNCTION who(imagehash) RETURNS imagehash IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE INDEX owned_who ON owned USING hamming (who(h));
CREATE OR REPLACE FUNCTION who(imagehash) RETURNS imagehash IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'run as %', current_user; RETURN $1; END $$;
RESET ROLE;
SELECT imagehash_index_check('owned_who', true);
DROP TABLE owned, mixed;
DROP FUNCTION who;
REVOKE CREATE ON SCHEMA public FROM imagehash_user;
SET ROLE imagehash_user;
SELECT imagehash_index_check('photo_h');
SELECT imagehash_index_stats('photo_h');
RESET ROLE;
\set SHOW_CONTEXT never
-- what target_recall reaches with queries of one's own: an expression and a predicate, other types, no rows, no right
CREATE TABLE asked (id int, code bytea);
INSERT INTO asked SELECT i, substr(sha256(i::text::bytea), 1, 8) FROM generate_series(1, 500) i;
CREATE INDEX asked_odd ON asked USING hamming (imagehash(code)) WHERE id % 2 = 1;
SELECT imagehash_index_recall('asked_odd', '{0123456789abcdef,NULL,fedcba9876543210}'::imagehash[], 3) AS small;
SELECT imagehash_index_recall('asked_odd', '{}'::imagehash[]) AS no_query;
SELECT imagehash_index_recall('asked_odd', '{101}'::bit(3)[]);
SELECT imagehash_index_recall('asked_odd', '{0123456789abcdef}'::imagehash[], 0);
SELECT imagehash_index_recall('asked_odd', '{0123456789abcdef}'::imagehash[], 1, 0.1);
SELECT imagehash_index_recall('asked_odd', '{0123}'::imagehash[]);
SELECT imagehash_index_recall('asked', '{0123456789abcdef}'::imagehash[]);
CREATE FUNCTION code_of(bytea) RETURNS imagehash IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1::public.imagehash; END $$;
CREATE INDEX asked_by ON asked USING hamming (code_of(code));
CREATE OR REPLACE FUNCTION code_of(bytea) RETURNS imagehash IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN IF current_user <> 'imagehash_user' THEN RAISE NOTICE 'run as another'; END IF; RETURN $1::public.imagehash; END $$;
ALTER TABLE asked OWNER TO imagehash_user;
SELECT imagehash_index_recall('asked_by', '{0123456789abcdef}'::imagehash[]) AS as_the_owner;
ALTER TABLE asked OWNER TO CURRENT_USER;
DROP INDEX asked_by;
SET ROLE imagehash_user;
SELECT imagehash_index_recall('asked_odd', '{0123456789abcdef}'::imagehash[]);
RESET ROLE;
SHOW imagehash.target_recall;
GRANT SELECT ON asked TO imagehash_user;
ALTER TABLE asked ENABLE ROW LEVEL SECURITY;
SET ROLE imagehash_user;
SELECT imagehash_index_recall('asked_odd', '{0123456789abcdef}'::imagehash[]);
RESET ROLE;
DELETE FROM asked;
SELECT imagehash_index_recall('asked_odd', '{0123456789abcdef}'::imagehash[]) AS no_row;
DROP TABLE asked;
DROP FUNCTION code_of;
\set SHOW_CONTEXT errors
DROP ROLE imagehash_user;
DROP TABLE photo, odd, parts;
