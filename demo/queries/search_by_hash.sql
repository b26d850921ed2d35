SELECT product_id, name, price, stock, hash <~> %(hash)s AS distance
FROM product_photo JOIN product USING (product_id)
WHERE stock > 0 AND price < %(max_price)s
ORDER BY hash <~> %(hash)s
LIMIT %(answers)s
