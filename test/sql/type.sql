-- The type: text and binary, methods, length modifier, bad input.
SELECT '9fee256239984d71'::imagehash, 'perceptual:9FEE256239984d71'::imagehash, 'semantic-1a2b3c4d:00ff'::imagehash;
SELECT h, bit_length(h), imagehash_method(h)
FROM unnest('{ff,average:ff,difference:00ff,perceptual:00ff,wavelet:00ff,pdq:00ff,difference-vertical:00ff,color:00ff,crop-resistant:00ff,semantic-00010000:00ff}'::imagehash[]) h;
SELECT bit_length(repeat('a5', 128)::imagehash), bit_length('a5'::imagehash);

-- binary output; binary input is tested with COPY in t/002_binary_copy.pl
SELECT imagehash_send('perceptual:0102'), imagehash_send('0102');

-- the length is checked, never changed
CREATE TABLE fixed (h imagehash(64));
\d fixed
INSERT INTO fixed VALUES ('perceptual:0123456789abcdef');
INSERT INTO fixed VALUES ('0123');
-- however the value comes in
COPY fixed FROM STDIN;
0123
\.
SELECT * FROM json_populate_record(NULL::fixed, '{"h": "0123"}');
SELECT ('(0123)'::fixed).h;
SELECT '0123'::imagehash(16), 'average:0123'::imagehash(16);
SELECT '0123'::imagehash(24);
SELECT 'ff'::imagehash(12);
SELECT 'ff'::imagehash(0);
SELECT 'ff'::imagehash(1032);
SELECT 'ff'::imagehash(8, 8);

-- bad text
SELECT ''::imagehash;
SELECT 'abc'::imagehash;
SELECT 'perceptual:'::imagehash;
SELECT '0x12'::imagehash;
SELECT ' 12'::imagehash;
SELECT '12é4'::imagehash;
SELECT 'phash:0123'::imagehash;
SELECT ':0123'::imagehash;
SELECT 'unknown:0123'::imagehash;
SELECT 'semantic-00000000:0123'::imagehash;
SELECT 'semantic-123:0123'::imagehash;
SELECT 'average:average:0123'::imagehash;
SELECT repeat('ab', 129)::imagehash;
SELECT repeat('ab', 1000000)::imagehash;

-- SQLSTATE of each
CREATE FUNCTION sqlstate_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
SELECT s, sqlstate_of('SELECT ' || s) FROM unnest(ARRAY[
    $$'xy'::imagehash$$, $$'abc'::imagehash$$, $$repeat('ab', 129)::imagehash$$, $$'ff'::imagehash(16)$$,
    $$'ff'::imagehash(12)$$, $$B'1'::imagehash$$, $$'\x'::bytea::imagehash$$, $$'ff'::imagehash::bigint$$,
    $$'ff'::imagehash <~> 'ffff'$$, $$'average:ff'::imagehash <~> 'pdq:ff'$$]) s;

-- typed NULLs, arrays, DISTINCT ON, functions of the type in a domain
SELECT NULL::imagehash IS NULL, ARRAY['ff', 'average:00']::imagehash[];
CREATE DOMAIN phash AS imagehash(64) CHECK (imagehash_method(VALUE) = 'perceptual');
SELECT 'perceptual:0123456789abcdef'::phash;
SELECT '0123456789abcdef'::phash;

DROP DOMAIN phash;
DROP FUNCTION sqlstate_of;
DROP TABLE fixed;
