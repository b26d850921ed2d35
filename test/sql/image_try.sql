-- Images that may be bad: the reason instead of an error, in parallel plans too.
CREATE TABLE upload (id int PRIMARY KEY, image bytea);
INSERT INTO upload VALUES
    (1, decode('iVBORw0KGgoAAAANSUhEUgAAABAAAAAMCAIAAADkharWAAAAQ0lEQVR42pXLuQ0AIAwEsAv/01Cw/6x0CAEJQXJrAtB+OHQApDeDUVqD1diCezqDl11DEHAhcoSQruSQT89QNppQVwOQ/QT8kzHS6AAAAABJRU5ErkJggg==', 'base64')),
    (2, 'not an image'), (3, ''), (4, '\x0000001c66747970617669660000000061766966'), (5, NULL),
    (6, decode('R0lGODdhEAAMAIEAALCgWDCgGLAoFjAoBiwAAAAAEAAMAAAIPgAHCBwoUIDBgwYJEkSIUGFBhgcdDoAY0SHFhAIDaNR4EIBHjxtDBvhIEoDIjSU/nhyZEuTJli5FwjT5EmZAADs=', 'base64'));
INSERT INTO upload SELECT 7, substr(image, 1, length(image) - 40) FROM upload WHERE id = 1;

SELECT id, image_error(image) FROM upload ORDER BY id;
SELECT id, t.hash = perceptual_hash(image) AS same, t.sqlstate, t.error
FROM upload LEFT JOIN LATERAL try_perceptual_hash(CASE WHEN image_error(image) IS NULL THEN image END) t ON true WHERE id IN (1, 5, 6) ORDER BY id;
SELECT id, bit_length(t.hash), imagehash_method(t.hash), t.sqlstate, t.error FROM upload, try_perceptual_hash(image) t ORDER BY id;
SELECT id, bit_length(t.hash), t.sqlstate, t.error FROM upload, try_semantic_hash(image) t ORDER BY id;
SELECT t.hash = semantic_hash(image) AS same FROM upload, try_semantic_hash(image) t WHERE id = 1;
-- Every function that makes one hash of an image has such a form.
SELECT p.proname, EXISTS (SELECT FROM pg_proc t WHERE t.proname = 'try_' || p.proname AND t.proargtypes = p.proargtypes) AS has_try
FROM pg_proc p WHERE p.proargnames[1] = 'image' AND p.prorettype = 'imagehash'::regtype ORDER BY 1, p.pronargs;
SELECT id, average.hash = average_hash(image) AS average, difference.hash = difference_hash(image) AS difference,
    vertical.hash = difference_hash_vertical(image) AS vertical, perceptual.hash = perceptual_hash(image, 16) AS perceptual,
    wavelet.hash = wavelet_hash(image, 16) AS wavelet, color.hash = color_hash(image) AS color, pdq.hash = pdq_hash(image) AS pdq
FROM upload, try_average_hash(image) average, try_difference_hash(image) difference, try_difference_hash_vertical(image) vertical,
    try_perceptual_hash(image, 16) perceptual, try_wavelet_hash(image, 16) wavelet, try_color_hash(image) color, try_pdq_hash(image) pdq
WHERE id = 1;
SELECT average.error = wavelet.error AND color.error = pdq.error AS same, pdq.* FROM upload, try_average_hash(image) average,
    try_wavelet_hash(image, 16) wavelet, try_color_hash(image) color, try_pdq_hash(image) pdq WHERE id = 2;
-- What is wrong with the call is an error as ever.
SELECT try_perceptual_hash(image, 7) FROM upload WHERE id = 1;
SET imagehash.max_pixels = 191;
SELECT t.* FROM upload, try_semantic_hash(image) t WHERE id = 1;
RESET imagehash.max_pixels;
SET imagehash.max_bytes = '1kB';
SELECT t.* FROM try_perceptual_hash(decode(repeat('00', 1025), 'hex')) t;
SELECT image_error(decode(repeat('00', 1024), 'hex'));
RESET imagehash.max_bytes;

-- A load in which nothing is lost: what cannot be hashed is kept with its reason. A subquery with OFFSET 0 calls the
-- function once a row and, unlike a function in FROM, in parallel workers.
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE TABLE many AS SELECT i * 10 + id AS id, image FROM upload, generate_series(1, 20) i;
EXPLAIN (COSTS OFF) CREATE TABLE loaded AS SELECT id, (t).* FROM (SELECT id, try_perceptual_hash(image) AS t FROM many OFFSET 0) s;
CREATE TABLE loaded AS SELECT id, (t).* FROM (SELECT id, try_perceptual_hash(image) AS t FROM many OFFSET 0) s;
SELECT sqlstate, error, count(*), count(hash) FROM loaded GROUP BY 1, 2 ORDER BY 1, 2;
DROP TABLE upload, many, loaded;
