#!/usr/bin/env python3
"""Writes perceptual_vectors.tsv: hashes of made-up pictures by Python's ImageHash and pdqhash.

    pip install ImageHash==4.3.2 pillow==13.0.0 pdqhash==0.2.8 && test/unit/perceptual_vectors.py

vision_perceptual_test.cpp makes the same pictures, pixel for pixel, and the same hashes, bit for bit. Pictures
are integer formulas of x, y and channel, and are many that hang on rounding: flat, symmetric, of one period.
"""
import pathlib
import warnings

import imagehash
import numpy as np
import pdqhash
from PIL import Image

warnings.simplefilter("ignore")  # PyWavelets warns of levels that ImageHash asks for

SIZES = [(1, 1), (1, 40), (40, 1), (2, 3), (5, 5), (7, 8), (8, 8), (9, 8), (17, 31), (32, 32), (33, 32), (64, 64),
         (63, 65), (101, 77), (129, 255), (255, 129), (320, 240), (333, 500), (60, 700), (700, 60)]
KINDS = ["noise", "flat", "ramp", "checks", "halves", "mirrored", "blocks", "spot"]


def noise(x, y, c):
    n = (x * 374761393 + y * 668265263 + c * 2246822519) & 0xffffffff
    n = ((n ^ (n >> 13)) * 1274126177) & 0xffffffff
    return (n ^ (n >> 16)) & 255


def picture(kind, width, height):
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.int64)
    if kind == "noise":
        values = noise(x, y, c)
    elif kind == "flat":
        values = 77 + 50 * c
    elif kind == "ramp":
        values = (x * (3 - c) + y * (1 + c)) * 255 // (width * (3 - c) + height * (1 + c))
    elif kind == "checks":
        values = (x // 3 + y // 3) % 2 * 255
    elif kind == "halves":
        values = np.where(np.where(c == 0, x * 2 < width, y * 2 < height), 200, 30 * c)
    elif kind == "mirrored":
        values = (np.minimum(x, width - 1 - x) * 7 + np.minimum(y, height - 1 - y) * (5 + c)) % 256
    elif kind == "blocks":
        values = noise(x // 16, y // 16, c)
    else:
        values = np.where((x == width // 3) & (y == height // 3), 255, 0)
    return Image.fromarray(values.astype(np.uint8))


def hashes(kind, image):
    for size in (8, 16, 32):
        if size == 32 and image.width != 33 or size == 16 and image.width not in (17, 101):
            continue
        yield "average", size, imagehash.average_hash(image, size)
        yield "difference", size, imagehash.dhash(image, size)
        yield "vertical-difference", size, imagehash.dhash_vertical(image, size)
        yield "perceptual", size, imagehash.phash(image, size)
        yield "wavelet", size, imagehash.whash(image, size)
    yield "color", 0, "0" + str(imagehash.colorhash(image))
    if image.width > 100:
        yield "crop-resistant", 0, imagehash.crop_resistant_hash(image)
    pixels = np.asarray(image)
    if min(image.size) >= 5:
        code, quality = pdqhash.compute(pixels)
        yield "pdq", 0, f"{quality}:" + np.packbits(code).tobytes().hex()
    if image.width in (17, 333):
        for variant, code in enumerate(pdqhash.compute_dihedral(pixels)[0]):
            yield "pdq", variant, f"{quality}:" + np.packbits(code).tobytes().hex()


def main():
    with open(pathlib.Path(__file__).with_suffix(".tsv"), "w") as out:
        out.write("picture\twidth\theight\tmethod\tsize or variant\thash\n")
        for width, height in SIZES:
            for kind in KINDS:
                for method, size, code in hashes(kind, picture(kind, width, height)):
                    print(kind, width, height, method, size, code, sep="\t", file=out)


if __name__ == "__main__":
    main()
