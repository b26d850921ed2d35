-- Hashes made elsewhere move in and out: bit, bytea, bigint.
SELECT B'1111000011111111'::imagehash, B'1111000011111111'::bit(16)::imagehash, B'10000001'::varbit::imagehash;
SELECT 'f0ff'::imagehash::bit(16), 'average:f0ff'::imagehash::varbit;
SELECT '\x9fee256239984d71'::bytea::imagehash, 'perceptual:9fee256239984d71'::imagehash::bytea;
SELECT 1::bigint::imagehash, (-1)::bigint::imagehash, (-9223372036854775808)::bigint::imagehash;
SELECT '0000000000000001'::imagehash::bigint, 'ffffffffffffffff'::imagehash::bigint, '8000000000000000'::imagehash::bigint;

-- a round trip keeps every bit, at every length
SELECT count(*) FROM generate_series(1, 128) n,
    LATERAL (SELECT substr(repeat(md5(n::text), 8), 1, 2 * n)::imagehash h) x
WHERE h::varbit::imagehash = h AND h::bytea::imagehash = h AND encode(h::bytea, 'hex') = h::text
    AND bit_length(h) = 8 * n AND length(h::varbit) = 8 * n;
-- the first bit of the text is the first bit of the bit string
SELECT get_bit('80'::imagehash::varbit, 0), get_bit('01'::imagehash::varbit, 7);

-- assignment casts for columns
CREATE TABLE imported (h imagehash(16));
INSERT INTO imported SELECT B'0000000011111111';
INSERT INTO imported SELECT '\x00ff'::bytea;
SELECT * FROM imported;
INSERT INTO imported SELECT 255::bigint;  -- only explicitly
DROP TABLE imported;

-- what does not fit
SELECT B'1111'::imagehash;
SELECT B''::varbit::imagehash;
SELECT repeat('1', 1032)::varbit::imagehash;
SELECT '\x'::bytea::imagehash;
SELECT decode(repeat('00', 129), 'hex')::imagehash;
SELECT 'ff'::imagehash::bigint;

-- JSON, and back; lengths, extremes
SELECT 'perceptual:9fee256239984d71'::imagehash::jsonb AS json, ('"ff00"'::jsonb #>> '{}')::imagehash AS back, length('ff00'::imagehash);
SELECT min(h), max(h) FROM (VALUES ('0f00'::imagehash), ('00'), (NULL), ('ff')) v (h);
SELECT min(h), max(h) FROM (SELECT NULL::imagehash) v (h);

-- bytes of an image are not those of a hash
SELECT imagehash(decode('ffd8ffe000104a464946', 'hex') || repeat('x', 200)::bytea);
SELECT imagehash('GIF89a' || repeat('x', 29)::bytea);
SELECT imagehash('\xffd8ff00'::bytea) AS could_be_a_code;
SELECT '\xffd8ff00'::imagehash;
