-- The functions of images: formats, hashes, embeddings, errors; generated columns, triggers, parallel plans, cancelling.
-- The pictures are 16 x 12 pixels, so that they can be read here.
\set VERBOSITY default
CREATE TABLE picture (name text PRIMARY KEY, image bytea);
INSERT INTO picture VALUES
    ('png', decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAQ0lEQVR42pXLuQ0AIAwEsAv/01Cw/6x0CAEJQXJrAtB+OHQApDeDUVqD1diCezqDl11DEHAhcoSQruSQT89QNppQVwOQ/QT8kzHS6AAAAABJRU5ErkJggg==', 'base64')),
    ('jpeg', decode('/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAMABADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDlbTSeny1s2uj9PlrZs7aLj5a3bO1i4+WvIjWdTcMszKasf//Z', 'base64')),
    ('jpeg turned', decode('/9j/4AAQSkZJRgABAQAAAQABAAD/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAMABADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDlbTSeny1s2uj9PlrZs7aLj5a3bO1i4+WvIjWdTcMszKasf//Z', 'base64')),
    ('bmp', decode('Qk32BAAAAAAAADYEAAAoAAAAEAAAAAwAAAABAAgAAAAAAMAAAADEDgAAxA4AAAABAAAAAQAAfL7QAFG+iABCeLAAHb4wABJ4MAAhPLAABgqwAAYoMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMDAwMDAwEBAQEBAAAAAAADAwMDAwMBAQEBAQAAAAAAAwMDAwMDAQEBAQEAAAAAAAMDAwMDAwMBAQEBAgAAAAAEBAQEBAQEAQICAgICAgAABAQEBAQEBAICAgICAgICAgQEBAQEBAQEAgICAgICAgIHBwcHBAQEBQUFBQUFBQUFBwcHBwcHBwUFBQUFBQUFBQcHBwcHBwcHBQUFBQUFBQUHBwcHBwcHBgYGBgYGBgYGBwcHBwcHBwYGBgYGBgYGBg==', 'base64')),
    ('tiff', decode('SUkqAJICAACAACBBCBCCBDCBECBFCBGCBHCBICBJCBKCBLCBMCBNCBOCBPCBAAKAAIBQAiAKAIYBQBkAKAQoBQCmAKAY4BQDoAKAhIBQEqAKApYBQFsAKAxoBQGuAKA54BQHgAUSQUAIQCgCDAUAYgCgEFAUAowCgGHAUA5ACgIJAUBJQCgKLAUBZgCgMNAUBpwCgOPAUB4ADySDwBiAeAYYDwEkAeAwoDwHmAeBI4DwKoAeBhIDwNqAeB5YDwQsAeCRoDwTuAeCp4DwWgCGBAoAQQFAEDAoAwgFDZTEwFAMHAoBxAFAQJAoCRQWBYFAWMAoDBoFAaOAoDh4Y8AGSSGQCiAyAoYGQHkAyBQoGQMmAyB44GQRoAyChIGQWqAyDJYGQbsAyB4aAyCCcAyCMeAyCWAA8JIPADBAPAGBgPAJCAPAMCgPAPDAPASDgPAVEAPAYEgPAbFAPAeFgPAhGAPAkGgPAnHAPAqHgPAtAARiSEYA4QEYBwYEYCogEYDgoEYEYwEYFQ4EYGJAEYHBIEYH5QEYIxYEYJpgEYKhoEYLZwEYMR4EYNIAIsCBQAQEBQAgGBQAwIBQNqt4wFAGA4FAHBAFAIBIFAJBQOWWBQCwYBQDAaBQDQcBQDgeETgAWiSFoBIQFoCQYFoDYgFoEgoFoFowFoGw4FoH5AFoJBIFoKJQFoLRYFoMZgFoNhoFoOpwFoPx4FoQ4AGQkhkAUEBkAoGBkA8IBkBQKBkBkMBkB4OBkCMQBkCgSBkC0UBkDIWBkDcYBkDwaBkEEcBkEYeBkEsABuJIbgFhAbgLBgbgQiAbgWCgbgbjAbghDgbgmkAbgsEgbgxlAbg3Fgbg8mAbhCGgbhHnAbhNHgbhSoCAAAoAAAEDAAEAAAAQAAAAAQEDAAEAAAAMAAAAAgEDAAMAAAAQAwAAAwEDAAEAAAAFAAAABgEDAAEAAAACAAAAEQEEAAEAAAAIAAAAFQEDAAEAAAADAAAAFgEDAAEAAAAMAAAAFwEEAAEAAACJAgAAHAEDAAEAAAABAAAAAAAAAAgACAAIAA==', 'base64')),
    ('webp', decode('UklGRi4AAABXRUJQVlA4TCIAAAAvD8ACAJkyRPQ/NlH/6H+ASNumIu7f7tjxQExATABcB+s/', 'base64')),
    ('png gray', decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAAAAABOjGJdAAAARklEQVR42k2IQQ7AMAzCNgl7h+b/790hWVciIPi+ILQJcNcMhmQhp1Js4gm2B9iBZMl5pMRZIn5A7Eqh/Xdk+Qs1teej6gu2UgR79kdDKgAAAABJRU5ErkJggg==', 'base64')),
    ('png alpha', decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAYAAABr5z2BAAAASElEQVR42p3MORaAIAxAwY+ggDYWHJij2/pYkxTTjgPqC1gFCoAz+wWHSRN4tUEQVCbBKbYILpFNELcEQVoSBnlKEdxDyuDpfOl1BXxe06NcAAAAAElFTkSuQmCC', 'base64')),
    ('gif', decode('R0lGODdhEAAMAIEAALCgWDCgGLAoFjAoBiwAAAAAEAAMAAAIPgAHCBwoUIDBgwYJEkSIUGFBhgcdDoAY0SHFhAIDaNR4EIBHjxtDBvhIEoDIjSU/nhyZEuTJli5FwjT5EmZAADs=', 'base64'));

SELECT name, (image_info(image)).* FROM picture ORDER BY name;
SELECT image_info(NULL), semantic_hash(NULL::bytea), perceptual_hash(NULL);

-- length and method of each hash
SELECT bit_length(h), imagehash_method(h) FROM picture, unnest(ARRAY[average_hash(image), difference_hash(image), perceptual_hash(image)]) h
WHERE name = 'png';
SELECT bit_length(h), imagehash_method(h) ~ '^semantic-[0-9a-f]{8}$' AS method FROM (SELECT semantic_hash(image) AS h FROM picture WHERE name = 'png') s;
-- lossless copies of the same pixels have the same hash
SELECT name, average_hash(image) <~> (SELECT average_hash(image) FROM picture WHERE name = 'png') AS average,
    semantic_hash(image) <~> (SELECT semantic_hash(image) FROM picture WHERE name = 'png') AS semantic
FROM picture WHERE name IN ('png', 'tiff', 'webp') ORDER BY name;

-- an embedding is a unit of its own: 1280 values, and its hash is that of the image
SELECT array_length(e, 1), (SELECT min(v) >= 0 AND max(v) < 7 FROM unnest(e) v) AS in_range, embedding_hash(e) = semantic_hash(image) AS same_hash
FROM (SELECT image, image_embedding(image) AS e FROM picture WHERE name = 'jpeg') s;
SELECT embedding_hash(e) = embedding_hash(ARRAY(SELECT v * 3 FROM unnest(e) WITH ORDINALITY u (v, i) ORDER BY i)::real[]) AS length_does_not_matter
FROM (SELECT image_embedding(image) AS e FROM picture WHERE name = 'jpeg') s;
SELECT embedding_hash('{}'::real[]);
SELECT embedding_hash('{1,2,3}'::real[]);
SELECT embedding_hash(array_fill(1::real, '{2,640}'));
SELECT embedding_hash(array_fill('NaN'::real, '{1280}'));
SELECT embedding_hash(array_fill(NULL::real, '{1280}'));
SELECT bit_length(embedding_hash(array_fill(0::real, '{1280}')));

-- bad input is an error that says why
SELECT semantic_hash(''::bytea);
SELECT average_hash('not an image');
SELECT image_info('\xffd8ff');
SELECT perceptual_hash(substr(image, 1, length(image) - 40)) FROM picture WHERE name = 'jpeg';
SELECT perceptual_hash(substr(image, 1, length(image) - 40)) FROM picture WHERE name = 'png';
SELECT perceptual_hash(substr(image, 1, length(image) - 40)) FROM picture WHERE name = 'tiff';
SELECT image_info('\x0000001c66747970617669660000000061766966'::bytea);
SET imagehash.max_pixels = 191;
SELECT semantic_hash(image) FROM picture WHERE name = 'png';
SELECT width FROM picture, image_info(image) WHERE name = 'png';
RESET imagehash.max_pixels;
CREATE ROLE imagehash_user;
SET ROLE imagehash_user;
SET imagehash.max_pixels = 1000000000;  -- a limit is not the user's to raise
SET imagehash.threads = 2;
RESET ROLE;
DROP ROLE imagehash_user;
CREATE FUNCTION sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
SELECT s, sqlstate_of('SELECT ' || s) FROM unnest(ARRAY[
    $$semantic_hash(''::bytea)$$, $$embedding_hash('{1}'::real[])$$, $$perceptual_hash('\xffd8ff')$$,
    $$average_hash('\x0000001c66747970617669660000000061766966')$$]) s;
-- the session lives on
SELECT bit_length(semantic_hash(image)) FROM picture WHERE name = 'bmp';

-- hashes kept up to date: generated column, trigger, COPY, upsert
CREATE TABLE product_photo (
    id int PRIMARY KEY, photo bytea,
    hash imagehash(256) GENERATED ALWAYS AS (semantic_hash(photo)) STORED,
    phash imagehash(64));
CREATE FUNCTION set_phash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.phash := perceptual_hash(NEW.photo); RETURN NEW; END $$;
CREATE TRIGGER set_phash BEFORE INSERT OR UPDATE OF photo ON product_photo FOR EACH ROW EXECUTE FUNCTION set_phash();
CREATE INDEX ON product_photo USING hamming (hash);
CREATE INDEX ON product_photo USING hamming (phash);
INSERT INTO product_photo (id, photo) SELECT row_number() OVER (ORDER BY name), image FROM picture WHERE name <> 'gif';
INSERT INTO product_photo (id, photo) VALUES (100, NULL);
SELECT count(*), count(hash), count(phash), count(DISTINCT imagehash_method(hash)) FROM product_photo;
COPY product_photo (id, photo) FROM STDIN;
200	\\x89504e470d0a1a0a0000000d49484452000000100000000c08000000004e8c625d000000464944415478da4d88410ec0300cc236097b87e6ffefdd2159572220f8be20b40970d70c866421a7526ce209b607d88164c979a4c459227e40ec4aa1fd7764f90b35b5e7a3ea0bb652047bf647432a0000000049454e44ae426082
\.
SELECT count(*) FROM product_photo WHERE hash = (SELECT semantic_hash(image) FROM picture WHERE name = 'png gray');
INSERT INTO product_photo (id, photo) SELECT 200, image FROM picture WHERE name = 'png' ON CONFLICT (id) DO UPDATE SET photo = EXCLUDED.photo;
UPDATE product_photo SET photo = (SELECT image FROM picture WHERE name = 'png') WHERE id = 100;
SELECT hash = semantic_hash(image) AS hash, phash = perceptual_hash(image) AS phash FROM product_photo, picture WHERE id IN (100, 200) AND name = 'png';
INSERT INTO product_photo (id, photo) VALUES (300, 'no image');
SELECT count(*) FROM product_photo;

-- in parallel: the same hashes as in one session
CREATE TABLE many AS SELECT i, image FROM generate_series(1, 12) i, picture WHERE name IN ('png', 'jpeg', 'bmp', 'tiff');
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) CREATE TABLE hashed AS SELECT i, image, semantic_hash(image) AS hash FROM many;
CREATE TABLE hashed AS SELECT i, image, semantic_hash(image) AS hash FROM many;
-- a bulk update takes what was hashed in parallel
ALTER TABLE many ADD hash imagehash(256);
CREATE INDEX ON many USING hamming (hash);
UPDATE many m SET hash = h.hash FROM hashed h WHERE h.i = m.i AND h.image = m.image;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS different FROM hashed JOIN (SELECT image, semantic_hash(image) AS hash FROM many WHERE i = 1) one USING (image) WHERE hashed.hash <> one.hash;
SELECT count(*) FROM many WHERE hash = semantic_hash(image);

-- a bulk hash stops within one image
SET statement_timeout = '300ms';
SELECT count(semantic_hash(image)) FROM many, generate_series(1, 10000);
RESET statement_timeout;
SELECT count(semantic_hash(image)) FROM picture WHERE name = 'png';

DROP TABLE picture, product_photo, many, hashed;
DROP FUNCTION sqlstate_of, set_phash;

-- a parameter of no type is an image, for drivers that send such
PREPARE untyped AS SELECT semantic_hash($1) AS a, perceptual_hash($2) AS b, image_embedding($3) AS c, try_semantic_hash($4) AS d, semantic_hash($5, 'efficientnet_lite0_256') AS e,
    semantic_hashes($6) AS f, embedding_hash($7) AS g, embedding_hash($8, 'efficientnet_lite0_256') AS h;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
-- embeddings of either type
SELECT embedding_hash(e) = embedding_hash(e::double precision[]) AS same FROM (SELECT array_fill(0.1::real, '{1280}') AS e) s;
SELECT embedding_hash(array_fill(1e300::double precision, '{1280}'));
