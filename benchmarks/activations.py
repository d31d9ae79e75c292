"""What an activation and the first layer cost: training steps of the network of `quick`, without the optimiser's.

python benchmarks/activations.py [--quick] [--threads N] [--out FILE]
"""

import time
from dataclasses import replace

import torch
from torch import nn

from common import arguments, machine, precision_of, ratio, start, take_turns, write
from deepcnn4cifar.callbacks import new_model
from deepcnn4cifar.recipes import recipes
from deepcnn4cifar.runs import hardware

QUICK = recipes['quick']


def step(dtype, **changes):
    "A function that returns the seconds of one training step, without the optimiser's, after changes to `quick`"
    model = new_model(replace(QUICK, **changes), 10).to(memory_format=torch.channels_last)
    x = torch.randn(QUICK.batch_size, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.arange(QUICK.batch_size) % 10

    def seconds():
        since = time.perf_counter()
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype != torch.float32):
            logits = model(x)
        nn.functional.cross_entropy(logits.float(), y).backward()
        model.zero_grad()
        return time.perf_counter() - since

    return seconds


if __name__ == '__main__':
    a, _ = start(arguments(__doc__, 'results/activations.json'), 'results/activations.json')
    rounds = a.rounds or (2 if a.quick else 15)
    steps = {name: step(a.dtype, activation=name) for name in ('relu', 'gelu', 'silu', 'mish')}
    steps['wider'] = step(a.dtype, channels=(24, *QUICK.channels[1:]))
    seconds = take_turns(steps, rounds, None)
    longer = {name: ratio(seconds['relu'], seconds[name]) for name in ('gelu', 'silu', 'mish')}
    wider = ratio(seconds['gelu'], seconds['wider'])
    print(longer, wider)
    write(
        a.out,
        benchmark='activations',
        machine=machine(a.device),
        hardware=hardware(a.device),
        precision=precision_of(a.dtype),
        batch_size=QUICK.batch_size,
        rounds=rounds,
        times_as_long=longer,  # than with ReLU
        first_layer_of_24=wider,  # channels, with GELU: times as long as quick
    )
