"""The command line of `tmon-worker`."""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._call import VERSION
from .job_options import read_defaults
from .limits import JobTimeout, read_job_timeout, read_stall_timeout
from .logs import LogFormat
from .transcribe import OnSuspect

DEFAULT_SERVER = "http://127.0.0.1:8080"

DESCRIPTION = """\
Run a worker: claim jobs, fetch the audio, transcribe it with faster-whisper, report. The model is loaded once, before
the worker registers.
"""

EPILOG = """\
Every option is an environment variable too: the name in brackets.

The first SIGTERM or Ctrl-C drains: the jobs at hand are finished. The second stops at once and hands them back; the
attempts do not count. Whatever ends the worker, kill -9 too, ends the process with its model. A spot interruption
notice of EC2 drains too; AWS_EC2_METADATA_DISABLED=true turns this off.

Exit codes: 0 success; 2 bad usage; 5 refused: by the monitor (a wrong key), or the engine can't work here; 6 the
monitor has a problem, try again; 70 internal error; 75 restart requested (with --supervised).
"""


class Options(argparse.Namespace):
    """What was given, or the defaults."""

    server: str
    api_key: str | None
    ca: str | None
    header: list[str]
    id: str | None
    model: str | None
    device: str | None
    compute_type: str | None
    language: str | None
    batch_size: int | None
    max_jobs: int
    tag: list[str]
    defaults: dict[str, Any]
    allow_http: bool
    work_dir: Path | None
    stall_timeout: float | None
    job_timeout: JobTimeout | None
    on_suspect: OnSuspect
    instance_id: str | None
    region: str | None
    availability_zone: str | None
    instance_type: str | None
    hourly_price: float | None
    supervised: bool
    log_format: LogFormat

    @property
    def headers(self) -> dict[str, str]:
        """Sent with every request. Raises ValueError."""
        found = {}
        for line in (line for one in self.header for line in one.splitlines() if line.strip()):
            pair = re.fullmatch(r"([!#$%&'*+.^`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)", line, re.ASCII)
            if pair is None:  # it is not shown: it may be a secret
                raise ValueError("--header or TMON_HEADERS is not of the form 'Name: value'")
            found[pair[1]] = pair[2].rstrip()
        return found

    @property
    def engine(self) -> dict[str, Any]:
        """The options with which the model is loaded."""
        names = ("model", "device", "compute_type", "language", "batch_size")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def location(self) -> dict[str, Any]:
        found = {
            "region": self.region,
            "availability_zone": self.availability_zone,
            "instance_type": self.instance_type,
            "spot_price": self.hourly_price,
        }
        return {name: value for name, value in found.items() if value is not None}


