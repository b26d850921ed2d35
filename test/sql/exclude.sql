-- Near-duplicates refused by an exclusion constraint.
CREATE TABLE photo (id int, h imagehash(64), EXCLUDE USING hamming (h WITH ~=));
INSERT INTO photo VALUES (1, '0000000000000000'), (2, 'ffffffffffffffff'), (3, NULL), (4, NULL);
INSERT INTO photo VALUES (5, '000000000000000f');
INSERT INTO photo VALUES (5, '000000000000001f');
INSERT INTO photo VALUES (6, '0000000000000001') ON CONFLICT DO NOTHING;
UPDATE photo SET h = 'fffffffffffffffe' WHERE id = 5;
UPDATE photo SET h = 'fffffffffffffffe' WHERE id = 2;
DELETE FROM photo WHERE id = 1;
INSERT INTO photo VALUES (7, '0000000000000001');
SELECT id, h FROM photo ORDER BY id;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM photo WHERE h ~= '0000000000000000';
SELECT id FROM photo WHERE h ~= '0000000000000000';
SELECT id FROM photo WHERE '0000000000000000' ~= h;
-- with a condition: only rows of owner 1 exclude each other
CREATE TABLE owned (owner int, h imagehash(64));
ALTER TABLE owned ADD EXCLUDE USING hamming (h WITH ~=) WHERE (owner = 1);
INSERT INTO owned VALUES (1, '0000000000000000'), (2, '0000000000000000'), (2, '0000000000000000');
INSERT INTO owned VALUES (1, '0000000000000000');
-- equality excludes too
ALTER TABLE owned ADD CONSTRAINT no_equals EXCLUDE USING hamming (h WITH =) WHERE (owner = 1);
INSERT INTO owned VALUES (1, '0000000000000000');
-- existing near-duplicates are found when the constraint is added
CREATE TABLE duplicates AS SELECT i AS id, '0000000000000000'::imagehash(64) AS h FROM generate_series(1, 2) i;
ALTER TABLE duplicates ADD EXCLUDE USING hamming (h WITH ~=);
DROP TABLE photo, owned, duplicates;
