-- imagehash_vector 0.1.0: the access method `hamming` for bit columns, as pgvector's users have them.
--
-- An extension of its own, since the distance operator <~>(bit, bit) is pgvector's: imagehash cannot require
-- pgvector of everybody, nor create the operator without being in its way.

\echo Use "CREATE EXTENSION imagehash_vector CASCADE" to load this file. \quit

CREATE TYPE bit_ball AS (center "bit", radius integer);
COMMENT ON TYPE bit_ball IS 'the bit strings within radius bits of center: right side of <@';

CREATE FUNCTION bit_in_ball(bit, bit_ball) RETURNS boolean
    AS 'MODULE_PATHNAME', 'imagehash_bit_in_ball' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bit_in_ball(bit, bit_ball) IS 'implementation of <@ operator';

CREATE OPERATOR <@ (
    LEFTARG = bit, RIGHTARG = bit_ball, FUNCTION = bit_in_ball,
    RESTRICT = imagehash_in_ball_sel, JOIN = contjoinsel
);
COMMENT ON OPERATOR <@ (bit, bit_ball) IS
    'the bit string lies in the ball: what an index is asked when a query says bits <~> center <= radius';

CREATE FUNCTION hamming_within(hash bit, center bit, radius integer) RETURNS boolean
    AS 'MODULE_PATHNAME', 'imagehash_bit_within' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT imagehash_within_support;
COMMENT ON FUNCTION hamming_within(bit, bit, integer) IS
    'whether two bit strings differ in at most radius bits: what bits <~> query <= radius is planned as; error 22000 where lengths differ';

CREATE OPERATOR CLASS bit_hamming_ops DEFAULT FOR TYPE bit USING hamming AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
    OPERATOR 2 = (bit, bit),
    OPERATOR 3 <@ (bit, bit_ball),
    FUNCTION 1 hamming_within(bit, bit, integer),
    FUNCTION 2 hamming_radius("any", boolean);
COMMENT ON OPERATOR CLASS bit_hamming_ops USING hamming IS
    'ORDER BY bits <~> query, bits <~> query <= radius, bits = query, bits IS NULL; bit strings of one length, 1 to 1024 bits';
