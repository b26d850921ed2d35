"""The demo's story, told on the server that PGHOST & co. say: a shop whose photos are hashed by the database as they
come in, and what it can then be asked in plain SQL. Started by run.sh; the SQL is in schema.sql and queries/.

Prints each query with its answer, its time and the index it used, and draws contact sheets. Must not do in Python
what the database is there to do."""

import argparse
import sys
import time
from pathlib import Path

import psycopg2

from collection import altered_copy, products_in, shop_products
from sheet import Cell, write_sheet

HERE = Path(__file__).parent
ANSWERS = 5
MAX_PRICE = 80
RADIUS = 6  # of 64 bits: what counts as the same photo; the trigger in schema.sql says the same
# Pictures to search with when the pictures are ours: a cap, sneakers, jeans, a checked shirt.
QUESTIONS = ["29c2d4f8.jpg", "9f922e1a.jpg", "43976040.jpg", "e1cac9ff.jpg"]


class Refused(Exception):
    """The demo cannot go on with the pictures it was given."""


# --- showing queries ---------------------------------------------------------------------------------------


def sql(name):
    return (HERE / "queries" / f"{name}.sql").read_text(encoding="utf-8").strip()


def heading(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def say(text):
    print("\n".join("    " + line for line in text.splitlines()), flush=True)


def say_table(names, rows):
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *texts)]
    for line in [names, ["-" * width for width in widths], *texts]:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def ask(cursor, query, parameters=None):
    """Runs a query and returns its rows. Shows it as the server gets it, its answer, its time and its index."""
    text = cursor.mogrify(query, parameters).decode()
    started = time.perf_counter()
    cursor.execute(text)
    rows = cursor.fetchall()
    milliseconds = (time.perf_counter() - started) * 1000
    say(f"\n{text};\n")
    say_table([column.name for column in cursor.description], rows)
    say(f"({milliseconds:.1f} ms; {index_use(cursor, text)})")
    return rows


def index_use(cursor, query):
    """The lines of the query's plan that name an index USING hamming."""
    cursor.execute("EXPLAIN (COSTS OFF) " + query)
    lines = [line.strip(" ->") for (line,) in cursor]
    ours = [line for line in lines if "product_photo_hash" in line or "product_photo_pixels" in line]
    return "; ".join(ours) or "no index: few rows"


def reason(error):
    """Why the database refused, in one line."""
    diagnostics = getattr(error, "diag", None)
    if diagnostics is None or diagnostics.message_primary is None:
        return str(error).strip()
    return ". ".join(filter(None, [diagnostics.message_primary, diagnostics.message_detail]))


# --- the story ---------------------------------------------------------------------------------------------


class Progress:
    """One line that counts photos, rewritten on a terminal and printed now and then elsewhere."""

    def __init__(self, total):
        self.total, self.started = total, time.perf_counter()

    def show(self, done):
        line = f"    {done} of {self.total} photos, {done / (time.perf_counter() - self.started):.0f} a second"
        last = done == self.total
        if sys.stdout.isatty():
            print(f"\r{line}", end="\n" if last else "", flush=True)
        elif last or done % 100 == 0:
            print(line, flush=True)


def load(cursor, products):
    """Adds products with their photos, and returns those that are in. One that the database refuses is reported and
    costs nothing but itself."""
    query = sql("add_product")
    say(f"\n{query};\n")
    progress, loaded, skipped = Progress(len(products)), [], []
    for number, product in enumerate(products, start=1):
        try:
            cursor.execute(query, {**product.columns(), "photo": product.path.read_bytes()})
            loaded.append(product)
        except (psycopg2.Error, OSError) as error:
            skipped.append(f"skipped {product.path}: {reason(error)}")
        progress.show(number)
    for line in skipped:
        say(line)
    if skipped:
        say(f"{len(loaded)} photos are in the shop; skipped: {len(skipped)}")
    cursor.execute("ANALYZE")
    return loaded


def one_value(cursor, query, parameter):
    cursor.execute(query, [parameter])
    return cursor.fetchone()[0]


def photo_of(cursor, product_id):
    return bytes(one_value(cursor, "SELECT photo FROM product_photo WHERE product_id = %s", product_id))


