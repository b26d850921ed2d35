-- A query whose method is not that of the index: where a sequential scan raises an error the index does, and where it
-- gives rows the index gives them. It raises it at a row of a known method that passes all conditions.
CREATE TABLE photo (id int, category text, h imagehash(64));
INSERT INTO photo SELECT i, 'known', ('perceptual:' || substr(md5(i::text), 1, 16))::imagehash FROM generate_series(1, 2000) i;
INSERT INTO photo SELECT i, 'unknown', substr(md5(i::text), 1, 16)::imagehash FROM generate_series(2001, 8000) i;
INSERT INTO photo SELECT i, 'null', NULL FROM generate_series(8001, 8020) i;
CREATE INDEX photo_h ON photo USING hamming (h);
INSERT INTO photo SELECT i, 'unknown', substr(md5(i::text), 1, 16)::imagehash FROM generate_series(8021, 8050) i;  -- pending
VACUUM ANALYZE photo;

-- Rows, many of them as a checksum, or the error.
CREATE FUNCTION answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE 'SELECT count(*) || '' rows, '' || coalesce(string_agg(r::text, '','')::text, ''none'') FROM (' || query || ') r' INTO found;
    RETURN CASE WHEN length(found) < 60 THEN found ELSE split_part(found, ',', 1) || ', md5 ' || md5(found) END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION nodes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Scan' THEN RETURN substring(line FROM '(Seq|Bitmap Heap|Index Only|Index) Scan'); END IF;
    END LOOP;
END $$;
CREATE FUNCTION compared(query text, bitmap boolean DEFAULT false) RETURNS TABLE (node text, same boolean, by_index text) LANGUAGE plpgsql AS $$
DECLARE
    by_table text;
BEGIN
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', bitmap::text, true),
        set_config('enable_indexscan', (NOT bitmap)::text, true), set_config('enable_bitmapscan', bitmap::text, true);
    node := nodes(query);
    by_index := answer(query);
    PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true),
        set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
    IF nodes(query) <> 'Seq' THEN RAISE 'no sequential scan'; END IF;
    by_table := answer(query);
    same := by_table = by_index;
    IF NOT same THEN by_index := by_index || ' but ' || by_table; END IF;
    RETURN NEXT;
END $$;

-- by distance
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 3$$);
SELECT * FROM compared($$SELECT id FROM photo WHERE category = 'known' ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 3$$);
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo WHERE category = 'unknown' ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 10$$);
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo WHERE category = 'unknown' ORDER BY h <~> 'average:c4ca4238a0b92382'$$);
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo WHERE category <> 'known' ORDER BY h <~> 'average:c4ca4238a0b92382'$$);
SELECT * FROM compared($$SELECT id FROM photo WHERE category = 'none' ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 3$$);
SELECT * FROM compared($$SELECT id FROM photo WHERE h IS NULL ORDER BY h <~> 'average:c4ca4238a0b92382', id LIMIT 3$$);
-- with a distance of the same method before or behind it
SELECT * FROM compared($$SELECT id FROM photo ORDER BY h <~> 'c4ca4238a0b92382', h <~> 'average:c4ca4238a0b92382' LIMIT 3$$);
SELECT * FROM compared($$SELECT h <~> 'c4ca4238a0b92382' AS d, h <~> 'average:00c4ca4238a0b923' AS e FROM photo WHERE category = 'unknown'
    ORDER BY h <~> 'c4ca4238a0b92382', h <~> 'average:00c4ca4238a0b923' LIMIT 30$$);
SELECT * FROM compared($$SELECT h <~> 'average:00c4ca4238a0b923' AS d, h <~> 'c4ca4238a0b92382' AS e FROM photo WHERE category = 'unknown'
    ORDER BY h <~> 'average:00c4ca4238a0b923', h <~> 'c4ca4238a0b92382' LIMIT 30$$);
-- with a radius: no row of a known method lies in the first, one in the second
SELECT * FROM compared($$SELECT h <~> 'average:00c4ca4238a0b923' AS d FROM photo WHERE hamming_within(h, (SELECT h FROM photo WHERE id = 2001), 8)
    ORDER BY h <~> 'average:00c4ca4238a0b923'$$);
SELECT * FROM compared($$SELECT h <~> 'average:00c4ca4238a0b923' AS d FROM photo WHERE hamming_within(h, 'c4ca4238a0b92382', 8)
    ORDER BY h <~> 'average:00c4ca4238a0b923'$$);
-- equality compares methods, and raises no error
SELECT * FROM compared($$SELECT h <~> 'average:00c4ca4238a0b923' AS d FROM photo WHERE h = 'average:c4ca4238a0b92382' ORDER BY h <~> 'average:00c4ca4238a0b923'$$);
SELECT * FROM compared($$SELECT h <~> 'average:00c4ca4238a0b923' AS d FROM photo WHERE h = (SELECT h FROM photo WHERE id = 2001)
    ORDER BY h <~> 'average:00c4ca4238a0b923'$$);
-- a join leaves the rows of a known method out
SELECT * FROM compared($$SELECT h <~> 'average:00c4ca4238a0b923' AS d FROM photo JOIN (VALUES ('unknown')) kind (category) USING (category)
    ORDER BY h <~> 'average:00c4ca4238a0b923' LIMIT 5$$);

-- within a radius
SELECT * FROM compared($$SELECT id FROM photo WHERE hamming_within(h, 'average:c4ca4238a0b92382', 3)$$);
SELECT * FROM compared($$SELECT id FROM photo WHERE hamming_within(h, 'average:c4ca4238a0b92382', 3)$$, true);
-- the nearest have no method, and suffice
SELECT * FROM compared($$SELECT id FROM photo WHERE hamming_within(h, 'average:c4ca4238a0b92382', 40)
    ORDER BY h <~> 'd0fb963ff976f9c3' LIMIT 1$$);

-- index-only scans, of rows that are all visible and of such that must be looked at
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo WHERE h::text NOT LIKE 'perceptual%'
    ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 10$$);
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo WHERE h::text LIKE 'perceptual%'
    ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 10$$);
BEGIN;
DELETE FROM photo WHERE category = 'known';
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM photo ORDER BY h <~> 'average:c4ca4238a0b92382'$$);
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d, category FROM photo ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 1$$);
SELECT * FROM compared($$SELECT id FROM photo WHERE hamming_within(h, 'average:c4ca4238a0b92382', 16) ORDER BY id$$, true);
-- of the equal one, only that without a method is left: no row is equal
INSERT INTO photo VALUES (9000, 'unknown', 'c4ca4238a0b92382');
SELECT * FROM compared($$SELECT h FROM photo WHERE h = 'perceptual:c4ca4238a0b92382' ORDER BY h <~> 'average:c4ca4238a0b92382'$$);
ROLLBACK;

-- a partition each: that of a known method raises the error, unless it is left out
CREATE TABLE shot (category text, h imagehash(64)) PARTITION BY LIST (category);
CREATE TABLE shot_known PARTITION OF shot FOR VALUES IN ('known');
CREATE TABLE shot_unknown PARTITION OF shot FOR VALUES IN ('unknown');
CREATE INDEX ON shot USING hamming (h);
INSERT INTO shot SELECT category, h FROM photo WHERE category <> 'null';
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM shot ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 2$$);
SELECT * FROM compared($$SELECT h <~> 'average:c4ca4238a0b92382' AS d FROM shot WHERE category > 'l' ORDER BY h <~> 'average:c4ca4238a0b92382' LIMIT 2$$);
DROP TABLE photo, shot;
DROP FUNCTION compared, nodes, answer;
