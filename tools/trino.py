"""A Trino on this machine, the engine that Athena is: `make trino` fetches it, `make test-trino` and the demo start it.

Of the release only the server and three plugins are kept, in a cache folder outside the project. It comes from TRINO_HOME, a
folder where a release is unpacked, else by Maven; what is kept is held to one pinned checksum, wherever it came from.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tools.environment import LOOPBACK, ROOT, free_port
from tools.processes import Servers, leaving_nothing_behind

VERSION = "476"
# What is kept: the server and the plugins over Glue and S3, and in memory for the tests.
PARTS = ("lib", "plugin/hive", "plugin/iceberg", "plugin/memory")
# Of these, by name and content (`checksum`).
SHA256 = "8a288d6b0d1d19b0a24a5d5ae96da744d0416cc3684900b27a1c28d0a6810c3c"
JAVA = 24
# How this ends where the machine lacks something.
LACKING = 3
ARTIFACT = f"io.trino:trino-server:{VERSION}:tar.gz"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
# Where a running server is told to the tests.
URL = "TRINO_URL"
PATIENCE_S = 180
VIRTUAL_MACHINE = (
    *("-Xmx3G", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError", "-Djdk.attach.allowAttachSelf=true"),
    *("--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector", "--sun-misc-unsafe-memory-access=allow"),
)


class MissingError(RuntimeError):
    """What this machine lacks to run a Trino, and what to do about it."""


def main(arguments: list[str]) -> int:
    """`python -m tools.trino` fetches it, `--check` says whether it could; a command behind it is run with TRINO_URL set."""
    try:
        if arguments == ["--check"]:
            check_machine()
            return 0
        home = install()
        if not arguments:
            print(f"Trino {VERSION} is in {home}, for {find_java()}")
            return 0
        with leaving_nothing_behind(), running(home) as url:
            return subprocess.run(arguments, cwd=ROOT, env=os.environ | {URL: url}, check=False).returncode
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return LACKING
    except KeyboardInterrupt:
        return 130


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headroom" / f"trino-{VERSION}"


def check_machine() -> None:
    """Raise MissingError where this machine cannot run a Trino, and can get none."""
    find_java()
    if not (cache_folder().exists() or os.environ.get("TRINO_HOME") or shutil.which("mvn")):
        raise MissingError(f"no mvn is installed to fetch Trino {VERSION}; TRINO_HOME may name a folder with a release")


def install() -> Path:
    """The folder of a Trino whose checksum was right when it was put there; where there is none, it is fetched first.

    Raises:
        MissingError: there is no Java or no Maven, or the files are not those that are pinned.
    """
    check_machine()
    home = cache_folder()
    if home.exists():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = home.with_name(f"{home.name}.{os.getpid()}")
    try:
        given = os.environ.get("TRINO_HOME")
        _copy(Path(given), fresh) if given else _fetch(fresh)
        found = checksum(fresh)
        if found != SHA256:
            raise MissingError(
                f"Trino from {given or ARTIFACT} has the checksum {found}, not the pinned {SHA256}: it is not used"
            )
        fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return home


def checksum(home: Path) -> str:
    """One sha256 over the names and contents of all that is kept."""
    total = hashlib.sha256()
    for path in sorted(each for part in PARTS for each in (home / part).rglob("*") if each.is_file()):
        with path.open("rb") as file:
            total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(home).as_posix()}\n".encode())
    return total.hexdigest()


def _copy(release: Path, to: Path) -> None:
    if not (release / "lib").is_dir():
        raise MissingError(f"TRINO_HOME is {release}, where no release of Trino is unpacked")
    for part in PARTS:
        shutil.copytree(release / part, to / part)


def _fetch(to: Path) -> None:
    """Let Maven resolve the release, and unpack what is kept of it. Maven keeps the archive in its own repository."""
    print(f"Maven resolves {ARTIFACT}, 821 MB, of which 466 MB are kept", flush=True)
    # Where nobody looks at a terminal Maven's progress would be thousands of lines.
    quiet = [] if sys.stdout.isatty() else ["--batch-mode", "--quiet"]
    command = ["mvn", *quiet, COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={to}"]
    if subprocess.run(command, cwd=to.parent, check=False).returncode:
        raise MissingError(f"Maven could not resolve {ARTIFACT}; its own words are above")
    [archive] = to.glob("*.tar.gz")
    print(f"unpacking into {to}", flush=True)
    # All of it: what is in several plugins is a link to the first.
    with tarfile.open(archive) as release:
        release.extractall(to, filter="data")
    archive.unlink()
    [whole] = to.iterdir()
    for part in PARTS:
        (to / part).parent.mkdir(exist_ok=True)
        (whole / part).rename(to / part)
    shutil.rmtree(whole)


def find_java(environ: Mapping[str, str] = os.environ) -> Path:
    """The first Java that is new enough, in JAVA_HOME or below /usr/lib/jvm.

    Raises:
        MissingError: there is none.
    """
    for home in (Path(environ.get("JAVA_HOME") or "/nowhere"), *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)):
        java = home / "bin" / "java"
        if java.exists():
            said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
            version = re.search(r'version "(\d+)', said)
            if version and int(version.group(1)) >= JAVA:
                return java
    raise MissingError(f"Trino {VERSION} needs Java {JAVA} or newer, in JAVA_HOME or below /usr/lib/jvm")


@contextmanager
def running(home: Path) -> Iterator[str]:
    """Start the server on loopback; yields its address. Its log stays beside the cache, its data does not."""
    port = free_port()
    logs = home.parent / "logs"
    data = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    data.mkdir(parents=True)
    (data / "config.properties").write_text(
        "coordinator=true\nnode-scheduler.include-coordinator=true\ncatalog.management=dynamic\ncatalog.store=memory\n"
        # Else the plans of a hundred queries of the last quarter of an hour fill the heap.
        "query.max-history=10\nquery.min-expire-age=5s\n"
        f"http-server.http.port={port}\ndiscovery.uri=http://{LOOPBACK}:{port}\nnode.internal-address={LOOPBACK}\nnode.bind-ip={LOOPBACK}\n"
        f"plugin.dir={home / 'plugin'}\n"
    )
    (data / "log.properties").write_text("io.trino=WARN\n")
    told = {"node.environment": "test", "node.id": "one", "node.data-dir": data, "config": data / "config.properties"}
    settings = [f"-D{name}={value}" for name, value in (told | {"log.levels-file": data / "log.properties"}).items()]
    name = data.name
    with Servers(logs) as servers:
        command = [str(find_java()), *VIRTUAL_MACHINE, *settings, "-cp", f"{home / 'lib'}/*", "io.trino.server.TrinoServer"]
        servers.start(name, command, os.environ)
        try:
            _wait(f"http://{LOOPBACK}:{port}", servers)
            print(f"Trino {VERSION} at http://{LOOPBACK}:{port}, log {logs / name}.log", flush=True)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            shutil.rmtree(data, ignore_errors=True)


def _wait(url: str, servers: Servers) -> None:
    import requests

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        servers.check()
        try:
            if requests.get(f"{url}/v1/info", timeout=5).json()["starting"] is False:
                return
        except (requests.RequestException, ValueError):
            pass
        time.sleep(0.3)
    raise MissingError(f"Trino did not answer within {PATIENCE_S} s; its log is below {servers.logs}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
