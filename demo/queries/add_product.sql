WITH new_product AS (
    INSERT INTO product (name, category, price, stock, supplier)
    VALUES (%(name)s, %(category)s, %(price)s, %(stock)s, %(supplier)s)
    RETURNING product_id
)
INSERT INTO product_photo (product_id, file, photo)
SELECT product_id, %(file)s, %(photo)s FROM new_product
