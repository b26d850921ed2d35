-- Stands in for pgvector where it is not installed: its distance of bit strings, as it is declared there and with
-- the errors it gives. For tests only.

CREATE FUNCTION hamming_distance(bit, bit) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF length($1) <> length($2) THEN
        RAISE data_exception USING MESSAGE = format('different bit lengths %s and %s', length($1), length($2));
    END IF;
    RETURN bit_count($1 # $2);
END $$;

CREATE OPERATOR <~> (LEFTARG = bit, RIGHTARG = bit, FUNCTION = hamming_distance, COMMUTATOR = <~>);
