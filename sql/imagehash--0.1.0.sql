-- imagehash 0.1.0: the type, its operators, the access method `hamming`, and the functions on images.

\echo Use "CREATE EXTENSION imagehash" to load this file. \quit

-- ---------------------------------------------------------------------------------------------------------
-- type
-- ---------------------------------------------------------------------------------------------------------

CREATE TYPE imagehash;

CREATE FUNCTION imagehash_in(cstring, oid, integer) RETURNS imagehash
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_in(cstring, oid, integer) IS 'input function of type imagehash';

CREATE FUNCTION imagehash_out(imagehash) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_out(imagehash) IS 'output function of type imagehash';

CREATE FUNCTION imagehash_recv(internal, oid, integer) RETURNS imagehash
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_recv(internal, oid, integer) IS
    'binary input of type imagehash: the method as a 4-byte integer, then the bytes of the code';

CREATE FUNCTION imagehash_send(imagehash) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_send(imagehash) IS
    'binary output of type imagehash: the method as a 4-byte integer, then the bytes of the code';

CREATE FUNCTION imagehash_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_typmod_in(cstring[]) IS 'length modifier of type imagehash, in bits';

CREATE TYPE imagehash (
    INPUT = imagehash_in,
    OUTPUT = imagehash_out,
    RECEIVE = imagehash_recv,
    SEND = imagehash_send,
    TYPMOD_IN = imagehash_typmod_in,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = plain
);
COMMENT ON TYPE imagehash IS
    'binary code of an image: 8 to 1024 bits, a multiple of 8, and the method that made it; imagehash(n) fixes the length. '
    'Text is hexadecimal, preceded by method and colon where the method is known: perceptual:9fee256239984d71';

CREATE FUNCTION bit_length(hash imagehash) RETURNS integer
    AS 'MODULE_PATHNAME', 'imagehash_bit_length' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bit_length(imagehash) IS 'length of a hash in bits';
CREATE FUNCTION length(hash imagehash) RETURNS integer
    AS 'MODULE_PATHNAME', 'imagehash_bit_length' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION length(imagehash) IS 'length of a hash in bits, as length(bit) is that of a bit string';

CREATE FUNCTION imagehash_method(hash imagehash) RETURNS text
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_method(imagehash) IS
    'the method that made a hash: average, difference, perceptual, ..., semantic-xxxxxxxx (the first four bytes of the '
    'SHA-256 over network and hasher weights), or unknown (a plain hexadecimal literal or a cast)';

-- ---------------------------------------------------------------------------------------------------------
-- casts
-- ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION imagehash(imagehash, integer, boolean) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_enforce_typmod' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash(imagehash, integer, boolean) IS
    'checks the length of a hash against imagehash(n); error 22026 where it differs';
CREATE CAST (imagehash AS imagehash) WITH FUNCTION imagehash(imagehash, integer, boolean) AS IMPLICIT;

CREATE FUNCTION imagehash(bit varying) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_from_bit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash(bit varying) IS 'hash of unknown method from a bit string of 8 to 1024 bits, a multiple of 8';
CREATE FUNCTION imagehash(bit) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_from_bit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash(bit) IS 'hash of unknown method from a bit string of 8 to 1024 bits, a multiple of 8';
CREATE FUNCTION imagehash(bytea) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_from_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash(bytea) IS
    'hash of unknown method whose code is these 1 to 128 bytes (not the hash of an image: see perceptual_hash and semantic_hash)';
CREATE FUNCTION imagehash(bigint) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_from_bigint' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash(bigint) IS 'hash of 64 bits and unknown method; the highest bit comes first';

CREATE FUNCTION imagehash_to_bit(imagehash) RETURNS bit
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_to_bit(imagehash) IS
    'the code as a bit string; the method is lost; say bit(n) or bit varying, as plain bit is bit(1)';
CREATE FUNCTION imagehash_to_varbit(imagehash) RETURNS bit varying
    AS 'MODULE_PATHNAME', 'imagehash_to_bit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_to_varbit(imagehash) IS 'the code as a bit string; the method is lost';
CREATE FUNCTION imagehash_to_bytea(imagehash) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_to_bytea(imagehash) IS 'the bytes of the code; the method is lost';
CREATE FUNCTION imagehash_to_bigint(imagehash) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_to_bigint(imagehash) IS
    'a hash of 64 bits as a number, its first bit the sign; the method is lost; error 22003 for other lengths';

CREATE FUNCTION imagehash_to_jsonb(imagehash) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN pg_catalog.to_jsonb($1::pg_catalog.text);
COMMENT ON FUNCTION imagehash_to_jsonb(imagehash) IS 'the text of a hash as a JSON string; (value #>> ''{}'')::imagehash is the way back';

CREATE CAST (bit AS imagehash) WITH FUNCTION imagehash(bit) AS ASSIGNMENT;
CREATE CAST (bit varying AS imagehash) WITH FUNCTION imagehash(bit varying) AS ASSIGNMENT;
CREATE CAST (bytea AS imagehash) WITH FUNCTION imagehash(bytea) AS ASSIGNMENT;
CREATE CAST (bigint AS imagehash) WITH FUNCTION imagehash(bigint);
CREATE CAST (imagehash AS bit) WITH FUNCTION imagehash_to_bit(imagehash) AS ASSIGNMENT;
CREATE CAST (imagehash AS bit varying) WITH FUNCTION imagehash_to_varbit(imagehash) AS ASSIGNMENT;
CREATE CAST (imagehash AS bytea) WITH FUNCTION imagehash_to_bytea(imagehash) AS ASSIGNMENT;
CREATE CAST (imagehash AS bigint) WITH FUNCTION imagehash_to_bigint(imagehash);
CREATE CAST (imagehash AS jsonb) WITH FUNCTION imagehash_to_jsonb(imagehash);

