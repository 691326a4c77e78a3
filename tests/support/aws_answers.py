"""AWS as a source meets it: CloudWatch with as many instances as a test asks for, and a page of volumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from tests.support.source_servers import Reply, Request, aws_error, json_reply

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
DATE = {"date": format_datetime(NOW, usegmt=True)}
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>U</UserId><Account>123456789012</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""


_ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA0000{account}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>
<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"""
ROLE, GUARDED_ROLE = (f"arn:aws:iam::210987654321:role/{name}" for name in ("read", "guarded"))


def with_roles(answer: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    """The same with roles of other accounts that may be assumed, GUARDED_ROLE only by who knows an external id."""

    def answered(request: Request) -> Reply:
        if request.operation == "AssumeRole":
            asked = parse_qs(request.body.decode())
            if asked["RoleArn"] == [GUARDED_ROLE] and "ExternalId" not in asked:
                return aws_error(request, 403, "AccessDenied")
            account = asked["RoleArn"][0].split(":")[4]
            return Reply(200, _ASSUMED.format(account=account).encode(), {"content-type": "text/xml"})
        if request.operation == "GetCallerIdentity":
            own = request.access_key[-12:].encode() if request.access_key.startswith("ASIA0000") else b"123456789012"
            return Reply(200, IDENTITY.replace(b"123456789012", own), {"content-type": "text/xml", **DATE})
        return answer(request)

    return answered


class CloudWatch:
    """As many instances as asked for with hourly CPU, in pages of so many results."""

    def __init__(self, instances: int, page: int = 200) -> None:
        self.instances, self.page = instances, page
        self.status: dict[str, list[str]] = {}
        """What to answer for an instance at its next rounds, in place of Complete."""
        self.left_out: Counter[str] = Counter()
        self.repeat_token = False

    def __call__(self, request: Request) -> Reply:
        if request.operation == "GetCallerIdentity":
            return Reply(200, IDENTITY, {"content-type": "text/xml", **DATE})
        asked = request.json()
        first = int(asked.get("NextToken") or 0)
        everything = self.listed(asked) if request.operation == "ListMetrics" else self.data(asked)
        name = "Metrics" if request.operation == "ListMetrics" else "MetricDataResults"
        answer: dict[str, Any] = {name: everything[first : first + self.page]}
        if first + self.page < len(everything):
            answer["NextToken"] = str(min(first, 1) * self.page + self.page if self.repeat_token else first + self.page)
        return json_reply(answer, **DATE)

    def listed(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if asked["MetricName"] != "CPUUtilization":
            return []
        return [{**asked, "Dimensions": [{"Name": "InstanceId", "Value": f"i-{n:04d}"}]} for n in range(self.instances)]

    def data(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        assert len(asked["MetricDataQueries"]) <= 500
        start = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
        results: list[dict[str, Any]] = []
        for query in asked["MetricDataQueries"]:
            instance = query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
            if self.left_out[instance] > 0:
                self.left_out[instance] -= 1
                continue
            rest = self.status.get(instance, [])
            status = rest.pop(0) if rest and not asked.get("NextToken") else "Complete"
            hours = 24 if status == "Complete" else 5
            stamps = [start + 3600 * hour for hour in range(hours)]
            results.append(
                {"Id": query["Id"], "StatusCode": status, "Timestamps": stamps, "Values": [float(instance[2:])] * hours}
            )
        return results


def page_of_volumes(ids: list[str], token: str) -> Reply:
    items = "".join(
        f"<item><volumeId>{one}</volumeId><status>available</status><createTime>2026-01-01T00:00:00Z</createTime></item>"
        for one in ids
    )
    body = f"<DescribeVolumesResponse><volumeSet>{items}</volumeSet><nextToken>{token}</nextToken></DescribeVolumesResponse>"
    return Reply(200, body.encode(), {"content-type": "text/xml"})
