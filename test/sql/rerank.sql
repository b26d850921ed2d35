-- What puts the first answers of a search into a better order: logits, asymmetric_distance(), cosine_distance().
\set VERBOSITY default
-- the sum of |logit| over the bits that differ from the signs; a logit of zero is a clear bit, as in a hash
SELECT code, asymmetric_distance(code::imagehash, '{1,-2,4,-8,0,0.5,-0,16}'::real[])
FROM unnest('{a5,25,e5,00,ff,5a}'::text[]) code;
SELECT asymmetric_distance('ff', '{1,1,1,1,1,1,1}');
SELECT asymmetric_distance('ff', '{{1,1,1,1},{1,1,1,1}}');
SELECT asymmetric_distance('ff', '{1,1,1,1,1,1,1,NULL}');
SELECT asymmetric_distance('ff', '{}');
SELECT asymmetric_distance('ff', '{-1,1,1,1,1,1,1,NaN}'), asymmetric_distance('ff', '{-Infinity,1,1,1,1,1,1,1}'),
    asymmetric_distance('ff', NULL) IS NULL AS strict;

SELECT cosine_distance('{1,0}'::real[], '{2,0}'), cosine_distance('{1,0}'::real[], '{0,3}'), round(cosine_distance('{1,1}'::real[], '{-2,-2}')::numeric, 6) AS opposite,
    round(cosine_distance('{1,2,3}'::real[], '{3,2,1}')::numeric, 6);
SELECT cosine_distance('{0,0}'::real[], '{1,0}'), cosine_distance('{}'::real[], '{}'), cosine_distance('{3e38,3e38}'::real[], '{-3e38,-3e38}'),
    cosine_distance('{1e-44}'::real[], '{1e-44}');
-- never outside 0 to 2, however it rounds
SELECT count(*) FROM generate_series(1, 1000) i, LATERAL (SELECT array_agg(sin(i * j)::real) AS v FROM generate_series(1, 50) j) s
WHERE cosine_distance(v, v) NOT BETWEEN 0 AND 1e-9;
SELECT cosine_distance('{1}'::real[], '{1,2}');
SELECT cosine_distance('{{1,2}}'::real[], '{1,2}');
SELECT cosine_distance('{1,NULL}'::real[], '{1,2}');

-- a hash is the signs of its logits
CREATE TABLE photo (id int PRIMARY KEY, embedding real[], hash imagehash(256) GENERATED ALWAYS AS (embedding_hash(embedding)) STORED);
INSERT INTO photo SELECT i, (SELECT array_agg(greatest(0, sin(i * j) + cos(i % 7 * j))::real ORDER BY j) FROM generate_series(1, 1280) j)
FROM generate_series(1, 300) i;
SELECT count(*) AS rows, count(*) FILTER (WHERE array_length(logits, 1) = 256) AS length,
    count(*) FILTER (WHERE hash = embedding_hash(embedding) AND asymmetric_distance(hash, logits) = 0) AS own,
    count(*) FILTER (WHERE (SELECT string_agg((l > 0)::int::text, '' ORDER BY i) FROM unnest(logits) WITH ORDINALITY u (l, i))::bit(256)
                           = hash::bit(256)) AS signs,
    count(*) FILTER (WHERE logits = embedding_logits(embedding, 'efficientnet_lite0_256')) AS by_name
FROM photo, embedding_logits(embedding) logits;
CREATE TABLE picture AS SELECT decode('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAADEDgAAxA4AAAAAAAAAAAAA////AA==', 'base64') AS image;
SELECT semantic_logits(image) = embedding_logits(image_embedding(image)) AS of_image,
    semantic_logits(image, 'efficientnet_lite0_256') = semantic_logits(image) AS by_name FROM picture;
SELECT embedding_logits('{1,2}'::real[]);
SELECT embedding_logits(array_fill('NaN'::real, '{1280}'));
SELECT embedding_logits('{1,2}'::real[], 'nobody''s');
SELECT semantic_logits('\x00');

-- one statement: the index finds the first answers, and they are put into another order
CREATE INDEX ON photo USING hamming (hash);
SET enable_seqscan = off;
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; lines text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP lines := lines || line || E'\n'; END LOOP; RETURN lines; END $$;
SELECT $$WITH query AS MATERIALIZED (SELECT embedding FROM photo WHERE id = 5),
    nearest AS MATERIALIZED (
        SELECT id, hash FROM photo ORDER BY hash <~> (SELECT embedding_hash(embedding) FROM query) LIMIT 50)
SELECT id FROM nearest ORDER BY asymmetric_distance(hash, (SELECT embedding_logits(embedding) FROM query)), id LIMIT 1$$ AS query
\gset
SELECT plan(:'query') LIKE '%Index Scan using photo_hash_idx on photo%Order By: (hash <~> %' AS by_index;
:query;

-- a hasher that an expression names for its logits is in use
SELECT name FROM train_hasher('logits', 'SELECT embedding FROM photo ORDER BY id', 64, '{"algorithm": "random"}');
CREATE VIEW ranked AS SELECT id, embedding_logits(embedding, 'logits') FROM photo;
SELECT drop_hasher('logits');
DROP VIEW ranked;

-- evaluate_hasher(): as many rows re-ranked as told, by either order
SELECT metric, round(code::numeric, 2) BETWEEN 0 AND 1 AS measured, embedding IS NULL AS of_codes_only
FROM evaluate_hasher('logits', 'SELECT embedding, id % 7 FROM photo ORDER BY id', '{"rerank": 50, "queries": 300}')
WHERE metric LIKE '%first%';
-- all of them by cosine is the embedding's own ranking; one changes nothing
WITH few AS (SELECT * FROM evaluate_hasher('logits', 'SELECT embedding, id % 7 FROM photo ORDER BY id', '{"rerank": 1, "queries": 300}')),
    many AS (SELECT * FROM evaluate_hasher('logits', 'SELECT embedding, id % 7 FROM photo ORDER BY id', '{"rerank": 299, "queries": 300}'))
SELECT (SELECT code FROM few WHERE metric = 'precision@10') = ALL (SELECT code FROM few WHERE metric LIKE 'precision@10%') AS one,
    (SELECT embedding FROM many WHERE metric = 'mAP@1000') = (SELECT code FROM many WHERE metric = 'mAP@1000, first 299 by embedding') AS all_rows,
    (SELECT code FROM many WHERE metric = 'mAP@1000, first 299 by logits') > (SELECT code FROM many WHERE metric = 'mAP@1000') AS logits_help;
SELECT drop_hasher('logits');
DROP TABLE photo, picture;
DROP FUNCTION plan;
