"""The pictures of the demo and what the shop knows about them. Prices, stocks and suppliers are invented, from a seed
and the file's name, so that each run shows the same. Knows nothing of databases."""

import csv
import io
import random
from pathlib import Path

from PIL import Image, ImageOps

SEED = 2024
PICTURES = Path(__file__).parent / "pictures"
NAMES = "Alba Birk Cala Dune Elm Fjord Gala Haze Iris Juno Kite Lund Mira Nord Opal Pine Quill Rune Sola Tide".split()
SUPPLIERS = ["Atelier Nord", "Baltic Textiles", "Casa Lima", "Dover & Sons"]


class Product:
    """A picture's file and the columns of `product` that go with it."""

    def __init__(self, path, category):
        dice = random.Random(f"{SEED} {path.name}")
        self.path = path
        self.category = category
        self.name = f"{dice.choice(NAMES)} {category}"
        self.price = round(10 ** dice.uniform(1.0, 2.1)) - 0.1
        self.stock = max(0, dice.randint(-4, 20))
        self.supplier = dice.choice(SUPPLIERS)

    def columns(self):
        columns = {name: getattr(self, name) for name in ("name", "category", "price", "stock", "supplier")}
        return {**columns, "file": self.path.name}


def shop_products():
    """Our own pictures, with the categories that people gave them."""
    with open(PICTURES / "pictures.tsv", encoding="utf-8") as table:
        return [Product(PICTURES / row["file"], row["category"]) for row in csv.DictReader(table, delimiter="\t")]


def products_in(directory):
    """All files under a directory of the user's, hidden ones left out; a file's folder is its category."""
    root = Path(directory)
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [Product(path, path.parent.name if path.parent != root else "photo") for path in paths]


def altered_copy(picture):
    """What the web makes of a photo: cropped by 1 % on each side, made smaller, compressed anew."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(picture))).convert("RGB")
    width, height = image.size
    image = image.crop((width // 100, height // 100, width - width // 100, height - height // 100))
    image = image.resize([max(1, side * 7 // 10) for side in image.size], Image.LANCZOS)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=60)
    return jpeg.getvalue()
