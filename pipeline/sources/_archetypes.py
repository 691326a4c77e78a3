"""The server archetypes of the synthetic fleet: the four that are documented, or those of a person's file."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError

#: Order of the four correlated quantities everywhere in the fleet.
QUANTITIES = ("cpu", "mem", "disk", "net")
_Positive = Annotated[float, Field(gt=0)]


class Archetype(BaseModel):
    """One kind of server, as a file states it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    #: Of the fleet.
    share: float = Field(gt=0, le=1)
    #: Mean cpu, mem, disk (percent) and net (Mbps) before any factor.
    base: tuple[_Positive, _Positive, _Positive, _Positive]
    #: Standard deviation of the noise of the same four, in the same units.
    sd: tuple[_Positive, _Positive, _Positive, _Positive]
    #: Correlations of the noise; the other three are the same for all archetypes.
    cpu_mem: float = Field(gt=-1, lt=1)
    cpu_net: float = Field(gt=-1, lt=1)
    mem_disk: float = Field(gt=-1, lt=1)
    #: Factors from 9:00 to 17:59, and on Saturday and Sunday.
    business_hours: float = Field(gt=0, le=10)
    weekend: float = Field(gt=0, le=10)
    #: How often a sample is a spike, and what it is multiplied by.
    spike_probability: float = Field(ge=0, le=1)
    spike_factor: float = Field(ge=1, le=100)
    #: Percent: of cpu, mem and disk over the whole life of the reference fleet; a month in the realistic one.
    growth_pct: float = Field(ge=-100, le=100)

    def correlation(self) -> npt.NDArray[np.float64]:
        """The 4 × 4 correlation matrix of the noise, in the order of `QUANTITIES`."""
        cpu_disk, mem_net, disk_net = 0.1, 0.2, 0.3
        return np.array(
            [
                [1.0, self.cpu_mem, cpu_disk, self.cpu_net],
                [self.cpu_mem, 1.0, self.mem_disk, mem_net],
                [cpu_disk, self.mem_disk, 1.0, disk_net],
                [self.cpu_net, mem_net, disk_net, 1.0],
            ]
        )


def read_archetypes(path: Path) -> tuple[Archetype, ...]:
    """The archetypes that a file states, in its order.

    Raises:
        ConfigError: no such file, or what it states cannot be; the message names archetype and value.
    """
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8")).get("archetype", [])
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not TOML, which is UTF-8: byte {error.start}: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    if not (isinstance(stated, list) and all(isinstance(each, dict) for each in stated)):
        raise ConfigError(f"{path}: archetype={stated!r}: expected a table [[archetype]] for each kind of server")
    kinds = tuple(_read(path, each) for each in stated)
    _check(path, kinds)
    return kinds


def _read(path: Path, stated: dict[str, Any]) -> Archetype:
    try:
        return Archetype.model_validate(stated)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        value = "" if first["type"] == "missing" else f"={first['input']!r}"
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: archetype {stated.get('name', '')}: {where}{value}: {first['msg']}") from error


def _check(path: Path, kinds: Sequence[Archetype]) -> None:
    names = [kind.name for kind in kinds]
    if len(set(names)) != len(names):
        raise ConfigError(f"{path}: two archetypes of one name among {', '.join(names)}")
    if abs(sum(kind.share for kind in kinds) - 1) > 1e-9:
        raise ConfigError(f"{path}: shares sum to {sum(kind.share for kind in kinds):g}; expected 1")
    for kind in kinds:
        if np.linalg.eigvalsh(kind.correlation()).min() <= 0:
            raise ConfigError(f"{path}: archetype {kind.name}: no noise has its correlations at once")


#: As documented; a person's own file may state others.
ARCHETYPES = read_archetypes(Path(__file__).resolve().parent.parent / "samples" / "archetypes.toml")


def assigned(servers: int, kinds: Sequence[Archetype] = ARCHETYPES) -> npt.NDArray[np.int64]:
    """Index into the kinds per server, in blocks: int(n·share) of each, and the remainder to the one of the largest share."""
    counts = [int(servers * kind.share) for kind in kinds]
    counts[int(np.argmax([kind.share for kind in kinds]))] += servers - sum(counts)
    return np.repeat(np.arange(len(kinds)), counts)


def server_names(servers: int) -> list[str]:
    """server_000, server_001 …"""
    return [f"server_{number:03d}" for number in range(servers)]


def correlated(noise: npt.NDArray[np.float64], correlation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Independent standard normal noise, last axis in the order of `QUANTITIES`, given the correlation.

    The triangular product is written out because BLAS may add up in another order on another machine.
    """
    factor = np.linalg.cholesky(correlation)
    result = np.empty_like(noise)
    for row in range(len(factor)):
        total = noise[..., 0] * factor[row, 0]
        for column in range(1, row + 1):
            total += noise[..., column] * factor[row, column]
        result[..., row] = total
    return result
