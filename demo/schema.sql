-- The shop: products, their photos, and photos that people upload. What is special is a few lines: two generated
-- columns that hash each photo as it comes in, and indexes on them. No program keeps the hashes up to date.

CREATE EXTENSION imagehash;

CREATE TABLE product (
    product_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    category   text NOT NULL,
    price      numeric(8, 2) NOT NULL,
    stock      int NOT NULL,
    supplier   text NOT NULL
);

CREATE TABLE product_photo (
    product_id int PRIMARY KEY REFERENCES product,
    file       text NOT NULL,
    photo      bytea NOT NULL,
    -- what the photo shows: near means similar things
    hash       imagehash(256) GENERATED ALWAYS AS (semantic_hash(photo)) STORED,
    -- what its pixels look like: near means the same photo
    pixels     imagehash(64) GENERATED ALWAYS AS (perceptual_hash(photo)) STORED,
    -- no photo twice (within 4 of 64 bits), even if two sessions add it at the same time; its index serves searches too
    CONSTRAINT product_photo_pixels EXCLUDE USING hamming (pixels WITH ~=)
);

CREATE INDEX product_photo_hash ON product_photo USING hamming (hash);

CREATE TABLE upload (
    file   text PRIMARY KEY,
    photo  bytea NOT NULL,
    pixels imagehash(64) GENERATED ALWAYS AS (perceptual_hash(photo)) STORED
);

-- Refuses a photo that the shop has already, a little more strictly than the constraint, and says which product has it.
-- Generated columns are not there yet in a BEFORE trigger, hence the call.
CREATE FUNCTION refuse_known_photo() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mine imagehash := perceptual_hash(NEW.photo);
    known record;
BEGIN
    SELECT product_id, name, pixels <~> mine AS distance INTO known
    FROM product_photo JOIN product USING (product_id)
    WHERE hamming_within(pixels, mine, 6)
    ORDER BY pixels <~> mine
    LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING
            MESSAGE = format('photo is already in the shop: product %s, "%s"', known.product_id, known.name),
            DETAIL = format('The perceptual hashes differ in %s of 64 bits.', known.distance);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_known_photo BEFORE INSERT ON product_photo
    FOR EACH ROW EXECUTE FUNCTION refuse_known_photo();
