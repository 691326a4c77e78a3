"""Where the lake's files live: a local folder or an S3 prefix, behind pyarrow's file systems."""

from __future__ import annotations

import io
import mimetypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import ConfigError
from pipeline.lake import aws
from pipeline.settings import Settings


class S3Retries(fs.AwsStandardS3RetryStrategy):  # type: ignore[misc]
    """Arrow's retries of S3, as many as those of every other client."""

    def __init__(self) -> None:
        super().__init__(max_attempts=aws.ATTEMPTS)


class Storage:
    """Whole objects under one root: written once or replaced, listed, read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.is_local = not settings.lake_uri.startswith("s3://")
        if self.is_local:
            self.root = str(Path(settings.lake_uri).resolve())
            self.filesystem: Any = fs.LocalFileSystem()
        else:
            self.root = settings.lake_uri.removeprefix("s3://").rstrip("/")
            self.filesystem = _s3(settings)

    @property
    def uri(self) -> str:
        """The root as Iceberg names it."""
        # Not `as_uri()`: pyiceberg takes what follows file:// as the path itself, and would write to one with %20 in it.
        return f"file://{self.root}" if self.is_local else f"s3://{self.root}"

    def path(self, *parts: str) -> str:
        """The path of an object, as `filesystem` takes it.

        Raises:
            ConfigError: a part would leave the lake.
        """
        if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
            raise ConfigError(f"{parts} is not a path inside the lake")
        return "/".join((self.root, *parts))

    def exists(self, path: str) -> bool:
        return bool(self.filesystem.get_file_info(path).type == fs.FileType.File)

    def dataset(self, files: list[str], schema: Any, hive: str | None = None) -> Any:
        """Parquet files as Arrow reads them lazily: only the columns and row groups that are asked for.

        Args:
            files: paths, as `list_files` gives them.
            schema: what the files hold, and the hive column; texts that are to be read as dictionaries are these.
            hive: the column whose value is in the path, as in `day=2026-03-01`.
        """
        from pyarrow import dataset

        partitioning = dataset.partitioning(pa.schema([schema.field(hive)]), flavor="hive") if hive else None
        coded = {field.name for field in schema if pa.types.is_dictionary(field.type)}
        layout = dataset.ParquetFileFormat(read_options=dataset.ParquetReadOptions(dictionary_columns=coded))
        return dataset.dataset(files, schema=schema, format=layout, filesystem=self.filesystem, partitioning=partitioning)

    def list_files(self, folder: str, suffix: str = ".parquet") -> list[str]:
        """Every object below a folder, in order of name."""
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
        found = self.filesystem.get_file_info(selector)
        return sorted(info.path for info in found if info.type == fs.FileType.File and info.path.endswith(suffix))

    def list_folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, in order; what they hold is not listed."""
        found = self.filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def write_once(self, path: str, content: bytes | Path) -> bool:
        """Create an object whole or not at all, of bytes or of a file's; False, and untouched, where it already exists."""
        if not self.is_local:
            return self._put_if_absent(path, content)
        target = Path(path)
        if target.exists():
            return False
        with _written_aside(target, content) as temporary:
            try:
                # A link, unlike a rename, refuses to replace what another writer finished first.
                os.link(temporary, target)
            except FileExistsError:
                return False
        return True

    def write(self, path: str, content: bytes) -> None:
        """Replace an object, or create it: a reader sees the old one or the new one."""
        if self.is_local:
            with _written_aside(Path(path), content) as temporary:
                temporary.replace(path)
            return
        bucket, _, key = path.partition("/")
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        # A browser shows what says that it is a page, and saves anything else.
        aws.client("s3", self._settings).put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind)

    def read(self, path: str) -> bytes:
        with self.filesystem.open_input_file(path) as file:
            return bytes(file.read())

    def delete(self, path: str) -> None:
        """Remove an object; in a bucket that keeps versions, the last one can be brought back."""
        if self.is_local:
            Path(path).unlink(missing_ok=True)
            return
        bucket, _, key = path.partition("/")
        aws.client("s3", self._settings).delete_object(Bucket=bucket, Key=key)

    def _put_if_absent(self, path: str, content: bytes | Path) -> bool:
        from botocore.exceptions import ClientError

        bucket, _, key = path.partition("/")
        try:
            with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as body:
                aws.client("s3", self._settings).put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412"):
                return False
            raise
        return True

    def iceberg_properties(self) -> dict[str, str]:
        """How pyiceberg reaches the same files."""
        properties = {"warehouse": self.uri, "py-io-impl": "pipeline.lake.checksums.HashingFileIO"}
        if not self.is_local:
            properties["s3.region"] = self._settings.aws_region
            properties["s3.retry-strategy-impl"] = f"{S3Retries.__module__}.{S3Retries.__qualname__}"
            if self._settings.aws_endpoint_url:
                properties["s3.endpoint"] = self._settings.aws_endpoint_url
        return properties


@contextmanager
def _written_aside(target: Path, content: bytes | Path) -> Iterator[Path]:
    """A file beside the target with all of the content, safe on the disk; what is left of it at the end is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            if isinstance(content, Path):
                with content.open("rb") as given:
                    shutil.copyfileobj(given, file, 1 << 20)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _s3(settings: Settings) -> Any:
    options: dict[str, Any] = {"region": settings.aws_region, "retry_strategy": S3Retries()}
    if settings.aws_endpoint_url:
        scheme, _, host = settings.aws_endpoint_url.partition("://")
        options |= {"endpoint_override": host.rstrip("/"), "scheme": scheme}
    return fs.S3FileSystem(**options)
