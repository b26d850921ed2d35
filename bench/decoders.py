#!/usr/bin/env python3
"""By how many bits do decoders of JPEG move perceptual hashes? Prints the table of src/vision/README.md.

    pip install ImageHash==4.3.2 pillow==13.0.0 pdqhash==0.2.8 simplejpeg==1.9.0 av==18.1.0 psycopg2-binary
    bench/decoders.py FOLDER [COUNT]      on the server that the environment names (PGHOST, PGDATABASE, ...)

The hashes of the server are compared with those that ImageHash and pdqhash give for pixels of other decoders:
Pillow (libjpeg-turbo, as OpenCV has it), libjpeg-turbo at its fastest (coarse transform, no smooth chroma), and
FFmpeg, which has a decoder of its own. Not part of `make bench`: it needs packages that nothing else does.
"""

import collections
import io
import pathlib
import sys
import warnings

import av
import imagehash
import numpy as np
import pdqhash
import psycopg2
import simplejpeg
from PIL import Image

warnings.simplefilter("ignore")  # PyWavelets warns of levels that ImageHash asks for


def ffmpeg(data):
    with av.open(io.BytesIO(data)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


DECODERS = {
    "Pillow": lambda data: Image.open(io.BytesIO(data)).convert("RGB"),
    "libjpeg-turbo, fastest": lambda data: Image.fromarray(
        simplejpeg.decode_jpeg(data, "RGB", fastdct=True, fastupsample=True)),
    "FFmpeg": lambda data: Image.fromarray(ffmpeg(data)),
}
HASHES = {
    "average_hash": imagehash.average_hash,
    "difference_hash": imagehash.dhash,
    "difference_hash_vertical": imagehash.dhash_vertical,
    "perceptual_hash": imagehash.phash,
    "wavelet_hash": imagehash.whash,
    "color_hash": lambda image: "0" + str(imagehash.colorhash(image)),
    "pdq_hash": lambda image: np.packbits(pdqhash.compute(np.asarray(image))[0]).tobytes().hex(),
}


def bits_apart(a, b):
    return (int(a, 16) ^ int(b, 16)).bit_count()


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    files = sorted(folder.glob("*.jpg"))
    files = files[::max(1, len(files) // count)][:count]
    connection = psycopg2.connect("")
    cursor = connection.cursor()
    columns = ", ".join(f"encode({name}(image)::bytea, 'hex')" for name in HASHES)
    apart = collections.defaultdict(list)
    for file in files:
        data = file.read_bytes()
        cursor.execute(f"SELECT {columns} FROM (SELECT %s::bytea AS image) s", [data])
        ours = dict(zip(HASHES, cursor.fetchone()))
        for decoder, decode in DECODERS.items():
            image = decode(data)
            for name, function in HASHES.items():
                apart[name, decoder].append(bits_apart(ours[name], str(function(image))))
    print(f"{len(files)} photos\n")
    print("| hash | decoder | same | 1 or 2 bits | 3 or 4 | more | mean | most |\n|---|---|---|---|---|---|---|---|")
    for (name, decoder), bits in apart.items():
        bits = np.array(bits)
        shares = [np.mean(part) for part in (bits == 0, (bits > 0) & (bits < 3), (bits > 2) & (bits < 5), bits > 4)]
        print(f"| `{name}` | {decoder} |", " | ".join(f"{share:.1%}" for share in shares),
              f"| {bits.mean():.2f} | {bits.max()} |")


if __name__ == "__main__":
    main()
