"""Codes as files and tables, and the truth about them: the distances of each query's nearest, by flat_scan.

Files are made by make_codes, once for each kind, length and number of rows, and kept in BUILD/bench-data."""

import subprocess

import pictures

QUERIES = 200
NEAREST = 10
SEED = 4
BY_SCAN = 5  # queries that are also answered by a sequential scan


class Dataset:
    def __init__(self, server, kind, bits, rows):
        self.server, self.kind, self.bits, self.rows = server, kind, bits, rows
        self.table = f"{kind.lower()}_{bits}_{rows}"
        self.index = f"{self.table}_hamming"
        self.query_table = f"{self.table}_query"
        self.files = [server.work / f"{self.table}.{part}" for part in ("codes", "queries")]
        self.truth_file = server.work / f"{self.table}.truth"
        self.queries, self.truth = [], []
        self.build = None  # seconds and bytes of the hamming index

    def sources(self):
        """Files that make_codes needs, None where a collection is missing."""
        shared, of_pictures = self.server.options.shared, self.kind in pictures.FUNCTIONS
        needed = {"real": [shared / f"data/codes/real{self.bits}.bin"],
                  "trained": [shared / pictures.EMBEDDINGS, pictures.MODEL]}.get(self.kind, [])
        missing = pictures.missing(self.server, self.kind) if of_pictures else None
        if needed and not needed[0].exists():
            missing = needed[0]
        if missing:
            print(f"  skipped: there is no {missing}", flush=True)
            return None
        return [pictures.codes_file(self.server, self.kind, self.bits, QUERIES)] if of_pictures else needed

    def make(self):
        sources = self.sources()
        if sources is None:
            return False
        if not all(path.exists() for path in self.files):
            print(f"  making {self.rows:,} codes", flush=True)
            form = "real" if self.kind in pictures.FUNCTIONS else self.kind
            numbers = [str(number) for number in (self.bits, self.rows, QUERIES, SEED)]
            subprocess.run([self.server.options.build / "make_codes", form, *numbers, *self.files, *sources], check=True)
        self.queries = self.files[1].read_text(encoding="ascii").split()
        return True

    def copy(self, table, path):
        with path.open(encoding="ascii") as file:
            self.server.cursor.copy_expert(f"COPY {table} (hash) FROM STDIN", file)

    def load(self, with_bits=True):
        """The tables; the column `code` holds the same bits for pgvector. False where a collection is missing."""
        if not self.make():
            return False
        columns = f"id int GENERATED ALWAYS AS IDENTITY, hash imagehash({self.bits})"
        if with_bits:
            columns += f", code bit({self.bits}) GENERATED ALWAYS AS (hash::bit({self.bits})) STORED"
        for table, path in zip([self.table, self.query_table], self.files):
            self.server.run(f"CREATE TABLE {table} ({columns})")
            self.copy(table, path)
        self.server.run(f"ALTER TABLE {self.query_table} ADD PRIMARY KEY (id)")
        for table in (self.table, self.query_table):
            self.server.run(f"VACUUM ANALYZE {table}")
        return True

    def build_index(self):
        if self.build is None:
            self.build = self.server.build_index(self.index, self.table, "hamming (hash)")
        return self.build

    def flat_scan(self, *arguments):
        """Median and mean milliseconds outside the server, and the kernel's name."""
        output = subprocess.run([self.server.options.build / "flat_scan", *self.files, *map(str, arguments)], check=True,
                                text=True, stdout=subprocess.PIPE).stdout.split()
        return float(output[0]), float(output[1]), output[2]

    def find_truth(self, nearest=NEAREST):
        flat = self.flat_scan(nearest, self.truth_file)
        lines = self.truth_file.read_text(encoding="ascii").splitlines()
        self.truth = [[int(distance) for distance in line.split()] for line in lines]
        return flat

    def recall(self, answers):
        """By distance: an answer as near as the true k-th counts, so ties do no harm."""
        found = sum(min(NEAREST, sum(distance <= truth[-1] for distance in answer))
                    for answer, truth in zip(answers, self.truth))
        return found / sum(len(truth) for truth in self.truth)

    def nearest(self, query, nearest=NEAREST):
        return [distance for (distance,) in self.server.run(
            f"SELECT hash <~> %(query)s FROM {self.table} ORDER BY hash <~> %(query)s LIMIT {nearest}", {"query": query})]

    def script(self, search):
        """A pgbench script; {query} in the search stands for the code of a query drawn by chance."""
        return f"\\set id random(1, {len(self.queries)})\n" + search.format(
            query=f"(SELECT hash FROM {self.query_table} WHERE id = :id)",
            code=f"(SELECT code FROM {self.query_table} WHERE id = :id)") + ";"

    def knn_script(self, nearest=NEAREST):
        return self.script(f"SELECT id FROM {self.table} ORDER BY hash <~> {{query}} LIMIT {nearest}")

    def empty_script(self):
        """What the statement costs without its search."""
        return self.script("SELECT {query}")


def loaded(server, kind, bits, rows, with_bits=True):
    """The dataset, loaded once a run; None where its collection is missing."""
    dataset = Dataset(server, kind, bits, rows)
    if dataset.table not in server.tables:
        server.tables[dataset.table] = dataset if dataset.load(with_bits) else None
    return server.tables[dataset.table]


def use_index(server):
    server.set(enable_seqscan="off", enable_indexscan="on", enable_bitmapscan="on", enable_indexonlyscan="on")


def use_scan(server):
    server.set(enable_seqscan="on", enable_indexscan="off", enable_bitmapscan="off", enable_indexonlyscan="off")


def check_exact(dataset, nearest=NEAREST):
    """Ends the bench where the index gives other distances than flat_scan (all queries, where its truth is known) or a
    sequential scan (some)."""
    server = dataset.server
    query = f"SELECT id FROM {dataset.table} ORDER BY hash <~> %s LIMIT {nearest}"
    use_index(server)
    if dataset.index not in server.plan(query, [dataset.queries[0]]):
        raise SystemExit(f"bench: the planner does not use {dataset.index}")
    by_index = [dataset.nearest(query, nearest) for query in dataset.queries]
    use_scan(server)
    for number, query in enumerate(dataset.queries[:BY_SCAN]):
        by_scan = dataset.nearest(query, nearest)
        if by_scan != by_index[number]:
            raise SystemExit(f"bench: query {query}: the index finds {by_index[number]}, a sequential scan {by_scan}")
    use_index(server)
    if dataset.truth and by_index != dataset.truth:
        wrong = next(number for number in range(len(by_index)) if by_index[number] != dataset.truth[number])
        raise SystemExit(f"bench: query {dataset.queries[wrong]}: the index finds {by_index[wrong]}, "
                         f"a flat scan {dataset.truth[wrong]}")
    flat = f"{len(by_index)} queries against a flat scan, " if dataset.truth else ""
    print(f"  exact: {flat}{BY_SCAN} against a sequential scan", flush=True)