def read_options(words: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Options:
    """Shows a message and exits with 2 if they are wrong, and with 0 after `--help` and `--version`."""
    parser = _parser(environment)
    options = parser.parse_args(words, namespace=Options())
    key_file = options.api_key_file
    if options.api_key is None and key_file is not None:
        try:
            options.api_key = Path(key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            parser.error(f"the file of the API key, {key_file}, cannot be read: {reason}")
    if not options.header:
        options.header = [environment.get("TMON_HEADERS", "")]
    try:
        _ = options.headers
    except ValueError as error:
        parser.error(str(error))
    if options.ca is not None and not Path(options.ca).is_file():
        parser.error(f"--ca: there is no file {options.ca}")
    if "://" not in options.server:
        options.server = f"http://{options.server}"
    return options


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tmon-worker",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )

    def add(group: argparse._ArgumentGroup, *names: str, env: str, **settings: Any) -> None:
        given = environment.get(env)
        settings["help"] += f" [{env}]"
        if settings.get("action") == "store_true":
            settings["default"] = bool(given)
        elif given:
            settings["default"] = given
        group.add_argument(*names, **settings)

    monitor = parser.add_argument_group("monitor")
    add(
        monitor,
        "--server",
        env="TMON_SERVER",
        metavar="URL",
        default=DEFAULT_SERVER,
        help=f"address of the monitor (default: {DEFAULT_SERVER})",
    )
    add(monitor, "--api-key", "--key", env="TMON_API_KEY", metavar="KEY", help="API key of the monitor")
    add(monitor, "--api-key-file", env="TMON_API_KEY_FILE", metavar="PATH", help="file with the API key")
    add(
        monitor,
        "--ca",
        env="TMON_CA",
        metavar="PATH",
        help="PEM file of a private certificate authority to trust",
    )
    monitor.add_argument(
        "--header",
        action="append",
        default=[],
        help="'Name: value', sent with every request, for a proxy; repeatable, or one a line [TMON_HEADERS]",
    )

    engine = parser.add_argument_group("engine")
    add(
        engine,
        "--model",
        env="TMON_MODEL",
        help="a size (large-v3), an id on Hugging Face, or the directory of a CTranslate2 model (default: large-v3 on"
        " a GPU, base without one)",
    )
    add(
        engine,
        "--device",
        env="TMON_DEVICE",
        help="cpu, cuda, or cuda:1 for one of several GPUs (default: cuda if there is one)",
    )
    add(
        engine,
        "--compute-type",
        env="TMON_COMPUTE_TYPE",
        metavar="TYPE",
        help="float16, int8_float16, int8, … (default: float16 on a GPU, int8 without one)",
    )
    add(
        engine,
        "--language",
        env="TMON_LANGUAGE",
        metavar="CODE",
        help="what is spoken: de (default: the job's, or detected)",
    )
    add(
        engine,
        "--batch-size",
        env="TMON_BATCH_SIZE",
        metavar="COUNT",
        type=_count,
        help="windows decoded at once, of one recording (default: 16 on a GPU, 1 without one)",
    )
    add(
        engine,
        "--defaults",
        env="TMON_DEFAULTS",
        metavar="OPTIONS",
        type=_typed(read_defaults),
        default={},
        help="options of jobs that do not say: language=de&word_timestamps=true",
    )
    add(
        engine,
        "--on-suspect",
        env="TMON_ON_SUSPECT",
        choices=("retry", "keep"),
        default="retry",
        help="if a transcript can hardly be what was said (text over silence, a loop, an early end): retry once with"
        " other options and keep the better one, or keep it (default: retry)",
    )
    add(
        engine,
        "--stall-timeout",
        env="TMON_STALL_TIMEOUT",
        metavar="TIME",
        type=_typed(read_stall_timeout),
        help="kill an engine without progress for so long: 5m, or off (default: by its pace, at least 2 minutes)",
    )
    add(
        engine,
        "--job-timeout",
        env="TMON_JOB_TIMEOUT",
        metavar="TIME",
        type=_typed(read_job_timeout),
        help="kill an engine that takes longer for a job: 2h, or 10x the recording (default: never)",
    )

    worker = parser.add_argument_group("worker")
    add(worker, "--id", env="TMON_WORKER_ID", help="its id (default: a new one)")
    add(
        worker,
        "--max-jobs",
        env="TMON_MAX_JOBS",
        metavar="COUNT",
        type=_count,
        default=1,
        help="maximum number of concurrent jobs, with one model in memory (default: 1)",
    )
    worker.add_argument("--tag", action="append", default=[], help="what jobs may require of it: eu; repeatable")
    add(
        worker,
        "--allow-http",
        env="TMON_ALLOW_HTTP",
        action="store_true",
        help="fetch recordings at http:// too: for recorders in a trusted network without TLS",
    )
    add(
        worker,
        "--work-dir",
        env="TMON_WORK_DIR",
        metavar="PATH",
        type=Path,
        help="for temporary audio files (default: in the system's temporary directory)",
    )
    worker.add_argument(
        "--supervised", action="store_true", help="run by a supervisor: exit with code 75 to be restarted"
    )
    worker.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="a line of text per event, or a JSON object (default: text)",
    )

    machine = parser.add_argument_group("machine")
    add(machine, "--instance-id", env="TMON_INSTANCE_ID", metavar="ID", help="id of the machine (default: host name)")
    add(machine, "--region", env="TMON_REGION", help="where it is")
    add(machine, "--availability-zone", env="TMON_AVAILABILITY_ZONE", metavar="ZONE", help="where it is in the region")
    add(
        machine,
        "--instance-type",
        env="TMON_INSTANCE_TYPE",
        metavar="TYPE",
        help="type of the machine, for example g4dn.xlarge",
    )
    add(
        machine,
        "--hourly-price",
        env="TMON_HOURLY_PRICE",
        metavar="USD",
        type=_amount,
        help="price of the machine per hour",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the paragraphs, and wraps each."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        return "\n\n".join(textwrap.fill(" ".join(one.split()), width, initial_indent=indent) for one in paragraphs)


def _typed(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse shows the message of an ArgumentTypeError alone."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


@_typed
def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) < 1 or len(text) > 9:
        raise ValueError("must be a whole number of 1 or more")
    return int(text)


@_typed
def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ValueError("must be a number of 0 or more")
    return value
