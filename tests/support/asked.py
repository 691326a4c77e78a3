"""What IAM is asked when the pipeline calls AWS: the requests behind each call that the server on loopback has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from pipeline.lake import sql
from tests.support.athena_api import Execution
from tests.support.aws_server import Call
from tests.support.iam import Request

TLS = {"aws:SecureTransport": "true"}
# What IAM calls the operations that have another name there.
ACTIONS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
}


@dataclass(frozen=True)
class Account:
    """Where names become ARNs.

    Attributes:
        lake: bucket of the lake.
        results: bucket that Athena writes its results to.
        keys: ARN of the key that encrypts a bucket, by the bucket's name.
    """

    number: str
    region: str
    lake: str
    results: str
    keys: Mapping[str, str]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.number}:{resource}"

    def requests(self, call: Call, workgroup: str) -> Iterator[Request]:
        """What one call asks, of the service and of the key behind the bucket."""
        action = f"{call.service}:{ACTIONS.get(call.operation, call.operation)}"
        if call.service == "s3":
            yield from self._of_s3(action, call.path.strip("/"), dict(call.context))
        elif call.service == "glue":
            database, _, table = call.path.partition("/")
            for resource in ["catalog", f"database/{database}", *([f"table/{database}/{table}"] if table else [])]:
                yield Request(action, self.arn("glue", resource), TLS)
        else:
            yield Request(action, self.arn("athena", f"workgroup/{workgroup}"), TLS)

    def behind(self, execution: Execution) -> Iterator[Request]:
        """What Athena asks in the caller's name: about the tables that a statement names, and those below its views."""
        for table in sqlglot.parse_one(execution.statement, dialect="athena").find_all(exp.Table):
            database, _, layer = table.db.rpartition("_")
            if not layer:
                continue  # a WITH clause's own
            relation = f"{layer}.{table.name}"
            stored = sql.tables_behind(sql.parse(sql.text(relation))) if layer == sql.VIEWS else {relation}
            for each in sorted({relation, *stored}):
                path = each.replace(".", "/")
                yield from self.requests(Call("glue", "GetTable", f"{database}_{path}"), execution.workgroup)
                if each in stored:
                    yield from self._of_s3("s3:ListBucket", self.lake, {"s3:prefix": f"{path}/"})
                    yield from self._of_s3("s3:GetObject", f"{self.lake}/{path}/any", {})
        yield from self._of_s3("s3:GetBucketLocation", self.results, {})
        yield from self._of_s3("s3:PutObject", f"{execution.output.removeprefix('s3://')}any", {})

    def _of_s3(self, action: str, path: str, context: Mapping[str, str]) -> Iterator[Request]:
        yield Request(action, f"arn:aws:s3:::{path}", {"s3:ObjectCreationOperation": "true", **TLS, **context})
        via = {"kms:ViaService": f"s3.{self.region}.amazonaws.com"}
        needed = {"s3:PutObject": "kms:GenerateDataKey", "s3:GetObject": "kms:Decrypt"}.get(action)
        if needed:
            yield Request(needed, self.keys[path.partition("/")[0]], via)
