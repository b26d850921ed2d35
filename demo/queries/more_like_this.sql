SELECT product_id, name, price, stock,
       hash <~> (SELECT hash FROM product_photo WHERE product_id = %(product_id)s) AS distance
FROM product_photo JOIN product USING (product_id)
WHERE stock > 0 AND price < %(max_price)s AND product_id <> %(product_id)s
ORDER BY hash <~> (SELECT hash FROM product_photo WHERE product_id = %(product_id)s)
LIMIT %(answers)s
