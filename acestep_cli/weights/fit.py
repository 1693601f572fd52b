"""What of the checkpoints this machine can use, by the same policy that a run is held to.

Memory counts as if nothing else ran: what fits is said of the machine, not of the moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from acestep_cli.config import Settings
from acestep_cli.errors import DeviceError
from acestep_cli.hardware.devices import Device, available_devices, choose_device
from acestep_cli.hardware.memory import GIB, Memory
from acestep_cli.hardware.planner import PlannerSize, choose_hardware, context_positions
from acestep_cli.hardware.policy import choose_policy
from acestep_cli.weights.catalog import BY_NAME, DEFAULT_DIT, TEXT_ENCODER, VAE, Entry, Kind

# A song of four minutes with long lyrics.
_POSITIONS = context_positions(3000, 240.0)
# From how many GiB of an accelerator on a planner leaves enough to the other networks.
_PLANNERS = ((24.5, "acestep-5Hz-lm-4B"), (12.5, "acestep-5Hz-lm-1.7B"), (0, "acestep-5Hz-lm-0.6B"))
_QUICKEST = _PLANNERS[-1][1]


@dataclass(frozen=True, slots=True)
class Machine:
    """The devices of this machine with all of their memory, and the settings that choose."""

    settings: Settings
    devices: tuple[Device, ...]
    environ: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str]) -> Machine:
        """This machine. SettingsError for a variable that simulates no size."""
        found = available_devices(environ, gpus=settings.device != "cpu")
        return cls(settings, tuple(_emptied(device) for device in found), environ)

    @property
    def device(self) -> Device:
        """The device that runs use; DeviceError when the settings name one that is not here."""
        return choose_device(self.settings.device, list(self.devices))

    def misfit(self, kind: Kind, values: int, cached: int = 0) -> str:
        """Why a checkpoint of `kind` with `values` weights cannot be used here, in a sentence;
        empty when it can, or nobody knows how large it is. `cached` as in `Entry`."""
        if not values:
            return ""
        try:
            if kind == "planner":
                return self._planner_misfit(values, cached)
            choose_policy(
                self.settings, {kind: values}, devices=list(self.devices), environ=self.environ
            )
        except DeviceError as error:
            return error.message
        return ""

    def _planner_misfit(self, values: int, cached: int) -> str:
        size = PlannerSize("the planner", values, cached)
        hardware = choose_hardware(
            self.settings,
            {},
            [size],
            positions=_POSITIONS,
            devices=list(self.devices),
            environ=self.environ,
        )
        return "" if hardware.planner is not None else hardware.reason

    def preferred(self, sizes: Sequence[PlannerSize]) -> int | None:
        """Which of the planners `sizes`, smallest first, a run would use; None for none."""
        hardware = choose_hardware(
            self.settings,
            {},
            sizes,
            positions=_POSITIONS,
            devices=list(self.devices),
            environ=self.environ,
        )
        return hardware.planner


def recommended(machine: Machine) -> tuple[Entry, ...]:
    """What to fetch for this machine: the default model with what it needs, and the planner that
    suits the memory, if one fits."""
    wanted = [BY_NAME[name] for name in (DEFAULT_DIT, VAE, TEXT_ENCODER)]
    device = machine.device
    room = device.memory.total / GIB if device.kind != "cpu" else 0.0
    for least, name in _PLANNERS:
        entry = BY_NAME[name]
        if (room >= least or name == _QUICKEST) and not machine.misfit(
            "planner", entry.values, entry.cached
        ):
            return (*wanted, entry)
    return tuple(wanted)


def needs(entry: Entry) -> tuple[Entry, ...]:
    """What `entry` cannot be used without: a DiT needs the VAE and the text encoder."""
    return (BY_NAME[VAE], BY_NAME[TEXT_ENCODER]) if entry.kind == "dit" else ()


def _emptied(device: Device) -> Device:
    return replace(device, memory=Memory(device.memory.total, device.memory.total))
