"""Reports of forked, spawned and recycled children arrive, however such a child ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import PATIENCE_SECONDS, ROOT, free_port, started
from .reports import typescript
from .servers import redis_server

SDK = ROOT / "sdk" / "python" / "src"
JOBS = {f"job-{number}" for number in range(5)}

CHILDREN = """
import multiprocessing.util, os, sqlite3, sys  # before the reporter: its exit handlers run after those of others
from concurrent.futures import ProcessPoolExecutor
from transcription_monitor import Reporter

reporter = Reporter.from_url(sys.argv[1], worker_id="worker-1")


def work(number):
    reporter.job_start(f"job-{number}")
    reporter.job_progress(f"job-{number}", 50)
    reporter.job_complete(f"job-{number}")
    return os.getpid()


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    pids = set()
    if "locked" in sys.argv:  # the table, until the pool has ended its children
        lock = sqlite3.connect(sys.argv[1].removeprefix("sqlite:"))
        lock.execute("BEGIN EXCLUSIVE")
        multiprocessing.util.Finalize(None, lock.rollback, exitpriority=-50)
    if sys.argv[3] == "Process":
        children = [context.Process(target=work, args=(number,)) for number in range(5)]
        for child in children:
            child.start()
        for child in children:
            child.join()
    elif sys.argv[3] == "Pool":
        pids.update(context.Pool(3).map(work, range(5)))
    elif sys.argv[3] == "Pool, with":  # which terminates its children
        with context.Pool(3) as pool:
            pids.update(pool.map(work, range(5)))
    elif sys.argv[3] == "Pool, closed":
        pool = context.Pool(3, maxtasksperchild=1)
        pids.update(pool.map(work, range(5)))
        pool.close()
        pool.join()
    elif sys.argv[3] == "ProcessPoolExecutor":
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            pids.update(pool.map(work, range(5)))
    assert os.getpid() not in pids
"""


@pytest.fixture(scope="module")
def create() -> str:
    program = """
