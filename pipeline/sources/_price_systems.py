"""What an instance runs, and where: by the operation and usage type that price lists and bills charge it by.

Source: "AMI billing information fields" of the EC2 User Guide, which names the operation of each platform. What brings its own
licence (`:0800`, `:00g0`) costs what Linux does, and is no price of its own.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class _System(NamedTuple):
    """How it is called here, and in the columns "Operating System" and "Pre Installed S/W" of a price list."""

    name: str
    operating_system: str
    software: str = "NA"


_SYSTEMS = {
    "RunInstances": _System("", "Linux"),
    "RunInstances:0002": _System("Windows", "Windows"),
    "RunInstances:0010": _System("RHEL", "RHEL"),
    "RunInstances:000g": _System("SUSE", "SUSE"),
    "RunInstances:0g00": _System("Ubuntu Pro", "Ubuntu Pro"),
    **{
        f"RunInstances:{code}": _System(f"{name} {software}".strip(), name or "Linux", software)
        for code, name, software in (
            ("0004", "", "SQL Std"),
            ("0100", "", "SQL Ent"),
            ("0200", "", "SQL Web"),
            ("0006", "Windows", "SQL Std"),
            ("0102", "Windows", "SQL Ent"),
            ("0202", "Windows", "SQL Web"),
        )
    },
}
# How a usage type of an instance begins: the tenancy that a price list states, and what the item's name has of it.
_TENANCIES = {"BoxUsage": ("Shared", ""), "DedicatedUsage": ("Dedicated", " dedicated")}
_INSTANCE = re.compile(r"(BoxUsage|DedicatedUsage):([a-z0-9-]+\.[a-z0-9-]+)")


def instance_of(usage: str, operation: str) -> tuple[str, str] | None:
    """The type, and the whole name of what runs: `m5.large` and `m5.large dedicated Windows`, or of Linux on shared
    tenancy twice the type; None for what is no instance, or runs what is not known here.

    Args:
        usage: the usage type, without what stands for its region.
    """
    matched, system = _INSTANCE.fullmatch(usage), _SYSTEMS.get(operation)
    if matched is None or system is None:
        return None
    return matched[2], f"{matched[2]}{_TENANCIES[matched[1]][1]} {system.name}".strip()


def is_as_stated(usage: str, line: dict[str, str]) -> bool:
    """Whether what a line of a price list of instances states of system, software and tenancy is what its operation says."""
    system = _SYSTEMS[line["operation"]]
    return (
        line.get("Operating System") == system.operating_system
        and line.get("Pre Installed S/W", "NA") == system.software
        and line.get("Tenancy") == _TENANCIES[usage.partition(":")[0]][0]
        and line.get("Instance Type") == usage.partition(":")[2]
    )
