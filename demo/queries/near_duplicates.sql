SELECT upload.file AS upload, known.product_id, known.name, known.distance
FROM upload
LEFT JOIN LATERAL (
    SELECT product_id, name, product_photo.pixels <~> upload.pixels AS distance
    FROM product_photo JOIN product USING (product_id)
    WHERE hamming_within(product_photo.pixels, upload.pixels, %(radius)s)
    ORDER BY product_photo.pixels <~> upload.pixels
    LIMIT 1
) known ON true
ORDER BY upload.file