def questions(cursor, wanted):
    """Ids of the products to search with: those of the wanted files, or else some spread over the shop."""
    cursor.execute("SELECT product_id FROM product_photo WHERE file = ANY (%s) ORDER BY product_id", [wanted])
    ids = [product_id for (product_id,) in cursor]
    if not ids:
        cursor.execute("SELECT product_id FROM product_photo ORDER BY product_id")
        everything = [product_id for (product_id,) in cursor]
        if len(everything) < 2:
            raise Refused("there are fewer than two photos in the shop: nothing to compare")
        ids = everything[:: max(1, len(everything) // 4)][:4]
    return ids


def more_like_this(cursor, product_ids, out):
    """One question shown as text; all of them, answered by the same query, as a contact sheet."""
    rows = []
    for number, product_id in enumerate(product_ids):
        parameters = {"product_id": product_id, "max_price": MAX_PRICE, "answers": ANSWERS}
        if number == 0:
            answers = ask(cursor, sql("more_like_this"), parameters)
        else:
            cursor.execute(sql("more_like_this"), parameters)
            answers = cursor.fetchall()
        name = one_value(cursor, "SELECT name FROM product WHERE product_id = %s", product_id)
        question = Cell(photo_of(cursor, product_id), name, f"product {product_id}: more like this?")
        cells = [
            Cell(photo_of(cursor, answer), name, f"distance {distance} of 256", f"{price} · {stock} in stock")
            for answer, name, price, stock, distance in answers
        ]
        rows.append((question, cells))
    subtitle = f"Nearest semantic hashes to the photo on the left, in stock, under {MAX_PRICE}"
    write_sheet(out / "more_like_this.png", "More like this", subtitle, rows)


def receive_uploads(cursor, originals, new):
    """Fills `upload` with copies as the web makes them, of photos that are in the shop, and with new photos."""
    arriving = [(f"copy {number}.jpg", product, altered_copy) for number, product in enumerate(originals, start=1)]
    arriving += [(f"new {number}.jpg", product, bytes) for number, product in enumerate(new, start=1)]
    for file, product, change in arriving:
        try:
            photo = change(product.path.read_bytes())
            cursor.execute("INSERT INTO upload VALUES (%s, %s)", [file, photo])
        except (psycopg2.Error, OSError) as error:  # PIL's errors about images are OSErrors
            say(f"skipped {product.path}: {reason(error)}")
    say(f"{len(originals)} copies, cropped, made smaller and compressed anew; {len(new)} photos not in the shop yet")


def near_duplicates(cursor, out):
    rows = []
    # So small a shop the planner rather reads whole; shown is the plan of a larger one.
    say("\nSET enable_seqscan = off;")
    cursor.execute("SET enable_seqscan = off")
    for upload, product_id, name, distance in ask(cursor, sql("near_duplicates"), {"radius": RADIUS}):
        photo = one_value(cursor, "SELECT photo FROM upload WHERE file = %s", upload)
        question = Cell(bytes(photo), upload, "have we got this?")
        if product_id is None:
            answer = Cell(None, "not in the shop", f"nothing within {RADIUS} of 64 bits")
        else:
            answer = Cell(photo_of(cursor, product_id), name, f"{distance} of 64 bits differ", f"product {product_id}")
        rows.append((question, [answer]))
    cursor.execute("RESET enable_seqscan")
    write_sheet(out / "near_duplicates.png", "Have we got this photo?", "Uploads left; right, what the shop has", rows)


def offer_uploads(cursor, new):
    """Tries to put each upload into the shop; the trigger says no to those it knows. The last answer is shown."""
    query = sql("add_upload_to_shop")
    say(f"\n{query};\n")
    cursor.execute("SELECT file FROM upload ORDER BY file")
    for (file,) in cursor.fetchall():
        try:
            cursor.execute(query, {**new.columns(), "file": file})
            say(f"{file}: in the shop now")
        except psycopg2.Error as error:
            say(f"{file}: ERROR {error.pgcode}: {reason(error)}")


def search_without_torch(cursor, product_id):
    """The same search from a session that only searches: what it has loaded, beside what the loading session has."""
    wanted = one_value(cursor, "SELECT hash FROM product_photo WHERE product_id = %s", product_id)
    with psycopg2.connect("") as fresh, fresh.cursor() as searcher:
        parameters = {"hash": wanted, "max_price": MAX_PRICE, "answers": ANSWERS}
        ask(searcher, sql("search_by_hash"), parameters)
        if not Path("/proc/self/maps").exists():
            return
        query = sql("loaded_libraries")
        say(f"\n{query};\n")
        rows = []
        for who, session in ("this one, which only searches", searcher), ("the one that hashed the photos", cursor):
            session.execute(query)
            rows.append([who, *session.fetchone()])
        say_table(["session", *(column.name for column in searcher.description)], rows)


def spread(items, count):
    """Up to count of the items, evenly over the list, never the first."""
    step = max(1, len(items) // (count + 1))
    return items[step::step][:count]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="directory of pictures to use instead of the demo's")
    parser.add_argument("--out", type=Path, required=True, help="directory for the contact sheets")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    products = products_in(options.photos) if options.photos else shop_products()
    if len(products) < 4:
        raise Refused(f"{options.photos} holds {len(products)} files; the demo needs at least 4 pictures")
    new = spread(products, 2)

    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()

    heading("The shop: demo/schema.sql")
    cursor.execute((HERE / "schema.sql").read_text(encoding="utf-8"))
    say("photos are hashed as they are inserted, by two generated columns:\n")
    say("hash   imagehash(256) GENERATED ALWAYS AS (semantic_hash(photo)) STORED")
    say("pixels imagehash(64)  GENERATED ALWAYS AS (perceptual_hash(photo)) STORED")
    heading("Loading photos")
    loaded = load(cursor, [product for product in products if product not in new])
    asked = questions(cursor, QUESTIONS)
    heading("1. More like this, in stock, under a price")
    more_like_this(cursor, asked, options.out)
    heading("2. Which uploads do we have already?")
    receive_uploads(cursor, spread(loaded, 3), new)
    near_duplicates(cursor, options.out)
    heading("3. The same uploads offered to the shop: a trigger refuses what it knows")
    offer_uploads(cursor, new[0])
    heading("4. Searching by a hash, in a session that never loads LibTorch")
    search_without_torch(cursor, asked[0])
    heading("Contact sheets")
    for sheet in sorted(options.out.glob("*.png")):
        say(str(sheet))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted")
    except Refused as error:
        sys.exit(f"demo: {error}")