-- ---------------------------------------------------------------------------------------------------------
-- equality and order
-- ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION imagehash_eq(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_eq(imagehash, imagehash) IS 'implementation of = operator';
CREATE FUNCTION imagehash_ne(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_ne(imagehash, imagehash) IS 'implementation of <> operator';
CREATE FUNCTION imagehash_lt(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_lt(imagehash, imagehash) IS 'implementation of < operator';
CREATE FUNCTION imagehash_le(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_le(imagehash, imagehash) IS 'implementation of <= operator';
CREATE FUNCTION imagehash_gt(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_gt(imagehash, imagehash) IS 'implementation of > operator';
CREATE FUNCTION imagehash_ge(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_ge(imagehash, imagehash) IS 'implementation of >= operator';
CREATE FUNCTION imagehash_cmp(imagehash, imagehash) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_cmp(imagehash, imagehash) IS 'btree comparison: less, equal, greater as -1, 0, 1';
CREATE FUNCTION imagehash_hash(imagehash) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_hash(imagehash) IS 'hash function for hash indexes, hash joins and GROUP BY';
CREATE FUNCTION imagehash_hash_extended(imagehash, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_hash_extended(imagehash, bigint) IS 'hash function with a seed, for hash partitioning';

CREATE OPERATOR = (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_eq,
    COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (imagehash, imagehash) IS 'same length, method and code (a hash of unknown method equals none of a known one)';
CREATE OPERATOR <> (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_ne,
    COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (imagehash, imagehash) IS 'not equal';
CREATE OPERATOR < (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_lt,
    COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (imagehash, imagehash) IS 'less than: by length, code, method; for sorting only';
CREATE OPERATOR <= (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_le,
    COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (imagehash, imagehash) IS 'less than or equal: by length, code, method; for sorting only';
CREATE OPERATOR > (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_gt,
    COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (imagehash, imagehash) IS 'greater than: by length, code, method; for sorting only';
CREATE OPERATOR >= (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_ge,
    COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (imagehash, imagehash) IS 'greater than or equal: by length, code, method; for sorting only';

CREATE OPERATOR CLASS imagehash_btree_ops DEFAULT FOR TYPE imagehash USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 imagehash_cmp(imagehash, imagehash),
    FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS imagehash_btree_ops USING btree IS 'equality and sorting of hashes';

CREATE OPERATOR CLASS imagehash_hash_ops DEFAULT FOR TYPE imagehash USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 imagehash_hash(imagehash),
    FUNCTION 2 imagehash_hash_extended(imagehash, bigint);
COMMENT ON OPERATOR CLASS imagehash_hash_ops USING hash IS 'equality of hashes';

CREATE FUNCTION imagehash_smaller(imagehash, imagehash) RETURNS imagehash
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_smaller(imagehash, imagehash) IS 'smaller of two hashes, in the order of <';
CREATE FUNCTION imagehash_larger(imagehash, imagehash) RETURNS imagehash
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_larger(imagehash, imagehash) IS 'larger of two hashes, in the order of <';
CREATE AGGREGATE min(imagehash) (
    SFUNC = imagehash_smaller, STYPE = imagehash, COMBINEFUNC = imagehash_smaller, SORTOP = <, PARALLEL = SAFE
);
COMMENT ON AGGREGATE min(imagehash) IS 'first hash in the order of <, which has no meaning beyond being an order';
CREATE AGGREGATE max(imagehash) (
    SFUNC = imagehash_larger, STYPE = imagehash, COMBINEFUNC = imagehash_larger, SORTOP = >, PARALLEL = SAFE
);
COMMENT ON AGGREGATE max(imagehash) IS 'last hash in the order of <, which has no meaning beyond being an order';

-- ---------------------------------------------------------------------------------------------------------
-- Hamming distance
-- ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION hamming_distance(a imagehash, b imagehash) RETURNS integer
    AS 'MODULE_PATHNAME', 'imagehash_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hamming_distance(imagehash, imagehash) IS
    'number of bits in which two hashes differ; error 22023 where their lengths differ or their methods are known and differ';

CREATE OPERATOR <~> (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = hamming_distance, COMMUTATOR = <~>
);
COMMENT ON OPERATOR <~> (imagehash, imagehash) IS
    'Hamming distance: the number of bits in which two hashes differ; an index USING hamming serves ORDER BY hash <~> query';

-- Parameters that a driver sends as text or bytes. The planner puts the expression below in their place, so an index
-- serves them too.
CREATE FUNCTION imagehash_distance(imagehash, text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1 <~> $2::imagehash;
COMMENT ON FUNCTION imagehash_distance(imagehash, text) IS 'implementation of <~> operator';
CREATE OPERATOR <~> (LEFTARG = imagehash, RIGHTARG = text, FUNCTION = imagehash_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~> (imagehash, text) IS
    'Hamming distance from a hash that is given as text: its hexadecimal form';
CREATE FUNCTION imagehash_distance(text, imagehash) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1::imagehash <~> $2;
COMMENT ON FUNCTION imagehash_distance(text, imagehash) IS 'implementation of <~> operator';
CREATE OPERATOR <~> (LEFTARG = text, RIGHTARG = imagehash, FUNCTION = imagehash_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~> (text, imagehash) IS
    'Hamming distance from a hash that is given as text: its hexadecimal form';
CREATE FUNCTION imagehash_distance(imagehash, bytea) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1 <~> $2::imagehash;
COMMENT ON FUNCTION imagehash_distance(imagehash, bytea) IS 'implementation of <~> operator';
CREATE OPERATOR <~> (LEFTARG = imagehash, RIGHTARG = bytea, FUNCTION = imagehash_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~> (imagehash, bytea) IS
    'Hamming distance from a hash that is given as bytes: its code, not those of an image';
CREATE FUNCTION imagehash_distance(bytea, imagehash) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1::imagehash <~> $2;
COMMENT ON FUNCTION imagehash_distance(bytea, imagehash) IS 'implementation of <~> operator';
CREATE OPERATOR <~> (LEFTARG = bytea, RIGHTARG = imagehash, FUNCTION = imagehash_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~> (bytea, imagehash) IS
    'Hamming distance from a hash that is given as bytes: its code, not those of an image';

CREATE TYPE hamming_ball AS (center imagehash, radius integer);
COMMENT ON TYPE hamming_ball IS 'the hashes within radius bits of center: right side of <@';

CREATE FUNCTION imagehash_in_ball(imagehash, hamming_ball) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_in_ball(imagehash, hamming_ball) IS 'implementation of <@ operator';

CREATE FUNCTION imagehash_in_ball_sel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_in_ball_sel(internal, oid, internal, integer) IS 'restriction selectivity of <@ operator';

CREATE OPERATOR <@ (
    LEFTARG = imagehash, RIGHTARG = hamming_ball, FUNCTION = imagehash_in_ball,
    RESTRICT = imagehash_in_ball_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <@ (imagehash, hamming_ball) IS
    'the hash lies in the ball: what an index is asked when a query says hamming_within(hash, center, radius)';

CREATE FUNCTION imagehash_within_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION imagehash_within_support(internal) IS 'planner support of hamming_within';

CREATE FUNCTION hamming_within(hash imagehash, center imagehash, radius integer) RETURNS boolean
    AS 'MODULE_PATHNAME', 'imagehash_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT imagehash_within_support;
COMMENT ON FUNCTION hamming_within(imagehash, imagehash, integer) IS
    'whether two hashes differ in at most radius bits; served by an index USING hamming on either hash; '
    'error 22023 where lengths differ or methods are known and differ';

CREATE FUNCTION hamming_radius("any", inclusive boolean) RETURNS integer
    AS 'MODULE_PATHNAME', 'imagehash_radius' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hamming_radius("any", boolean) IS
    'the largest integer radius that is at most (inclusive) or below a number of any type; what hash <~> query <= $1 is planned with';

CREATE FUNCTION imagehash_similar(imagehash, imagehash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION imagehash_similar(imagehash, imagehash) IS 'implementation of ~= operator';

CREATE OPERATOR ~= (
    LEFTARG = imagehash, RIGHTARG = imagehash, FUNCTION = imagehash_similar, COMMUTATOR = ~=,
    RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR ~= (imagehash, imagehash) IS
    'near-duplicate: at most a sixteenth of the bits differ (4 of 64, 16 of 256); for EXCLUDE USING hamming (hash WITH ~=), '
    'which keeps near-duplicates out; error 22023 where lengths differ or methods are known and differ';

-- ---------------------------------------------------------------------------------------------------------
-- access method
-- ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION hamming_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION hamming_handler(internal) IS 'handler of access method hamming';

CREATE ACCESS METHOD hamming TYPE INDEX HANDLER hamming_handler;
COMMENT ON ACCESS METHOD hamming IS
    'exact nearest neighbors and radius queries by Hamming distance; storage parameters: pending_list_limit (size in kB of the list of '
    'new hashes at which an insert merges it into the index, 64 to 7168, default 1024), clustering (boolean, default true: hashes that '
    'are near each other lie together, so that a search reads few)';

CREATE OPERATOR CLASS imagehash_hamming_ops DEFAULT FOR TYPE imagehash USING hamming AS
    OPERATOR 1 <~> (imagehash, imagehash) FOR ORDER BY integer_ops,
    OPERATOR 2 = (imagehash, imagehash),
    OPERATOR 3 <@ (imagehash, hamming_ball),
    OPERATOR 4 ~= (imagehash, imagehash),
    FUNCTION 1 hamming_within(imagehash, imagehash, integer),
    FUNCTION 2 hamming_radius("any", boolean);
COMMENT ON OPERATOR CLASS imagehash_hamming_ops USING hamming IS
    'ORDER BY hash <~> query, hash <~> query <= radius, hamming_within(hash, query, radius), hash = query, hash ~= query, hash IS NULL';

CREATE FUNCTION imagehash_index_check(index regclass, heapallindexed boolean DEFAULT false) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION imagehash_index_check(regclass, boolean) IS
    'verifies every page of a hamming index and, with heapallindexed, that each row of the table is in it (memory: '
    'maintenance_work_mem; a damaged index passes with a chance of about 2 % a missing row); error XX002 names what is wrong';
REVOKE ALL ON FUNCTION imagehash_index_check(regclass, boolean) FROM PUBLIC;

CREATE FUNCTION imagehash_index_stats(
    index regclass, OUT version integer, OUT bits integer, OUT method text, OUT hashes bigint, OUT nulls bigint,
    OUT dead bigint, OUT pending bigint, OUT tiers integer, OUT leaves bigint,
    OUT code_pages bigint, OUT tid_pages bigint, OUT null_pages bigint, OUT directory_pages bigint, OUT retired_pages bigint,
    OUT empty_pages bigint, OUT fill double precision, OUT top10_read_fraction double precision)
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION imagehash_index_stats(regclass) IS
    'what a hamming index holds: format version, length and method of its hashes; entries: hashes (dead rows included until '
    'vacuum), nulls, dead places, hashes not yet merged into a tier; tiers and their leaves; pages of 8 kB by kind; '
    'how full the pages of hashes are, and the share of the hashes that a search for the 10 nearest reads (0 to 1, as measured '
    'when the tiers were built); reads the whole index';
REVOKE ALL ON FUNCTION imagehash_index_stats(regclass) FROM PUBLIC;

CREATE FUNCTION imagehash_index_recall(index regclass, queries anyarray, k integer DEFAULT 10,
                                       target_recall double precision DEFAULT 0.95) RETURNS double precision
    AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION imagehash_index_recall(regclass, anyarray, integer, double precision) IS
    'the recall (0 to 1) that imagehash.target_recall reaches with these queries, an array of the column''s type: the mean share of '
    'the k nearest rows (1 to 10000) that a search finds with that setting; rows as far as the k-th count as found. Searches '
    'twice for each query. Needs SELECT on the table. Null where no query has a row. Errors: 42804 queries of another type; 42501'
    ' no right to read the table, or row-level security applies';

-- ---------------------------------------------------------------------------------------------------------
-- images
-- ---------------------------------------------------------------------------------------------------------
-- They load libimagehash_vision.so (OpenCV) and libimagehash_semantic.so (LibTorch) when they first need them: a session that only
-- searches loads neither.
-- COST counts in cpu_operator_cost, so that the planner sees what a picture costs (milliseconds) beside a comparison
-- (nanoseconds): it evaluates these functions last and, over a table of pictures, in parallel.

CREATE FUNCTION image_info(image bytea, OUT format text, OUT width integer, OUT height integer,
                           OUT orientation integer) RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_image_info'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION image_info(bytea) IS
    'what the header of an image says, no pixel is decoded: format (jpeg, png, webp, bmp, tiff, gif), width and height of '
    'the stored pixels, EXIF orientation 1 to 8 (1 = upright); error 22023 where the data is no image in a known format, '
    '0A000 where the format is known but not supported, 58P01 where libimagehash_vision.so is not installed';

-- Bit for bit those of Python's ImageHash 4.3 (with Pillow 13, SciPy, PyWavelets) on the same pixels: str() of a hash made
-- there is a literal here. src/vision/README.md says by how many bits the decoders of JPEG move them.
-- hash_size is 8, 16 or 32, for 64, 256 or 1024 bits.

CREATE FUNCTION average_hash(image bytea, hash_size integer DEFAULT 8) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_average_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION average_hash(bytea, integer) IS
    'hash_size x hash_size gray pixels, each above their mean or not, row by row; method average. Source: N. Krawetz, '
    '"Looks Like It" (2011); average_hash() of Python ImageHash, bit for bit on the same pixels. '
    'Errors: 22023 bad image or hash_size, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION difference_hash(image bytea, hash_size integer DEFAULT 8) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_difference_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION difference_hash(bytea, integer) IS
    'hash_size + 1 x hash_size gray pixels, each brighter than its left neighbor or not, row by row; method difference. '
    'Source: N. Krawetz, "Kind of Like That" (2013); dhash() of Python ImageHash, bit for bit on the same pixels. '
    'Errors: 22023 bad image or hash_size, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION difference_hash_vertical(image bytea, hash_size integer DEFAULT 8) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_vertical_difference_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION difference_hash_vertical(bytea, integer) IS
    'hash_size x hash_size + 1 gray pixels, each brighter than the one above or not, row by row; method '
    'difference-vertical. Source: as difference_hash; dhash_vertical() of Python ImageHash, bit for bit on the same pixels. '
    'Errors: 22023 bad image or hash_size, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION perceptual_hash(image bytea, hash_size integer DEFAULT 8) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_perceptual_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION perceptual_hash(bytea, integer) IS
    'the hash_size x hash_size lowest frequencies (DCT) of a gray picture four times that size, each above their median or '
    'not; method perceptual. Source: N. Krawetz, "Looks Like It" (2011); phash() of Python ImageHash, bit for bit on the '
    'same pixels. '
    'Errors: 22023 bad image or hash_size, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION wavelet_hash(image bytea, hash_size integer DEFAULT 8) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_wavelet_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION wavelet_hash(bytea, integer) IS
    'the Haar wavelet''s approximation of hash_size x hash_size values of a gray picture without its mean, each above their '
    'median or not; method wavelet. Source: D. Petrov, "Wavelet image hash in Python" (2016); whash() of Python ImageHash, '
    'bit for bit on the same pixels. '
    'Errors: 22023 bad image or hash_size, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION color_hash(image bytea) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_color_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION color_hash(bytea) IS
    '48 bits, the first 6 of them zero: the parts of the image that are black, gray, and of 6 hues faintly and strongly, 3 '
    'bits each; method color. colorhash() of Python ImageHash (binbits = 3), bit for bit on the same pixels: it prints 11 '
    'hexadecimal digits, put a 0 before them. '
    'Errors: 22023 bad image, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION crop_resistant_hash(image bytea) RETURNS imagehash[]
    AS 'MODULE_PATHNAME', 'imagehash_crop_resistant_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500000;
COMMENT ON FUNCTION crop_resistant_hash(bytea) IS
    '1 to 180 hashes of 64 bits, the difference_hash of each bright and each dark part of the image: a cropped copy shares '
    'some, within 16 bits (of ImageHash: 1 is enough); method crop-resistant. Source: M. Steinebach, H. Liu, Y. Yannikos, '
    '"Efficient cropping-resistant robust image hashing" (2014); crop_resistant_hash() of Python ImageHash, bit for bit on '
    'the same pixels. '
    'Errors: 22023 bad image, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION pdq_hash(image bytea) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_pdq_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION pdq_hash(bytea) IS
    '256 bits: the 16x16 lowest frequencies of 64x64 blurred gray pixels, each above their median or not; method pdq. Text is '
    'PDQ''s hexadecimal. Means little where pdq_quality is below 50; copies are within 31 bits. Source: Facebook, "The '
    'TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019); compute() of Python pdqhash, bit for bit on '
    'the same pixels. '
    'Errors: 22023 bad image, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION pdq_quality(image bytea) RETURNS integer
    AS 'MODULE_PATHNAME', 'imagehash_pdq_quality'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION pdq_quality(bytea) IS
    'how much of a picture there is for pdq_hash to hold on to, 0 to 100: the sum of the gradients at 64x64 pixels. '
    'Errors: 22023 bad image, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION pdq_hash_dihedral(image bytea) RETURNS imagehash[]
    AS 'MODULE_PATHNAME', 'imagehash_pdq_hash_dihedral'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION pdq_hash_dihedral(bytea) IS
    'eight PDQ hashes, of the image as it is, turned by 90, 180 and 270 degrees counterclockwise, mirrored top to bottom, '
    'left to right, on the main diagonal, and on the other one: to find a picture whichever way it is turned, search for '
    'all eight among the pdq_hash of others. As compute_dihedral() of Python pdqhash. '
    'Errors: 22023 bad image, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so is not installed';

CREATE FUNCTION image_embedding(image bytea) RETURNS real[]
    AS 'MODULE_PATHNAME', 'imagehash_image_embedding'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION image_embedding(bytea) IS
    '1280 non-negative values, not normalized, compared by the angle between them: the last layer before the classifier of '
    'EfficientNet-Lite0 trained on ImageNet (M. Tan, Q. Le, 2019), on the center 224x224 of the image with its short side '
    'resized to 256. Errors: 22023 bad image, 0A000 format not supported, 54000 more pixels than imagehash.max_pixels, '
    '58P01 libimagehash_vision.so, libimagehash_semantic.so or the model file is not installed, XX001 model file damaged';

CREATE FUNCTION semantic_hash(image bytea) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_semantic_hash_of_image'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION semantic_hash(bytea) IS
    '256 bits that are close for images of similar things: embedding_hash(image_embedding(image)). Source: R. Salakhutdinov, '
    'G. Hinton, "Semantic hashing" (2009); A. Krizhevsky, G. Hinton, "Using very deep autoencoders for content-based image '
    'retrieval" (2011). Errors as image_embedding';

-- Under a name of its own, as the arrays below: where all were called semantic_hash, PostgreSQL could not tell what a
-- parameter without a type is, and drivers that send such would have to say which.
CREATE FUNCTION embedding_hash(embedding double precision[]) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_embedding_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
COMMENT ON FUNCTION embedding_hash(double precision[]) IS
    '256 bits from an embedding of 1280 values, as image_embedding() makes them (real[] is converted); its length as a vector does not matter. '
    'Errors: 22023 wrong number of values, or one that is not finite; 22004 nulls; 2202E more than one dimension; 58P01 '
    'libimagehash_semantic.so or the model file is not installed; XX001 model file damaged';

-- How many images an array holds is not known when it is planned: ten.
CREATE FUNCTION semantic_hashes(images bytea[]) RETURNS imagehash[]
    AS 'MODULE_PATHNAME', 'imagehash_semantic_hashes'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000000;
COMMENT ON FUNCTION semantic_hashes(bytea[]) IS
    'semantic_hash of each image, in an array of the same shape; NULL for NULL. Runs the network on two images at a time, '
    'which gives the same hashes as one by one; can be cancelled between them. Errors as image_embedding, with the place of '
    'the image in the array as context';

CREATE FUNCTION imagehash_info(OUT name text, OUT value text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'imagehash_info'
    LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10000 ROWS 22;
COMMENT ON FUNCTION imagehash_info() IS
    'what a report of a problem needs: versions of the extension, PostgreSQL, LibTorch, OpenCV and its codecs; instruction '
    'set of the distance kernels; the shipped network and hasher, their SHA-256, method and directory; the files of the two '
    'libraries; by which backend the network runs (xnnpack, onednn, plain), and whether that was checked against plain; threads. '
    'Loads both libraries and the network. What is missing or damaged is a WARNING, and what it would tell is left out';

-- Images that may be bad: each function that makes one hash of an image has a try_ form. Those that return arrays have none:
-- image_error() answers for them.

CREATE FUNCTION image_error(image bytea) RETURNS text
    AS 'MODULE_PATHNAME', 'imagehash_image_error'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION image_error(bytea) IS
    'why an image cannot be hashed, NULL where it can: the message of the error that the functions of images raise. The image '
    'is decoded in full and nothing is kept of it';

CREATE FUNCTION try_semantic_hash(image bytea, OUT hash imagehash, OUT sqlstate text, OUT error text) RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_semantic_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION try_semantic_hash(bytea) IS
    'semantic_hash(image), or NULL with the reason: sqlstate 22023 bad image, 0A000 format not supported, 54000 over a limit, '
    'and the message of the error. For loading many images of which some are bad, once a row and '
    'in parallel: SELECT id, (t).* FROM (SELECT id, try_semantic_hash(image) AS t FROM photo OFFSET 0) s. Errors that are not the image''s are raised (57014, 53200, 58P01, XX001)';

CREATE FUNCTION try_average_hash(image bytea, hash_size integer DEFAULT 8, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_average_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_average_hash(bytea, integer) IS
    'average_hash(image, hash_size), or NULL with the reason, as try_semantic_hash(bytea)';

CREATE FUNCTION try_difference_hash(image bytea, hash_size integer DEFAULT 8, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_difference_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_difference_hash(bytea, integer) IS
    'difference_hash(image, hash_size), or NULL with the reason, as try_semantic_hash(bytea)';

CREATE FUNCTION try_difference_hash_vertical(image bytea, hash_size integer DEFAULT 8, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_vertical_difference_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_difference_hash_vertical(bytea, integer) IS
    'difference_hash_vertical(image, hash_size), or NULL with the reason, as try_semantic_hash(bytea)';

CREATE FUNCTION try_perceptual_hash(image bytea, hash_size integer DEFAULT 8, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_perceptual_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_perceptual_hash(bytea, integer) IS
    'perceptual_hash(image, hash_size), or NULL with the reason, as try_semantic_hash(bytea)';

CREATE FUNCTION try_wavelet_hash(image bytea, hash_size integer DEFAULT 8, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_wavelet_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_wavelet_hash(bytea, integer) IS
    'wavelet_hash(image, hash_size), or NULL with the reason, as try_semantic_hash(bytea)';

CREATE FUNCTION try_color_hash(image bytea, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_color_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_color_hash(bytea) IS
    'color_hash(image), or NULL with the reason, as try_semantic_hash(bytea)';

CREATE FUNCTION try_pdq_hash(image bytea, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_pdq_hash'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50000;
COMMENT ON FUNCTION try_pdq_hash(bytea) IS
    'pdq_hash(image), or NULL with the reason, as try_semantic_hash(bytea)';

-- The same with a model or hasher by name. Their rows never change (see below), so these are immutable too.

CREATE FUNCTION image_embedding(image bytea, model text) RETURNS real[]
    AS 'MODULE_PATHNAME', 'imagehash_image_embedding_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION image_embedding(bytea, text) IS
    'the output of a network in imagehash.image_model, by its name. Errors as image_embedding(bytea), and 42704 no such model, '
    '42501 no SELECT on imagehash.image_model, 58P01 its file cannot be read on this server, XX001 it is another file now';

CREATE FUNCTION semantic_hash(image bytea, hasher text) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_semantic_hash_of_image_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION semantic_hash(bytea, text) IS
    'the hash of an image by a hasher in imagehash.hasher: embedding_hash(image_embedding(image, its model), hasher). Errors as '
    'image_embedding(bytea, text), and 42704 no such hasher, or its model is not registered; 42501 no SELECT on imagehash.hasher';

CREATE FUNCTION embedding_hash(embedding double precision[], hasher text) RETURNS imagehash
    AS 'MODULE_PATHNAME', 'imagehash_embedding_hash_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
COMMENT ON FUNCTION embedding_hash(double precision[], text) IS
    'the hash of an embedding by a hasher in imagehash.hasher. Errors as embedding_hash(double precision[]), and 42704 no such hasher, 42501 '
    'no SELECT on imagehash.hasher';

CREATE FUNCTION semantic_hashes(images bytea[], hasher text) RETURNS imagehash[]
    AS 'MODULE_PATHNAME', 'imagehash_semantic_hashes_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000000;
COMMENT ON FUNCTION semantic_hashes(bytea[], text) IS
    'semantic_hash(image, hasher) of each image, in an array of the same shape; NULL for NULL. Otherwise as '
    'semantic_hashes(bytea[]). Errors as semantic_hash(bytea, text), with the place of the image in the array as context';

CREATE FUNCTION try_semantic_hash(image bytea, hasher text, OUT hash imagehash, OUT sqlstate text, OUT error text)
    RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_try_semantic_hash_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION try_semantic_hash(bytea, text) IS
    'semantic_hash(image, hasher), or NULL with the reason, as try_semantic_hash(bytea). Errors that are not the image''s are '
    'raised: 42704 no such hasher, 42501, and the others of semantic_hash(bytea, text)';

CREATE FUNCTION semantic_logits(image bytea) RETURNS real[]
    AS 'MODULE_PATHNAME', 'imagehash_semantic_logits'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION semantic_logits(bytea) IS
    'the values that semantic_hash(image) has the signs of, one a bit, for asymmetric_distance. Errors as semantic_hash(bytea)';

CREATE FUNCTION semantic_logits(image bytea, hasher text) RETURNS real[]
    AS 'MODULE_PATHNAME', 'imagehash_semantic_logits_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200000;
COMMENT ON FUNCTION semantic_logits(bytea, text) IS
    'the values that semantic_hash(image, hasher) has the signs of, one a bit, for asymmetric_distance. Errors as semantic_hash(bytea, text)';

CREATE FUNCTION embedding_logits(embedding double precision[]) RETURNS real[]
    AS 'MODULE_PATHNAME', 'imagehash_embedding_logits'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
COMMENT ON FUNCTION embedding_logits(double precision[]) IS
    'the values that embedding_hash(embedding) has the signs of, one a bit, for asymmetric_distance. Errors as embedding_hash(double precision[])';

CREATE FUNCTION embedding_logits(embedding double precision[], hasher text) RETURNS real[]
    AS 'MODULE_PATHNAME', 'imagehash_embedding_logits_by'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000;
COMMENT ON FUNCTION embedding_logits(double precision[], text) IS
    'the values that embedding_hash(embedding, hasher) has the signs of, one a bit, for asymmetric_distance. Errors as embedding_hash(double precision[], text)';

CREATE FUNCTION asymmetric_distance(hash imagehash, logits real[]) RETURNS double precision
    AS 'MODULE_PATHNAME', 'imagehash_asymmetric_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION asymmetric_distance(imagehash, real[]) IS
    'how far a hash is from the logits of a query by the same hasher: the sum of |logit| over the bits that differ, which ranks '
    'better than the number of these bits (A. Gordo et al., "Asymmetric distances for binary embeddings", 2014). No index knows it: '
    'it puts the first answers of a search by <~> in order. Which hasher made the logits is not checked. Errors: 22023 not one logit a bit, 2202E, 22004';

CREATE FUNCTION cosine_distance(a real[], b real[]) RETURNS double precision
    AS 'MODULE_PATHNAME', 'imagehash_cosine_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION cosine_distance(real[], real[]) IS
    '1 - the cosine of the angle between two embeddings, 0 to 2; NaN where one is all zeros. Errors: 22023 different lengths, 2202E '
    'more than one dimension, 22004 a null inside';

-- ---------------------------------------------------------------------------------------------------------
-- models and hashers
-- ---------------------------------------------------------------------------------------------------------
-- What a hash was made with is a row that never changes, so functions that look one up by name are immutable. The
-- tables lie in a schema of their own, wherever the functions lie.

CREATE SCHEMA imagehash;
COMMENT ON SCHEMA imagehash IS 'models and hashers of extension imagehash, and what keeps hashes up to date with them';
GRANT USAGE ON SCHEMA imagehash TO PUBLIC;

-- The module checks the same ranges when it reads a row, with its reason. Functions of arrays are qualified: names
-- that a caller made in the target schema could fit their arguments better.
CREATE TABLE imagehash.image_model (
    name text COLLATE "C" PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 48),
    file text NOT NULL CHECK (file LIKE '/%' OR name = '@SHIPPED_NETWORK@' AND file = '@SHIPPED_NETWORK_FILE@'),
    sha256 bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    side integer NOT NULL CHECK (side BETWEEN 8 AND 2048),
    short_side integer NOT NULL CHECK (short_side = 0 OR short_side BETWEEN side AND 4096),
    mean real[] NOT NULL CHECK ((pg_catalog.array_ndims(mean) = 1
        AND pg_catalog.array_lower(mean, 1) = 1 AND pg_catalog.array_upper(mean, 1) = 3
        AND mean[1] > '-Infinity' AND mean[2] > '-Infinity' AND mean[3] > '-Infinity'
        AND mean[1] < 'Infinity' AND mean[2] < 'Infinity' AND mean[3] < 'Infinity') IS TRUE),
    std real[] NOT NULL CHECK ((pg_catalog.array_ndims(std) = 1
        AND pg_catalog.array_lower(std, 1) = 1 AND pg_catalog.array_upper(std, 1) = 3
        AND std[1] >= '1' AND std[2] >= '1' AND std[3] >= '1'
        AND std[1] < 'Infinity' AND std[2] < 'Infinity' AND std[3] < 'Infinity') IS TRUE),
    channels text NOT NULL CHECK (channels IN ('rgb', 'bgr')),
    length integer NOT NULL CHECK (length BETWEEN 1 AND 65536),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE imagehash.image_model IS
    'networks that turn an image into an embedding, entered by create_image_model(); rows never change. Only superusers may '
    'INSERT, whatever is granted: a network is code that the server runs. It must belong to a superuser';
COMMENT ON COLUMN imagehash.image_model.file IS
    'TorchScript file on the server; one without a directory is shipped with the extension';
COMMENT ON COLUMN imagehash.image_model.sha256 IS 'of the file; another file at that path is refused';
COMMENT ON COLUMN imagehash.image_model.side IS 'height and width of the input, pixels';
COMMENT ON COLUMN imagehash.image_model.short_side IS
    'the short side of an image is resized to this, and the center cut out; 0: the image is squashed to the input';
COMMENT ON COLUMN imagehash.image_model.mean IS 'of red, green, blue, 0 to 255: input = (pixel - mean) / std';
COMMENT ON COLUMN imagehash.image_model.std IS 'of red, green, blue: input = (pixel - mean) / std';
COMMENT ON COLUMN imagehash.image_model.channels IS 'their order in the input';
COMMENT ON COLUMN imagehash.image_model.length IS 'values of an embedding';

CREATE TABLE imagehash.hasher (
    name text COLLATE "C" PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 48),
    bits integer NOT NULL CHECK (bits BETWEEN 8 AND 1024 AND bits % 8 = 0),
    method text NOT NULL CHECK (method ~ '^semantic-[0-9a-f]{8}$' AND method !~ '^semantic-0000'),
    model_sha256 bytea NOT NULL CHECK (octet_length(model_sha256) = 32),
    weights bytea CHECK (weights IS NOT NULL OR name = '@SHIPPED_HASHER@'),
    recipe jsonb NOT NULL DEFAULT '{}',
    quality jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by name NOT NULL DEFAULT current_user
);
-- Floats do not shrink.
ALTER TABLE imagehash.hasher ALTER weights SET STORAGE EXTERNAL;
COMMENT ON TABLE imagehash.hasher IS
    'what turns an embedding into bits, entered by train_hasher() and import_hasher(); rows never change; who may SELECT '
    'the table, or its column name, may hash with them. Whoever holds EXECUTE WITH GRANT OPTION on imagehash."hasher NAME"() '
    'owns the hasher NAME; only the owner of the table may INSERT and DELETE, whatever is granted';
COMMENT ON COLUMN imagehash.hasher.method IS 'of its hashes, as imagehash_method() says it';
COMMENT ON COLUMN imagehash.hasher.model_sha256 IS 'of the network whose embeddings it takes: image_model.sha256';
COMMENT ON COLUMN imagehash.hasher.weights IS
    'a file of the format in src/semantic/hasher/hasher.h; null: shipped with the extension, in a file';
COMMENT ON COLUMN imagehash.hasher.created_by IS
    'the name, at that time, of the role that entered it; for people: what it owns is said by grants (\df imagehash.hasher*)';
COMMENT ON COLUMN imagehash.hasher.recipe IS 'how it was trained, or where it came from';
COMMENT ON COLUMN imagehash.hasher.quality IS 'as measured when it was trained';

INSERT INTO imagehash.image_model (name, file, sha256, side, short_side, mean, std, channels, length) VALUES
    ('@SHIPPED_NETWORK@', '@SHIPPED_NETWORK_FILE@', '\x@SHIPPED_NETWORK_SHA256@', 224, 256,
     '{127,127,127}', '{128,128,128}', 'rgb', 1280);
INSERT INTO imagehash.hasher (name, bits, method, model_sha256, recipe) VALUES
    ('@SHIPPED_HASHER@', 256, 'semantic-@SHIPPED_METHOD@', '\x@SHIPPED_NETWORK_SHA256@',
     '{"file": "@SHIPPED_HASHER_FILE@", "sha256": "@SHIPPED_HASHER_SHA256@"}');

GRANT SELECT ON imagehash.image_model, imagehash.hasher TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('imagehash.image_model', $$WHERE file LIKE '/%'$$);
SELECT pg_catalog.pg_extension_config_dump('imagehash.hasher', 'WHERE weights IS NOT NULL');

CREATE FUNCTION imagehash.protect_catalog_rows() RETURNS trigger
    AS 'MODULE_PATHNAME', 'imagehash_protect_catalog_rows' LANGUAGE C;
COMMENT ON FUNCTION imagehash.protect_catalog_rows() IS
    'trigger: refuses UPDATE and TRUNCATE (55000); refuses DELETE of what is shipped (55000) or used (2BP01); leaves out what '
    'is shipped and there already, which a subscription brings; refuses INSERT of models but by superusers, and other INSERT '
    'and DELETE but by the owner of the table (42501)';
CREATE FUNCTION imagehash.mirror_catalog_rows() RETURNS trigger
    AS 'MODULE_PATHNAME', 'imagehash_mirror_catalog_rows' LANGUAGE C
    SET datestyle = 'ISO' SET extra_float_digits = 1 SET bytea_output = 'hex';
COMMENT ON FUNCTION imagehash.mirror_catalog_rows() IS
    'trigger: keeps a function beside each row, imagehash."hasher NAME"() or imagehash."image_model NAME"(), that returns '
    'it: pg_restore makes functions before it fills tables, so generated columns find their hasher; and tells other sessions. '
    'Its work is done as the owner of the table';
REVOKE ALL ON FUNCTION imagehash.protect_catalog_rows(), imagehash.mirror_catalog_rows() FROM PUBLIC;

CREATE TRIGGER protect BEFORE INSERT OR UPDATE OR DELETE ON imagehash.image_model
    FOR EACH ROW EXECUTE FUNCTION imagehash.protect_catalog_rows();
CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON imagehash.image_model
    FOR EACH STATEMENT EXECUTE FUNCTION imagehash.protect_catalog_rows();
CREATE TRIGGER mirror AFTER INSERT OR DELETE ON imagehash.image_model
    FOR EACH ROW EXECUTE FUNCTION imagehash.mirror_catalog_rows();
CREATE TRIGGER protect BEFORE INSERT OR UPDATE OR DELETE ON imagehash.hasher
    FOR EACH ROW EXECUTE FUNCTION imagehash.protect_catalog_rows();
CREATE TRIGGER protect_truncate BEFORE TRUNCATE ON imagehash.hasher
    FOR EACH STATEMENT EXECUTE FUNCTION imagehash.protect_catalog_rows();
CREATE TRIGGER mirror AFTER INSERT OR DELETE ON imagehash.hasher
    FOR EACH ROW EXECUTE FUNCTION imagehash.mirror_catalog_rows();
-- In a subscription's worker too.
ALTER TABLE imagehash.image_model ENABLE ALWAYS TRIGGER protect;
ALTER TABLE imagehash.image_model ENABLE ALWAYS TRIGGER protect_truncate;
ALTER TABLE imagehash.image_model ENABLE ALWAYS TRIGGER mirror;
ALTER TABLE imagehash.hasher ENABLE ALWAYS TRIGGER protect;
ALTER TABLE imagehash.hasher ENABLE ALWAYS TRIGGER protect_truncate;
ALTER TABLE imagehash.hasher ENABLE ALWAYS TRIGGER mirror;

CREATE FUNCTION create_image_model(name text, file text, sha256 text, preprocessing jsonb) RETURNS integer
    AS 'MODULE_PATHNAME', 'imagehash_create_image_model' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION create_image_model(text, text, text, jsonb) IS
    'enters a TorchScript network, float[N,3,side,side] -> float[N,length], in imagehash.image_model, after one run of it, and '
    'returns length. file: absolute path, the same on every server that hashes; sha256: 64 hexadecimal digits. preprocessing: '
    'side (pixels, 8 to 2048); short_side (default side; the image''s short side becomes this and the center is cut out; 0: '
    'squashed to side x side); mean, std (a number or [red, green, blue], of pixels from 0 to 255: input = (pixel - mean) / '
    'std; 255 times what torchvision says); channels (rgb or bgr, default rgb); layout (nchw). Loading a file runs what is '
    'in it, so superusers only; a network that runs on 2 seconds after a cancel ends its session, here and when it embeds. Errors: 42501, '
    '42710 name or file exists already, 42602 name, 22023 preprocessing or sha256, 55000 the table belongs to no superuser, 58P01 file, or libimagehash_semantic.so is not installed, 42809 not a regular file, 54000 more than 2 GB, '
    'XX001 another file or no such network';

CREATE FUNCTION drop_image_model(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'imagehash_drop_image_model' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION drop_image_model(text) IS
    'removes a model from imagehash.image_model; superusers and the owner of the extension. Waits for who uses it, and sees '
    'users, as drop_hasher does. Errors: 42704 no such model, 42501, 55000 shipped with the extension, 2BP01 hashers or '
    'expressions use it (listed in the detail)';

CREATE FUNCTION import_hasher(name text, model text, weights bytea, recipe jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'imagehash_import_hasher' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION import_hasher(text, text, bytea, jsonb) IS
    'enters a hasher made elsewhere in imagehash.hasher and returns the method of its hashes. weights: a file of the format '
    'in src/semantic/hasher/hasher.h, as the column weights of another database holds it; recipe is kept as it is. EXECUTE is '
    'granted by the owner. Who calls it owns the hasher: EXECUTE WITH GRANT OPTION on imagehash."hasher NAME"(). Errors: 42710 the name exists, 42602 bad name, 42704 no such model, 22023 weights';
REVOKE ALL ON FUNCTION import_hasher(text, text, bytea, jsonb) FROM PUBLIC;

CREATE FUNCTION drop_hasher(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'imagehash_drop_hasher' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION drop_hasher(text) IS
    'removes a hasher; its owner, superusers and the owner of the extension. Its owner is whoever holds EXECUTE WITH GRANT OPTION '
    'on imagehash."hasher NAME"(): who made it, and to whom he grants that. Refused (2BP01, listed in the detail) '
    'while something names it as a constant and calls semantic_hash, embedding_hash or another function that hashes, itself or through functions and '
    'operators: generated columns, defaults, indexes, constraints, domains, views, materialized views, rules, triggers and '
    'their arguments, policies, statistics, partition keys, bodies of functions. Waits for transactions that hash with it, and '
    'for those that have made such things and are not committed; who hashes with it then waits for the end of the drop. Not '
    'seen: names that are computed or kept in tables, SQL outside of the database or in other databases, bodies of '
    'functions that are not committed, what is made later. Hashes that are stored are not in its way: they stay as they '
    'are and can be compared, but no new ones can be made. Errors: 42704, 42501, 55000 shipped with the extension';

CREATE PROCEDURE rehash_column(relation regclass, hash_column name, source_column name, hasher text,
                              batch_size integer DEFAULT 200)
    AS 'MODULE_PATHNAME', 'imagehash_rehash_column' LANGUAGE C;
COMMENT ON PROCEDURE rehash_column(regclass, name, name, text, integer) IS
    'sets hash_column to the hash of source_column by hasher where it is null or of another method, about batch_size rows a '
    'transaction, until a pass over the table finds none; source_column is an image (bytea: semantic_hash) or an embedding (real[], double precision[]: embedding_hash). Of a '
    'partitioned table or one with children all leaves, one after another; keys are not needed. With the rights of the caller, '
    'on each leaf. A hamming index on hash_column holds one method and refuses another (22023): give another hasher a column '
    'of its own, or drop the index before. Stopped at any point, it goes on where it was when called again. Errors: 22023, '
    '25001 in a transaction block, 42704, 42809 a leaf is not a table; and those of semantic_hash';

-- ---------------------------------------------------------------------------------------------------------
-- training
-- ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION train_hasher(name text, source text, bits integer DEFAULT 64, options jsonb DEFAULT '{}',
                             OUT name text, OUT bits integer, OUT method text, OUT rows bigint,
                             OUT rows_left_out bigint, OUT quality jsonb) RETURNS record
    AS 'MODULE_PATHNAME', 'imagehash_train_hasher' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION train_hasher(text, text, integer, jsonb) IS
    'trains a hasher on what a query returns and enters it in imagehash.hasher; semantic_hash(x, name) uses it. source: one '
    'SELECT, run with the rights of the caller and read-only, whose columns are an embedding (real[] or double precision[], '
    'as image_embedding() makes them) or an image (bytea), and optionally a label of any type: rows that may be found for '
    'each other share one. Rows whose first column is null are left out. bits: 8 to 1024, a multiple of 8. options: '
    'see train_hasher_options(); a JSON null counts as left out. Labels of which there are fewer than two are ignored, and '
    'fewer than 1000 rows are few: both with a WARNING. Options are checked before the first row is read. Rows that are images '
    'are counted before the first is embedded, unless the source calls volatile functions. Embeddings and views take '
    'rows x (1 + views) x length x 4 bytes, the training about 150 MB besides. The column recipe keeps what was used, quality what was measured and which algorithm is kept. The same '
    'seed, rows in the same order, libraries, kind of CPU and imagehash.threads give the same hasher. Reports by NOTICE, at '
    'most once a second, with what is left; can be cancelled within a second. EXECUTE is granted by the owner. Sources: R. Salakhutdinov, G. '
    'Hinton, "Semantic hashing" (2009); itq: Y. Gong, S. Lazebnik, "Iterative quantization" (2011); random: M. Charikar, '
    '"Similarity estimation techniques from rounding algorithms" (2002). Errors: 42710 the name exists; 42602 bad name; 42704 '
    'no such model; 22023 options, bits, columns, rows that do not fit each other or are not finite (with the number of the '
    'row), too few rows; 42P11 the source is not one query; 0A000 or 25006 it writes; 54000 max_rows do not fit into memory; '
    'those of image_embedding';
REVOKE ALL ON FUNCTION train_hasher(text, text, integer, jsonb) FROM PUBLIC;

CREATE FUNCTION evaluate_hasher(name text, source text, options jsonb DEFAULT '{}', OUT metric text,
                                OUT code double precision, OUT embedding double precision) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'imagehash_evaluate_hasher' LANGUAGE C VOLATILE PARALLEL UNSAFE
    COST 1000000 ROWS 14;
COMMENT ON FUNCTION evaluate_hasher(text, text, jsonb) IS
    'how well a hasher ranks what a query returns: code, by Hamming distance; embedding, by cosine of the embeddings, which is '
    'the ceiling of a hasher that adds no knowledge. source: as of train_hasher, with a third column, boolean, whether the row '
    'is a query; without it queries are drawn, and each ranks all rows but itself. A row is relevant where its label is the '
    'query''s. Means over the queries. mAP: average precision over the whole ranking, the sum of precision@i over the relevant '
    'ranks i divided by the relevant rows (C. Manning, P. Raghavan, H. Schuetze, "Introduction to Information Retrieval", 2008, '
    'section 8.4); equal distances keep the order of the source. mAP@k: the same over the first k, divided by the relevant ones '
    'among them, 0 where there are none, as papers on hashing have it (Y. Gong et al., "Iterative quantization", and the code '
    'of Z. Cao et al., "HashNet", 2017). precision@k: share of relevant rows among the first precision_k. first n by logits, by embedding: the same when the first n answers (option rerank) are put into the order of asymmetric_distance, or of cosine_distance of the embeddings. recall within r bits: '
    'share of the relevant rows at a distance of at most radius. neighbors kept: share of the precision_k nearest by cosine '
    'that are also nearest by code, which needs no labels. bit imbalance: |share of ones - 0.5|, mean and worst bit; bit '
    'correlation: mean |correlation| of two bits; 0 is best. Null where a measure does not exist or there are no labels. '
    'Labels of which there are fewer than two are ignored, and fewer than 100 queries are few: both with a WARNING. options: '
    'see evaluate_hasher_options(). The same seed and rows in the same order give the same answer. EXECUTE is granted by the owner: the '
    'option memory says how much of the server''s it takes. Errors: 42704 no such hasher; those of train_hasher';
REVOKE ALL ON FUNCTION evaluate_hasher(text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION train_hasher_options(OUT name text, OUT type text, OUT default_value text, OUT min_value double precision,
                                     OUT max_value double precision, OUT description text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'imagehash_train_hasher_options'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 21;
COMMENT ON FUNCTION train_hasher_options() IS
    'the options of train_hasher: min_value and max_value belong to the range of a number unless the description says otherwise, and are '
    'null where an option is none; default_value is a text, since it may depend on the source';

CREATE FUNCTION evaluate_hasher_options(OUT name text, OUT type text, OUT default_value text, OUT min_value double precision,
                                        OUT max_value double precision, OUT description text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'imagehash_evaluate_hasher_options'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 9;
COMMENT ON FUNCTION evaluate_hasher_options() IS 'the options of evaluate_hasher, as train_hasher_options() lists those';