import { JOB_STATUS_SQL } from './protocol/job-status-table.ts';
console.log(JSON.stringify(JOB_STATUS_SQL.sqlite.create));
"""
    return str(typescript(program, None))


@pytest.fixture
def table(tmp_path: Path, create: str) -> Path:
    path = tmp_path / "jobs.db"
    connection = sqlite3.connect(path)
    connection.execute(create)
    connection.close()
    return path


def completed(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT job_id FROM job_status WHERE status = 'COMPLETED' AND percentage = 100")
    found = {row[0] for row in rows}
    connection.close()
    return found


def at_60_percent(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT job_id FROM job_status WHERE status = 'PROCESSING' AND percentage = 60")
    found = {row[0].replace("open", "job") for row in rows}
    connection.close()
    return found


def run(python: str | Path, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(python), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def start_again(python: str | Path, url: str) -> str:
    """The worker's next process, which has nothing to report; its log."""
    program = (
        "import sys; from transcription_monitor import Reporter; Reporter.from_url(sys.argv[1], worker_id='worker-1')"
    )
    return run(python, "-c", program, url).stderr


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("fork", "Process"),
        ("fork", "Pool, closed"),
        ("fork", "ProcessPoolExecutor"),
        ("forkserver", "Process"),
        ("forkserver", "Pool, closed"),
        ("forkserver", "ProcessPoolExecutor"),
        ("spawn", "Process"),
    ],
)
def test_reports_of_children_have_arrived_when_they_have_ended(
    method: str, kind: str, tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMON_SPOOL", "off")
    program = tmp_path / "program.py"
    program.write_text(CHILDREN)
    run(sys.executable, program, f"sqlite:{table}", method, kind)
    assert completed(table) == JOBS


def test_a_library_that_is_imported_after_the_reporter_is_known_in_its_children(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMON_SPOOL", "off")
    program = (
        "import sys\n"
        "from transcription_monitor import Reporter\n"
        "reporter = Reporter.from_url(sys.argv[1], worker_id='worker-1')\n"
        "assert 'multiprocessing.util' not in sys.modules\n"
        "import multiprocessing\n"
        "context = multiprocessing.get_context('fork')\n"
        "for number in range(5):\n"
        "    child = context.Process(target=reporter.job_complete, args=(f'job-{number}',))\n"
        "    child.start()\n"
        "    child.join()\n"
    )
    run(sys.executable, "-c", program, f"sqlite:{table}")
    assert completed(table) == JOBS


@pytest.mark.parametrize("kind", ["Pool", "Pool, with"])
def test_reports_of_a_pool_s_children_have_arrived_when_their_parent_has_ended(
    kind: str, tmp_path: Path, table: Path, spool: Path
) -> None:
    """The pool terminates them before they can; the parent sends what they leave."""
    program = tmp_path / "program.py"
    program.write_text(CHILDREN)
    run(sys.executable, program, f"sqlite:{table}", "fork", kind, "locked")
    assert completed(table) == JOBS
    assert list(spool.iterdir()) == []


def test_reports_of_a_killed_child_have_arrived_when_its_parent_has_ended(tmp_path: Path, table: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, signal, sys\n"
        "from transcription_monitor import Reporter\n"
        "reporter = Reporter.from_url(sys.argv[1], worker_id='worker-1')\n"
        "for number in range(5):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        reporter.job_start(f'job-{number}')\n"
        "        reporter.job_complete(f'job-{number}')\n"
        "        os.kill(os.getpid(), signal.SIGKILL) if number % 2 else os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
    )
    run(sys.executable, "-W", "ignore", program, f"sqlite:{table}")
    assert completed(table) == JOBS


@pytest.fixture(scope="module")
def runners() -> Path:
    """The folder of `rq`, `celery` and `gunicorn`, and of a Python that has them; python.test.ts installs them."""
    found = sorted((ROOT / ".cache" / "python").glob("job-runners-*/bin/gunicorn"))
    if not found:
        pytest.skip("RQ, Celery and gunicorn are not there: `npm test` installs them")
    return found[-1].parent


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as server:
        yield server.url


TASKS = """
import os
from transcription_monitor import Reporter

reporter = Reporter.from_url(os.environ["TMON_REPORT"], worker_id="worker-1", progress_seconds=3600)


def work(number):
    reporter.job_start(f"open-{number}")
    reporter.job_progress(f"open-{number}", 10)
    reporter.job_progress(f"open-{number}", 60)  # not due before an hour is over, or the process
    reporter.job_start(f"job-{number}")
    reporter.job_progress(f"job-{number}", 50)
    reporter.job_complete(f"job-{number}")


def work_and_flush(number):
    work(number)
    assert reporter.flush()
"""

CELERY = """
import os
from celery import Celery
from tasks import work

app = Celery(broker=os.environ["BROKER"], backend=os.environ["BROKER"])


@app.task
def tell(number):
    work(number)
"""

GUNICORN = """
from urllib.parse import parse_qs
from tasks import work


def application(environ, start_response):
    work(parse_qs(environ["QUERY_STRING"])["job"][0])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"told"]
"""


@pytest.fixture
def program(tmp_path: Path, table: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tasks, and their environment."""
    folder = tmp_path / "program"
    folder.mkdir()
    for name, text in {"tasks.py": TASKS, "worker.py": CELERY, "web.py": GUNICORN}.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("TMON_REPORT", f"sqlite:{table}")
    monkeypatch.setenv("BROKER", redis_url)
    monkeypatch.setenv("PYTHONPATH", f"{SDK}:{folder}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return folder


def call(python: Path, program: Path, text: str) -> None:
    done = subprocess.run(
        [str(python), "-c", text], cwd=program, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr


def worked(command: list[str | Path], program: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=program,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("task", ["work", pytest.param("work_and_flush", marks=pytest.mark.thorough)])
def test_rq_each_work_horse_ends_by_os_exit_and_the_worker_s_next_process_sends_what_it_left(
    task: str, runners: Path, program: Path, table: Path, redis_url: str, spool: Path
) -> None:
    enqueue = f"""
import redis, rq, tasks
queue = rq.Queue(connection=redis.Redis.from_url({redis_url!r}))
for number in range(5):
    queue.enqueue(tasks.{task}, number)
"""
    call(runners / "python", program, enqueue)
    worked([runners / "rq", "worker", "--burst", "--url", redis_url], program)
    if task == "work_and_flush":
        assert at_60_percent(table) == JOBS
    else:
        start_again(runners / "python", f"sqlite:{table}")
    assert completed(table) == JOBS
    assert all(path.stat().st_size == 0 for path in spool.iterdir())


def test_celery_reports_of_recycled_children_have_arrived_when_the_worker_has_ended(
    runners: Path, program: Path, table: Path
) -> None:
    command: list[str | Path] = [
        runners / "celery",
        "-A",
        "worker",
        "worker",
        "--pool",
        "prefork",
        "-c",
        "2",
        "-l",
        "INFO",
    ]
    with started([*command, "-l", "INFO", "--max-tasks-per-child", "1"], cwd=program) as worker:
        worker.line("ready")
        call(runners / "python", program, "import worker; [r.get() for r in [worker.tell.delay(n) for n in range(5)]]")
        worker.signal(signal.SIGTERM)
        worker.wait()
    assert completed(table) == at_60_percent(table) == JOBS, "".join(worker.said)


@pytest.mark.parametrize("preload", [pytest.param([], marks=pytest.mark.thorough), ["--preload"]])
def test_gunicorn_reports_of_workers_have_arrived_when_it_has_ended(
    preload: list[str], runners: Path, program: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMON_SPOOL", "off")
    port = free_port()
    command: list[str | Path] = [runners / "gunicorn", "web", "-w", "3", "--max-requests", "1", *preload]
    with started([*command, "-b", f"127.0.0.1:{port}", "--worker-tmp-dir", program], cwd=program) as server:
        server.line("Booting worker")
        for number in range(5):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/?job={number}", timeout=PATIENCE_SECONDS) as answer:
                assert answer.status == 200
        server.signal(signal.SIGTERM)
        server.wait()
    assert completed(table) == at_60_percent(table) == JOBS, "".join(server.said)
