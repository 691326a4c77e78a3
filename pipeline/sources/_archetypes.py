"""The four server archetypes of the synthetic fleet, as documented."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Order of the four correlated quantities everywhere in the fleet.
QUANTITIES = ("cpu", "mem", "disk", "net")


@dataclass(frozen=True)
class Archetype:
    """One kind of server.

    Attributes:
        share: of the fleet.
        base: mean cpu, mem, disk (percent) and net (Mbps) before any factor.
        sd: standard deviation of the noise of the same four, in the same units.
        cpu_mem, cpu_net, mem_disk: correlations of the noise; the other three are the same for all archetypes.
        business_hours: factor from 9:00 to 17:59.
        weekend: factor on Saturday and Sunday.
        spike_probability, spike_factor: how often a sample is a spike, and what it is multiplied by.
        growth_pct: percent per month.
    """

    name: str
    share: float
    base: tuple[float, float, float, float]
    sd: tuple[float, float, float, float]
    cpu_mem: float
    cpu_net: float
    mem_disk: float
    business_hours: float
    weekend: float
    spike_probability: float
    spike_factor: float
    growth_pct: float

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


ARCHETYPES = (
    Archetype("web", 0.35, (45, 35, 20, 150), (15, 8, 5, 50), 0.5, 0.8, 0.2, 1.6, 0.5, 0.03, 1.8, 0.5),
    Archetype("application", 0.40, (50, 55, 30, 120), (18, 15, 10, 40), 0.7, 0.6, 0.4, 1.5, 0.6, 0.02, 1.6, 0.8),
    Archetype("database", 0.15, (35, 70, 55, 100), (12, 10, 15, 30), 0.6, 0.4, 0.7, 1.3, 0.7, 0.01, 1.4, 1.0),
    Archetype("batch", 0.10, (30, 45, 40, 80), (25, 12, 20, 35), 0.4, 0.3, 0.5, 0.8, 1.2, 0.08, 2.5, 0.3),
)


def assigned(servers: int) -> npt.NDArray[np.int64]:
    """Index into `ARCHETYPES` per server, in blocks: int(n·share) of each, and the remainder to `application`."""
    counts = [int(servers * kind.share) for kind in ARCHETYPES]
    counts[1] += servers - sum(counts)
    return np.repeat(np.arange(len(ARCHETYPES)), counts)


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
