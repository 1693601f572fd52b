"""How much memory loading takes, measured from outside the test's own process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from acestep_cli.demo.tables import TensorSpec
from acestep_cli.demo.writer import DiskDtype, write_weights

_LAYERS = [TensorSpec(f"layers.{index}.weight", (1024, 1024), 0.02) for index in range(24)]
_EMBEDDING = TensorSpec("embed.weight", (12_000, 1024), 0.02)
_SPECS = [_EMBEDDING, *_LAYERS]
_VALUES = sum(spec.numel for spec in _SPECS)

_PROBE = """
import json, pathlib, sys, threading
import torch
from torch import nn
from acestep_cli.weights.index import read_index
from acestep_cli.weights.load import load_weights

def anonymous():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12_000, 1024)
        self.layers = nn.ModuleList(nn.Linear(1024, 1024, bias=False) for _ in range(24))

torch.set_num_threads(1)
torch.zeros(10).to(torch.bfloat16)
with torch.device("meta"):
    net = Net()
index = read_index(pathlib.Path(sys.argv[1]))
peak, done = [anonymous()], threading.Event()
before = peak[0]
def watch():
    while not done.wait(0.002):
        peak.append(anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
load_weights(net, index, dtype=getattr(torch, sys.argv[2]))
done.set()
watcher.join()
touched = sum(parameter.float().sum().item() * 0 for parameter in net.layers.parameters())
after = anonymous()
print(json.dumps({"peak": max(*peak, after) - before, "after": after - before}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/smaps_rollup is Linux")
@pytest.mark.parametrize(
    ("stored", "run", "item", "shard_bytes", "mapped"),
    [
        ("F32", "bfloat16", 2, None, False),
        ("BF16", "bfloat16", 2, None, True),
        ("BF16", "float32", 4, 40_000_000, False),
        ("BF16", "bfloat16", 2, 20_000_000, True),
    ],
)
def test_memory_stays_near_the_weights(
    tmp_path: Path, stored: DiskDtype, run: str, item: int, shard_bytes: int | None, mapped: bool
) -> None:
    write_weights(tmp_path, "model", _SPECS, 0, dtype=stored, shard_bytes=shard_bytes)
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, str(tmp_path), run],
        capture_output=True,
        text=True,
        check=True,
    )
    used = json.loads(done.stdout)
    weights, largest = _VALUES * item, _EMBEDDING.numel * item
    assert used["peak"] < 1.15 * weights + largest
    if mapped:
        assert used["after"] < 0.1 * weights
