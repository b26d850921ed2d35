-- Many images in one call, and what imagehash_info() tells. The pictures are 16 x 12 pixels, so that they can be read here.
\set VERBOSITY default
CREATE TABLE picture (id int PRIMARY KEY, image bytea);
INSERT INTO picture VALUES
    (1, decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAQ0lEQVR42pXLuQ0AIAwEsAv/01Cw/6x0CAEJQXJrAtB+OHQApDeDUVqD1diCezqDl11DEHAhcoSQruSQT89QNppQVwOQ/QT8kzHS6AAAAABJRU5ErkJggg==', 'base64')),
    (2, decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAAAAABOjGJdAAAARklEQVR42k2IQQ7AMAzCNgl7h+b/790hWVciIPi+ILQJcNcMhmQhp1Js4gm2B9iBZMl5pMRZIn5A7Eqh/Xdk+Qs1teej6gu2UgR79kdDKgAAAABJRU5ErkJggg==', 'base64')),
    (3, decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAYAAABr5z2BAAAASElEQVR42p3MORaAIAxAwY+ggDYWHJij2/pYkxTTjgPqC1gFCoAz+wWHSRN4tUEQVCbBKbYILpFNELcEQVoSBnlKEdxDyuDpfOl1BXxe06NcAAAAAElFTkSuQmCC', 'base64'));

-- each element's hash is what it is alone, whatever its neighbors, for odd and even counts
SELECT n, semantic_hashes(images) = hashes AS same
FROM (SELECT n, array_agg(image ORDER BY i, id) AS images, array_agg(semantic_hash(image) ORDER BY i, id) AS hashes
      FROM generate_series(1, 3) n, generate_series(1, n) i, picture GROUP BY n) s ORDER BY n;
SELECT count(*) AS equal FROM picture, unnest(semantic_hashes(ARRAY(SELECT image FROM picture ORDER BY id))) WITH ORDINALITY u (hash, i)
WHERE id = i AND hash = semantic_hash(image);
SELECT pg_typeof(semantic_hashes(array_agg(image))) FROM picture WHERE id = 1;

-- NULL for NULL, and the shape stays
SELECT semantic_hashes(NULL::bytea[]), semantic_hashes('{}'::bytea[]), semantic_hashes('{NULL,NULL}'::bytea[]);
SELECT array_dims(h), h[0] IS NULL, h[1] = semantic_hash(image), h[2] IS NULL, h[3] = h[1]
FROM (SELECT image, semantic_hashes(format('[0:3]={NULL,"\%1$s",NULL,"\%1$s"}', image)::bytea[]) AS h FROM picture WHERE id = 1) s;
SELECT array_dims(h), h[1][1] = h[2][2], h[1][2] IS NULL, h[1][1] = semantic_hash(image)
FROM (SELECT image, semantic_hashes(ARRAY[[image, NULL], [NULL, image]]) AS h FROM picture WHERE id = 2) s;

-- a bad image is an error that says which
SELECT semantic_hashes(ARRAY[image, image, NULL, 'not an image'::bytea, 'nor this'::bytea]) FROM picture WHERE id = 1;
SELECT semantic_hashes(ARRAY[substr(image, 1, 80), image]) FROM picture WHERE id = 1;
SET imagehash.max_pixels = 191;
SELECT semantic_hashes(ARRAY[image]) FROM picture WHERE id = 1;
RESET imagehash.max_pixels;

-- it stops between two batches
SET statement_timeout = '300ms';
SELECT semantic_hashes(array_agg(image)) FROM picture, generate_series(1, 10000);
RESET statement_timeout;
DROP TABLE picture;

-- versions differ: what they look like
SELECT name, value ~ CASE
        WHEN name IN ('imagehash', 'libtorch', 'opencv') THEN '^[0-9]+\.[0-9]+'
        WHEN name LIKE '%postgresql' THEN '^[0-9]+(\.[0-9]+|devel|beta|rc)'
        WHEN name LIKE '%sha256' THEN '^[0-9a-f]{64}$'
        WHEN name = 'distance kernels' THEN '^(avx512|avx2|popcnt|neon|plain)$'
        WHEN name = 'network' THEN '\.pt$'
        WHEN name = 'hasher' THEN '\.hasher$'
        WHEN name = 'hasher method' THEN '^semantic-[0-9a-f]{8}$'
        WHEN name = 'network backend' THEN '^((xnnpack|onednn), checked against plain|plain)$'
        WHEN name = 'network batch' THEN '^[12]$'
        WHEN name LIKE '% library' THEN '/libimagehash_(vision|semantic)\.so$'
        WHEN name = 'model directory' THEN '^/.*/share/imagehash$'
        WHEN name IN ('network length', 'hasher bits', 'threads in use') THEN '^[0-9]+$'
        ELSE '.' END AS good
FROM imagehash_info() WHERE name <> 'network note';
SELECT imagehash_method(embedding_hash(array_fill(0::real, '{1280}'))) = value AS same_method FROM imagehash_info() WHERE name = 'hasher method';
SET imagehash.threads = 2;
SELECT value::int BETWEEN 1 AND 2 AS threads FROM imagehash_info() WHERE name = 'threads in use';
