"""Codes that the product gives pictures, where there are pictures but no codes. The queries are pictures of collections
that had no part in anything: no hasher was trained on them, and none of them is among the rows.

A file of codes is made once, on the server, and kept in BUILD/bench-data: the queries first, then the rows, as make_codes
takes them to repeat. Must not know what is measured on them."""

import random
import subprocess
import tarfile

MODEL = "models/efficientnet_lite0_256.hasher"
EMBEDDINGS = "data/photos/embeddings.u8"
EMBEDDING_BYTES = 1280
UNSEEN = ("data/shop/pictures", "data/corel1k/images")
ROW_FOLDER, ROW_ARCHIVES = "data/photos", ("data/cifar10/train.tar", "data/cifar10/test.tar")
SEED = 4
# The function that hashes the pictures, by the kind of codes. Rows of `unseen` are the embeddings that there are.
FUNCTIONS = {"unseen": "semantic_hash", "perceptual": "perceptual_hash", "pdq": "pdq_hash"}


def missing(server, kind):
    """The first collection that is not there, None where all are."""
    rows = (EMBEDDINGS,) if kind == "unseen" else (ROW_FOLDER, *ROW_ARCHIVES)
    return next((path for name in (*UNSEEN, *rows) if not (path := server.options.shared / name).exists()), None)


def codes_file(server, kind, bits, queries):
    path = server.work / f"{kind}{bits}.bin"
    if not path.exists():
        codes = [hashed(server, kind, picture) for picture in unseen_pictures(server, queries)]
        if kind == "unseen":
            codes += hashed_embeddings(server, bits)
        else:
            print(f"  hashing pictures with {FUNCTIONS[kind]}", flush=True)
            rows = [hashed(server, kind, picture) for picture in row_pictures(server)]
            random.Random(SEED).shuffle(rows)
            codes += rows
        if any(8 * len(code) != bits for code in codes):
            raise SystemExit(f"bench: {FUNCTIONS[kind]} does not give {bits} bits")
        path.write_bytes(b"".join(codes))
    return path


def hashed(server, kind, picture):
    return bytes(server.value(f"SELECT {FUNCTIONS[kind]}(%s)::bytea", [picture]))


def hashed_embeddings(server, bits):
    """The photos' codes by the shipped hasher, once each."""
    embeddings = server.options.shared / EMBEDDINGS
    rows, queries = server.work / "embeddings.codes", server.work / "embeddings.queries"
    count = embeddings.stat().st_size // EMBEDDING_BYTES
    subprocess.run([server.options.build / "make_codes", "trained", str(bits), str(count), "0", str(SEED), rows, queries,
                    embeddings, MODEL], check=True)
    codes = [bytes.fromhex(line) for line in rows.read_text(encoding="ascii").split()]
    rows.unlink()
    queries.unlink()
    return codes


def unseen_pictures(server, count):
    """As many of each collection, from all over it."""
    share = count // len(UNSEEN)
    for folder in UNSEEN:
        files = sorted((server.options.shared / folder).glob("*.jpg"))
        for number in range(share):
            yield files[number * len(files) // share].read_bytes()


def row_pictures(server):
    for path in sorted((server.options.shared / ROW_FOLDER).glob("*.jpg")):
        yield path.read_bytes()
    for archive in ROW_ARCHIVES:
        with tarfile.open(server.options.shared / archive) as tar:
            yield from (tar.extractfile(member).read() for member in tar if member.isfile())
