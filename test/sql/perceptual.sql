-- Perceptual hashes: those of Python's ImageHash and pdqhash for the same pixels, their text, sizes, methods and errors.
\set VERBOSITY terse
-- a BMP of 101 x 77 pixels, mirrored both ways; the same picture as in test/unit/perceptual_vectors.py
CREATE FUNCTION little_endian(value int, bytes int) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT string_agg(lpad(to_hex(value >> 8 * i & 255), 2, '0'), '' ORDER BY i) FROM generate_series(0, bytes - 1) i $$;
CREATE FUNCTION bmp(width int, height int, hex text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
    $$ SELECT decode('424d' || little_endian(54 + length(hex) / 2, 4) || '00000000' || little_endian(54, 4) || little_endian(40, 4)
        || little_endian(width, 4) || little_endian(height, 4) || '01001800' || repeat('00', 24) || hex, 'hex') $$;
CREATE TABLE picture AS SELECT bmp(101, 77, string_agg(row, '' ORDER BY y DESC)) AS image
FROM (SELECT y, rpad(string_agg(lpad(to_hex((least(x, 100 - x) * 7 + least(y, 76 - y) * (5 + c)) % 256), 2, '0'), ''
        ORDER BY x, c DESC), 608, '0') AS row
    FROM generate_series(0, 76) y, generate_series(0, 100) x, generate_series(0, 2) c GROUP BY y) rows;

-- what str(imagehash.average_hash(image)) etc. give; a literal made elsewhere has no method and compares with all
SELECT average_hash(image), difference_hash(image), difference_hash_vertical(image), perceptual_hash(image), wavelet_hash(image)
FROM picture;
SELECT perceptual_hash(image) <~> 'a800200002008a00' AS perceptual, average_hash(image) <~> '665a99bdbd995a66' AS average,
    pdq_hash(image) <~> 'd745cfe4822b72c0d914b1464b79c25d0f35e9a5787c7ed074e0727e5c86649a' AS pdq
FROM picture;
SELECT perceptual_hash(image, 16), wavelet_hash(image, hash_size => 16) FROM picture;
SELECT bit_length(average_hash(image, 32)), perceptual_hash(image, 8) = perceptual_hash(image) AS default_is_8 FROM picture;
-- ImageHash prints 11 digits of a color hash
SELECT color_hash(image), color_hash(image) <~> lpad('06003001001', 12, '0')::imagehash AS distance FROM picture;
SELECT crop_resistant_hash(image) FROM picture;

SELECT pdq_quality(image), pdq_hash(image) FROM picture;
SELECT i, h, pdq_hash(image) <~> h AS distance FROM picture, unnest(pdq_hash_dihedral(image)) WITH ORDINALITY u (h, i) ORDER BY i;
-- too small for PDQ
SELECT pdq_quality(image), pdq_hash(image) FROM (SELECT bmp(4, 4, repeat('00', 48)) AS image) s;

-- methods never mix
SELECT DISTINCT imagehash_method(h), bit_length(h) FROM picture, unnest(ARRAY[average_hash(image), difference_hash(image),
    difference_hash_vertical(image), perceptual_hash(image), wavelet_hash(image), color_hash(image), pdq_hash(image)]
    || pdq_hash_dihedral(image) || crop_resistant_hash(image)) h ORDER BY 1;
SELECT difference_hash(image) <~> difference_hash_vertical(image) FROM picture;
SELECT average_hash(image) <~> average_hash(image, 16) FROM picture;

-- a mirrored picture is found by one of eight hashes
CREATE TABLE photo (id int, hash imagehash(256));
CREATE INDEX ON photo USING hamming (hash);
INSERT INTO photo SELECT i, h FROM picture, unnest(pdq_hash_dihedral(image)) WITH ORDINALITY u (h, i) WHERE i = 6;
SELECT i AS variant, id FROM picture, unnest(pdq_hash_dihedral(image)) WITH ORDINALITY u (h, i), photo WHERE hamming_within(hash, h, 0);

-- errors
SELECT perceptual_hash(image, 9) FROM picture;
SELECT wavelet_hash(image, 0) FROM picture;
SELECT average_hash(image, -8) FROM picture;
SELECT difference_hash(image, 2147483647) FROM picture;
SELECT perceptual_hash(image, NULL) FROM picture;
SELECT pdq_hash('no image');
SELECT pdq_hash_dihedral('\xffd8ff');
SELECT crop_resistant_hash('');
SELECT color_hash(substr(image, 1, 1000)) FROM picture;
SET imagehash.max_pixels = 100;
SELECT pdq_quality(image) FROM picture;
RESET imagehash.max_pixels;

DROP TABLE picture, photo;
DROP FUNCTION bmp, little_endian;
