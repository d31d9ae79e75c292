"""What depth costs: a training step and a test image of VGG-11, 13, 16 and 19, in one run.

    python benchmarks/depth.py [--width 1] [--batch 256] [--repeats 5] [--device auto] [--json FILE]

The four networks take turns within each repeat, so that a noisy machine is noisy for all; the median over the repeats
counts. A step is what training does with a batch (forward, loss, backward, the default recipe's optimiser), in the
precision that `auto` picks. Memory is the largest of a step, measured on a GPU only.
"""
import argparse, json, statistics, time
from pathlib import Path

import torch
import torch.nn.functional as F

from deepcnn4cifar.cost import count_multiply_adds
from deepcnn4cifar.recipes import Recipe
from deepcnn4cifar.runs import hardware, versions
from deepcnn4cifar.optimisers import make_optimizer, parameter_groups
from deepcnn4cifar.processes import pick_device, pick_dtype
from deepcnn4cifar.vgg import vgg

archs = 'vgg11', 'vgg13', 'vgg16', 'vgg19'


class Contender:
    def __init__(self, arch, width, device, dtype):
        self.model = vgg(arch, width=width).to(device, memory_format=torch.channels_last)
        self.device, self.dtype, self.opt = device, dtype, make_optimizer(Recipe(arch=arch), dtype)(parameter_groups(self.model))
    def autocast(self): return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)
    def train(self, x, y):
        self.model.train()
        with self.autocast(): logits = self.model(x)
        F.cross_entropy(logits.float(), y).backward()
        self.opt.step(); self.opt.zero_grad()
    def test(self, x, y):
        self.model.eval()
        with torch.inference_mode(), self.autocast(): self.model(x)


def seconds(f, x, y, times):
    wait = torch.cuda.synchronize if x.is_cuda else lambda: None
    f(x, y); wait() # not counted
    start = time.perf_counter()
    for _ in range(times): f(x, y)
    wait()
    return (time.perf_counter() - start) / times


def measure(width, batch, repeats, device, size=32):
    dtype = pick_dtype('auto', device)
    times = 20 if device.type == 'cuda' else 2
    x = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.arange(batch, device=device) % 10
    nets, taken = {a: Contender(a, width, device, dtype) for a in archs}, {(a, what): [] for a in archs for what in ('train', 'test')}
    for _ in range(repeats):
        for a in archs:
            for what in ('train', 'test'): taken[a, what].append(seconds(getattr(nets[a], what), x, y, times))
    out = {}
    for a in archs:
        train, test = (statistics.median(taken[a, what]) for what in ('train', 'test'))
        out[a] = dict(parameters=sum(p.numel() for p in nets[a].model.parameters()), multiply_adds=count_multiply_adds(nets[a].model, size),
                      train_step_seconds=train, train_images_per_second=batch / train, test_images_per_second=batch / test)
        if device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(device); nets[a].train(x, y)
            out[a]['train_step_bytes'] = torch.cuda.max_memory_allocated(device)
    return dict(width=width, batch=batch, size=size, repeats=repeats, precision=str(dtype).removeprefix('torch.'), device=device.type, threads=torch.get_num_threads(),
                hardware=hardware(device), versions=versions(), networks=out)


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--width', type=float, nargs='+', default=[1.])
    p.add_argument('--batch', type=int, default=256)
    p.add_argument('--repeats', type=int, default=5)
    p.add_argument('--device', default='auto')
    p.add_argument('--json', type=Path)
    a = p.parse_args()
    all_ = [measure(w, a.batch, a.repeats, pick_device(a.device)) for w in a.width]
    for r in all_:
        print(f'width {r["width"]:g}, {r["precision"]} on {r["device"]}, batch {r["batch"]}')
        for name, n in r['networks'].items():
            first = r['networks']['vgg11']
            print(f'  {name}  {n["multiply_adds"] / 1e6:6.1f} M multiply-adds ({n["multiply_adds"] / first["multiply_adds"]:.2f}x)   step {n["train_step_seconds"]:.3f} s ({n["train_step_seconds"] / first["train_step_seconds"]:.2f}x)   '
                  f'test {n["test_images_per_second"]:.0f} images/s ({first["test_images_per_second"] / n["test_images_per_second"]:.2f}x)')
    if a.json: a.json.write_text(json.dumps(all_, indent=1), encoding='utf-8')
