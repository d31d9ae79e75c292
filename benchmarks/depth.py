"""What depth costs: a training step and a test image of VGG-11, 13, 16 and 19, in one run.

    python benchmarks/depth.py [--width 1] [--batch 256] [--repeats 5] [--device auto] [--json FILE]

The four networks take turns within each repeat, so that a noisy machine is noisy for all; the median over the repeats
counts. A step is what training does with a batch (forward, loss, backward, the default recipe's optimiser), in the
precision that `auto` picks. Memory is the largest of a step, measured on a GPU only.
"""

import argparse
import json
import statistics
import time
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
    "A network that can be trained and tested by single batches"

    def __init__(self, arch, width, device, dtype):
        self.model = vgg(arch, width=width).to(device, memory_format=torch.channels_last)
        self.device = device
        self.dtype = dtype
        self.opt = make_optimizer(Recipe(arch=arch), dtype)(parameter_groups(self.model))

    def autocast(self):
        "Within the block, the number format of the contender"
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)

    def train(self, x, y):
        "One training step"
        self.model.train()
        with self.autocast():
            logits = self.model(x)
        F.cross_entropy(logits.float(), y).backward()
        self.opt.step()
        self.opt.zero_grad()

    def test(self, x, y):
        "One forward pass"
        self.model.eval()
        with torch.inference_mode(), self.autocast():
            self.model(x)


def seconds(f, x, y, times):
    "Mean seconds of a call, after one that does not count"
    wait = torch.cuda.synchronize if x.is_cuda else lambda: None
    f(x, y)
    wait()  # not counted
    start = time.perf_counter()
    for _ in range(times):
        f(x, y)
    wait()
    return (time.perf_counter() - start) / times


def take_turns(nets, x, y, repeats, times):
    "Seconds by network and what it does ('train' or 'test'), one for each repeat"
    taken = {(arch, what): [] for arch in nets for what in ('train', 'test')}
    for _ in range(repeats):
        for arch, what in taken:
            taken[arch, what].append(seconds(getattr(nets[arch], what), x, y, times))
    return taken


def cost_of(net, taken, x, y):
    "What one network costs; `taken` holds the seconds of its training steps and of its forward passes"
    train, test = (statistics.median(taken[what]) for what in ('train', 'test'))
    found = dict(
        parameters=sum(p.numel() for p in net.model.parameters()),
        multiply_adds=count_multiply_adds(net.model, x.shape[-1]),
        train_step_seconds=train,
        train_images_per_second=len(x) / train,
        test_images_per_second=len(x) / test,
    )
    if x.is_cuda:
        torch.cuda.reset_peak_memory_stats(x.device)
        net.train(x, y)
        found['train_step_bytes'] = torch.cuda.max_memory_allocated(x.device)
    return found


def measure(width, batch, repeats, device, size=32):
    "Everything about the four networks at one width"
    dtype = pick_dtype('auto', device)
    times = 20 if device.type == 'cuda' else 2
    x = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.arange(batch, device=device) % 10
    nets = {arch: Contender(arch, width, device, dtype) for arch in archs}
    taken = take_turns(nets, x, y, repeats, times)
    found = {}
    for arch, net in nets.items():
        found[arch] = cost_of(net, {what: taken[arch, what] for what in ('train', 'test')}, x, y)
    return dict(
        width=width,
        batch=batch,
        size=size,
        repeats=repeats,
        precision=str(dtype).removeprefix('torch.'),
        device=device.type,
        threads=torch.get_num_threads(),
        hardware=hardware(device),
        versions=versions(),
        networks=found,
    )


def print_found(found):
    "The four networks at one width, beside VGG-11"
    print(f'width {found["width"]:g}, {found["precision"]} on {found["device"]}, batch {found["batch"]}')
    first = found['networks']['vgg11']
    for name, n in found['networks'].items():
        times = {k: n[k] / first[k] for k in ('multiply_adds', 'train_step_seconds')}
        slower = first['test_images_per_second'] / n['test_images_per_second']
        print(
            f'  {name}  {n["multiply_adds"] / 1e6:6.1f} M multiply-adds ({times["multiply_adds"]:.2f}x)   '
            f'step {n["train_step_seconds"]:.3f} s ({times["train_step_seconds"]:.2f}x)   '
            f'test {n["test_images_per_second"]:.0f} images/s ({slower:.2f}x)'
        )


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--width', type=float, nargs='+', default=[1.0])
    p.add_argument('--batch', type=int, default=256)
    p.add_argument('--repeats', type=int, default=5)
    p.add_argument('--device', default='auto')
    p.add_argument('--json', type=Path)
    a = p.parse_args()
    device = pick_device(a.device)
    found = [measure(width, a.batch, a.repeats, device) for width in a.width]
    for each in found:
        print_found(each)
    if a.json:
        a.json.write_text(json.dumps(found, indent=1), encoding='utf-8')


if __name__ == '__main__':
    main()
