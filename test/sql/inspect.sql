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
DROP ROLE imagehash_user;
DROP TABLE photo, odd, parts;
