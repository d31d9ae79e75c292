"""What a matrix product gains over torch's convolution on maps of 2×2: one layer, and whole training steps.

python benchmarks/small_maps.py [--quick] [--threads N] [--out FILE]
"""

import time

import torch
from torch.nn import functional as F

from common import arguments, machine, precision_of, ratio, start, take_turns, training_step, write
from deepcnn4cifar.runs import hardware
from deepcnn4cifar.small_maps import conv_2x2, small_maps
from deepcnn4cifar.vgg import vgg

BATCH = 250


def layer(convolution, channels, dtype, repeats):
    "A function that returns the seconds of some forward and backward passes of one layer"
    x = torch.randn(BATCH, channels, 2, 2).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    w = torch.randn(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.ones(BATCH, channels, 2, 2, dtype=dtype).contiguous(memory_format=torch.channels_last)

    def seconds():
        since = time.perf_counter()
        for _ in range(repeats):
            with torch.autocast('cpu', torch.bfloat16, enabled=dtype != torch.float32):
                y = convolution(x, w)
            torch.autograd.grad(y, (x, w), upstream)
        return time.perf_counter() - since

    return seconds


def step(arch, width, enabled, dtype):
    "A training step with the matrix products or without them"
    torch.manual_seed(0)
    model = vgg(arch, dropout=0.0, width=width)
    return training_step(model, BATCH, dtype, lambda: small_maps(model, enabled))


if __name__ == '__main__':
    a, _ = start(arguments(__doc__, 'results/small_maps.json'), 'results/small_maps.json')
    rounds = a.rounds or (2 if a.quick else 9)
    layers, steps = [], []
    for channels in (128, 256, 384, 512):
        both = {
            'matrix': layer(conv_2x2, channels, a.dtype, 4),
            'convolution': layer(lambda x, w: F.conv2d(x, w, padding=1), channels, a.dtype, 4),
        }
        seconds = take_turns(both, rounds, None)
        layers.append(dict(channels=channels, ratio=ratio(seconds['matrix'], seconds['convolution'])))
        print(layers[-1])
    for arch, width in (('vgg11', 1.0), ('vgg16', 1.0), ('vgg13', 0.5)):
        both = {name: step(arch, width, name == 'matrix', a.dtype) for name in ('matrix', 'convolution')}
        seconds = take_turns(both, rounds // 2 + 1, None)
        steps.append(dict(arch=arch, width=width, ratio=ratio(seconds['matrix'], seconds['convolution'])))
        print(steps[-1])
    write(
        a.out,
        benchmark='small_maps',
        machine=machine(a.device),
        hardware=hardware(a.device),
        precision=precision_of(a.dtype),
        batch_size=BATCH,
        rounds=rounds,
        layers=layers,
        steps=steps,
    )
