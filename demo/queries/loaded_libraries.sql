SELECT count(*) FILTER (WHERE line LIKE '%/imagehash.so') > 0 AS "imagehash.so",
       count(*) FILTER (WHERE line LIKE '%/libimagehash_vision.so') > 0 AS "libimagehash_vision.so",
       count(*) FILTER (WHERE line LIKE '%/libimagehash_semantic.so') > 0 AS "libimagehash_semantic.so",
       count(*) FILTER (WHERE line LIKE '%/libtorch%') > 0 AS libtorch,
       count(DISTINCT substring(line FROM '/[^ ]+[.]so[.0-9]*$')) AS libraries
FROM regexp_split_to_table(pg_read_file('/proc/self/maps'), '\n') AS line
