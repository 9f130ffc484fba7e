"""Writes the history of three jobs with one logger: python loggers.py NAME FORM FILE, FORM is message or fields.

message: the whole line is the message. fields: the event is the message, and the rest are fields.
"""

import json
import logging
import logging.config
import sys

HISTORY = [
    ("JOB_START", {"job_id": "a.mp3", "worker_id": "w1"}),
    ("JOB_START", {"job_id": "b", "worker_id": "w1"}),
    ("JOB_PROGRESS", {"job_id": "a.mp3", "percentage": 45.5}),
    ("JOB_FAILED", {"job_id": "a.mp3", "error": "GPU out of memory"}),
    ("JOB_COMPLETE", {"job_id": "b", "duration": 1080}),
    ("JOB_START", {"job_id": "c", "worker_id": "w1"}),
    ("JOB_PROGRESS", {"job_id": "c", "percentage": 60}),
]


def message(event, fields):
    return f"{event} " + " ".join(f"{name}={value}" for name, value in fields.items())


def level_of(event):
    return logging.ERROR if event == "JOB_FAILED" else logging.INFO


def with_logging(logger, form):
    for event, fields in HISTORY:
        if form == "fields":
            logger.log(level_of(event), event, extra=fields)
        else:
            logger.log(level_of(event), message(event, fields))


def handler_logger(handler):
    logger = logging.getLogger("worker")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger


def use_structlog(renderer, form, file):
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(file=file),
    )
    log = structlog.get_logger()
    for event, fields in HISTORY:
        tell = log.error if event == "JOB_FAILED" else log.info
        if form == "fields":
            tell(event, **fields)
        else:
            tell(message(event, fields))


def structlog_console(form, file):
    import structlog

    use_structlog(structlog.dev.ConsoleRenderer(colors=False), form, file)


def structlog_colours(form, file):
    import structlog

    use_structlog(structlog.dev.ConsoleRenderer(colors=True, force_colors=True), form, file)


def structlog_json(form, file):
    import structlog

    use_structlog(structlog.processors.JSONRenderer(sort_keys=True), form, file)


def structlog_logfmt(form, file):
    import structlog

    use_structlog(structlog.processors.LogfmtRenderer(sort_keys=True), form, file)


def structlog_key_value(form, file):
    import structlog

    use_structlog(structlog.processors.KeyValueRenderer(sort_keys=True), form, file)


def use_loguru(form, file, **options):
    from loguru import logger

    logger.remove()
    logger.add(file, **options)
    for event, fields in HISTORY:
        tell = logger.error if event == "JOB_FAILED" else logger.info
        if form == "fields":
            logger.bind(**fields).log("ERROR" if event == "JOB_FAILED" else "INFO", event)
        else:
            tell(message(event, fields))


def loguru(form, file):
    use_loguru("message", file)


def loguru_colours(form, file):
    use_loguru("message", file, colorize=True)


def loguru_json(form, file):
    use_loguru(form, file, serialize=True)


def python_json_logger(form, file):
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(file)
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    with_logging(handler_logger(handler), form)


def coloredlogs(form, file):
    import coloredlogs as library

    logger = logging.getLogger("worker")
    library.install(level="INFO", logger=logger, stream=file, isatty=True)
    with_logging(logger, "message")


def rich(form, file):
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(file=file, width=200), show_path=False)
    with_logging(handler_logger(handler), "message")


def uvicorn(form, file):
    from uvicorn.config import LOGGING_CONFIG

    config = json.loads(json.dumps(LOGGING_CONFIG))
    config["handlers"]["default"]["stream"] = file
    config["handlers"]["access"]["stream"] = file
    logging.config.dictConfig(config)
    with_logging(logging.getLogger("uvicorn.error"), "message")


def gunicorn(form, file):
    from gunicorn.config import Config
    from gunicorn.glogging import Logger

    config = Config()
    config.set("errorlog", file.name)
    log = Logger(config)
    for event, fields in HISTORY:
        log.log(level_of(event), message(event, fields))


def celery(form, file):
    from celery import Celery
    from celery.utils.log import get_task_logger

    app = Celery("worker", broker="memory://")
    app.log.setup(loglevel="INFO", logfile=file.name, colorize=False)
    logger = get_task_logger("worker")

    @app.task
    def transcribe():
        with_logging(logger, "message")

    transcribe.apply().get()


def celery_print(form, file):
    from celery import Celery

    app = Celery("worker", broker="memory://")
    app.log.setup(loglevel="INFO", logfile=file.name, colorize=False, redirect_stdouts=True)
    for event, fields in HISTORY:
        print(message(event, fields))


def rq(form, file):
    from rq.logutils import setup_loghandlers

    sys.stdout = sys.stderr = file
    setup_loghandlers("INFO")
    with_logging(logging.getLogger("rq.worker"), "message")


def absl(form, file):
    from absl import flags
    from absl import logging as library

    handler = library.PythonHandler(stream=file)
    flags.FLAGS.mark_as_parsed()
    with_logging(handler_logger(handler), "message")


def a_dict(form, file):
    for event, fields in HISTORY:
        print("TRANSCRIPTION_EVENT", {"event": event, **fields, "retries": None}, file=file)


def print_with_commas(form, file):
    for event, fields in HISTORY:
        words = [word for name, value in fields.items() for word in (f"{name}=", value)]
        print(event, *words, file=file)


def print_of_two_processes(form, file):
    """Two processes whose line breaks come late: print() writes the text and the end apart."""
    for event, fields in HISTORY:
        print(message(event, fields), end="" if event == "JOB_START" else "\n\n", file=file)


if __name__ == "__main__":
    name, form, path = sys.argv[1:]
    with open(path, "w", encoding="utf-8", buffering=1) as file:
        globals()[name](form, file)
