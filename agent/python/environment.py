"""Creates a private Python environment; run by environment.ts only.

    python3 environment.py DIRECTORY NAME LINE...

The lines are those of a requirements file.
A lock on DIRECTORY.lock, which the kernel releases when its holder dies, lets one process build while others wait.
DIRECTORY/.ready is written last: without it the directory is an unfinished build and is created again.
Compatible with any Python 3, so that an old one can report that it is too old. Progress goes to standard error.
"""

import fcntl
import os
import shutil
import subprocess
import sys

OLDEST = (3, 10)
TOO_OLD_STATUS = 69
FAILED_STATUS = 70


def main():
    directory, name, requirements = sys.argv[1], sys.argv[2], sys.argv[3:]
    if sys.version_info[:2] < OLDEST:
        sys.exit(TOO_OLD_STATUS)
    parent = os.path.dirname(directory)
    if not os.path.isdir(parent):
        os.makedirs(parent, exist_ok=True)
    with open(directory + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if all(os.path.exists(os.path.join(directory, name)) for name in (".ready", "bin/python")):
            return
        say("preparing the Python environment '%s' (once): %s" % (name, in_short(requirements)))
        create(directory)
        if requirements:
            install(directory, requirements)
        with open(os.path.join(directory, ".ready"), "w") as ready:
            ready.write("\n".join(requirements) + "\n")


def create(directory):
    """Tries each way to create an environment with pip, starting with the one that needs no installation."""
    ways = [("python3 -m venv", [sys.executable, "-m", "venv", directory])]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        ways.append(("apt-get install python3-venv", None))
    ways.append(("virtualenv", [sys.executable, "-m", "virtualenv", "--quiet", directory]))
    for tool, arguments in (("virtualenv", ["--quiet"]), ("uv", ["venv", "--quiet", "--seed"])):
        if shutil.which(tool):
            ways.append((tool, [tool] + arguments + ["--python", sys.executable, directory]))

    reasons = []
    for way, command in ways:
        shutil.rmtree(directory, ignore_errors=True)
        if command is None:
            say("this Python has no venv; installing Debian's python3-venv")
            run(["apt-get", "update", "-qq"])
            run(["apt-get", "install", "-y", "-qq", "python3-venv"])
            command = [sys.executable, "-m", "venv", directory]
        ok, output = run(command)
        if ok:
            return
        reasons.append("%s: %s" % (way, last_line(output)))
    shutil.rmtree(directory, ignore_errors=True)
    fail("no Python environment could be created (%s)" % "; ".join(reasons), "install python3-venv or virtualenv")


def install(directory, requirements):
    python = os.path.join(directory, "bin", "python")
    listed = os.path.join(directory, "requirements.txt")
    with open(listed, "w") as file:  # a file, because pip takes hashes from nowhere else
        file.write("\n".join(requirements) + "\n")
    pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--prefer-binary"]
    ok, output = run([python] + pip + ["-r", listed])
    if not ok:
        shutil.rmtree(directory, ignore_errors=True)
        sys.stderr.write(output[-4000:])
        fail("pip could not install %s: %s" % (in_short(requirements), last_line(output)), "see the lines above; pip needs the package index, and a C compiler where a package has no wheel for this Python")


def run(command):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for inherited in ("PYTHONHOME", "PYTHONPATH", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"):
        environment.pop(inherited, None)
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.decode("utf-8", "replace")


def in_short(requirements):
    packages = [line for line in requirements if not line.startswith("-")]
    if len(packages) > 10:
        return "%d packages" % len(set(line.split("==")[0] for line in packages))
    return " ".join(packages) or "nothing in it"


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "No module" in line]
    return (errors or lines or ["no output"])[-1][:300]


def say(message):
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def fail(message, hint):
    say("%s\nhint: %s" % (message, hint))
    sys.exit(FAILED_STATUS)


main()
