"""What every section needs of the server: a session, timed statements, plans, and pgbench runs.

Must not know what is measured."""

import os
import re
import subprocess
import time
from pathlib import Path

import psycopg2

WARM_UP_SECONDS = 1
RUNS = 3
CORES = sorted(os.sched_getaffinity(0))[::-1]


class Server:
    def __init__(self, options):
        self.options = options
        self.work = options.build / "bench-data"
        self.work.mkdir(exist_ok=True)
        self.tables = {}  # datasets that are loaded, by name
        self.connect()
        self.run("CREATE EXTENSION IF NOT EXISTS imagehash")
        # A schema of its own: two extensions may have an operator <~> on bit.
        self.has_peer = bool(self.run("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"))
        if self.has_peer:
            self.run("CREATE SCHEMA IF NOT EXISTS vector")
            self.run("CREATE EXTENSION IF NOT EXISTS vector SCHEMA vector")
        self.has_recall = bool(self.run("SELECT 1 FROM pg_settings WHERE name = 'imagehash.target_recall'"))

    def connect(self):
        self.connection = psycopg2.connect("")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.run("LOAD 'imagehash'")  # or its settings are not known yet

    def restart(self, **settings):
        """Restarts the server with other settings, None for those it had at first, and begins a new session. A name's double
        underscore is a dot."""
        for name, value in settings.items():
            name = name.replace("__", ".")
            if value is None:
                self.run(f"ALTER SYSTEM RESET {name}")
            else:
                self.run(f"ALTER SYSTEM SET {name} = %s", [value])
        data = self.value("SHOW data_directory")
        self.connection.close()
        command = ["pg_ctl", "restart", "--wait", "--silent", "--mode=fast", f"--pgdata={data}",
                   f"--log={Path(data).parent / 'server.log'}"]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)
        self.connect()

    def run(self, statement, parameters=None):
        self.cursor.execute(statement, parameters)
        return self.cursor.fetchall() if self.cursor.description else []

    def value(self, statement, parameters=None):
        return self.run(statement, parameters)[0][0]

    def seconds(self, statement, parameters=None):
        started = time.perf_counter()
        self.run(statement, parameters)
        return time.perf_counter() - started

    def set(self, **settings):
        """Settings of this session; a name's double underscore is a dot."""
        for name, value in settings.items():
            self.run(f"SET {name.replace('__', '.')} = %s", [value])

    def plan(self, query, parameters=None):
        return "\n".join(line for (line,) in self.run("EXPLAIN " + query, parameters))

    def version(self):
        return self.value("SHOW server_version")

    def build_index(self, name, table, definition):
        """Seconds of CREATE INDEX, and the size in bytes."""
        self.run(f"DROP INDEX IF EXISTS {name}")
        self.run("CHECKPOINT")
        seconds = self.seconds(f"CREATE INDEX {name} ON {table} USING {definition}")
        size = self.value("SELECT pg_relation_size(%s)", [name])
        print(f"  {name} built in {seconds:.2f} s, {size / 1e6:.1f} MB", flush=True)
        return seconds, size

    def start_pgbench(self, script, seconds, clients=1, settings=None, log=None, core=None):
        """A pgbench in the background; with `core`, it and its server process run on that one alone."""
        path = self.work / f"script-{time.monotonic_ns()}.sql"
        path.write_text(script + "\n", encoding="utf-8")
        options = " ".join(f"-c {name}={value}" for name, value in (settings or {}).items())
        command = ["pgbench", "--no-vacuum", "--protocol=prepared", f"--file={path}", f"--client={clients}",
                   f"--jobs={min(clients, 2)}", f"--time={max(1, round(seconds))}", "--random-seed=1"]
        if log:
            command += ["--log", f"--log-prefix={log}"]
        environment = os.environ | {"PGOPTIONS": options, "PGAPPNAME": path.stem}
        process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.script = path
        if core is not None:
            self.pin(process, path.stem, core)
        return process

    def pin(self, process, application, core):
        """pgbench looks around over a connection of its own first: the one to pin is the one that stays."""
        os.sched_setaffinity(process.pid, {core})
        seen, same = None, 0
        while same < 3 and process.poll() is None:
            time.sleep(0.02)
            now = self.run("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [application])
            same = same + 1 if now and now == seen else 0
            seen = now
        for (pid,) in seen or []:
            os.sched_setaffinity(pid, {core})

    def pgbench(self, script, settings=None, cores=CORES[:1]):
        """Mean milliseconds of a transaction and transactions a second, of the best of RUNS, warmed up: one backend for each
        of `cores`, which it shares with its client. On two cores, either is woken at every turn, and that takes longer than
        many a search."""
        best = (float("inf"), 0.0)
        for seconds in [WARM_UP_SECONDS] + RUNS * [self.options.seconds / RUNS]:
            started = [self.start_pgbench(script, seconds, settings=settings, core=core) for core in cores]
            runs = [self.finish_pgbench(process) for process in started]
            latency, rate = sum(run[0] for run in runs) / len(cores), sum(run[1] for run in runs)
            best = (min(best[0], latency), max(best[1], rate))
        return best

    @staticmethod
    def finish_pgbench(process):
        output, errors = process.communicate()
        process.script.unlink()
        latency = re.search(r"latency average = ([\d.]+) ms", output)
        rate = re.search(r"tps = ([\d.]+)", output)
        if process.returncode != 0 or not latency or not rate or "ERROR" in errors:
            raise SystemExit(f"bench: pgbench failed:\n{output}\n{errors}")
        return float(latency[1]), float(rate[1])


def processor_seconds(pid):
    """The processor time of a process's main thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9


def percentile_of_logs(prefix, share):
    """Milliseconds below which that share of the logged transactions stayed; the logs are removed."""
    prefix = Path(prefix)
    times = []
    for path in prefix.parent.glob(prefix.name + ".*"):
        times += [int(line.split()[2]) for line in path.read_text(encoding="utf-8").splitlines()]
        path.unlink()
    times.sort()
    return times[min(len(times) - 1, int(share * len(times)))] / 1000


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "an unknown processor"
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "an unknown processor")
