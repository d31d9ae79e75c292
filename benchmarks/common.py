"""What the benchmarks share: options, the machine in words, contenders that take turns, two training loops, a file.

A benchmark compares contenders: functions without parameters that do some work and return the seconds it took.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from fastai.callback.core import Callback
from torch.nn import functional as F

from deepcnn4cifar.callbacks import forward_context
from deepcnn4cifar.data import load_data
from deepcnn4cifar.loaders import plain
from deepcnn4cifar.recipes import Recipe
from deepcnn4cifar.optimisers import make_optimizer, parameter_groups
from deepcnn4cifar.processes import has_bf16, pick_device
from deepcnn4cifar.training import fit, vgg_learner
from deepcnn4cifar.vgg import vgg


def arguments(doc, out):
    "The options every benchmark has"
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    p.add_argument('--data', default='auto', help='path, cifar10, shapes or auto')
    p.add_argument('--device', default='auto')
    p.add_argument('--quick', action='store_true', help='about a minute, to see that it runs: its figures mean little')
    p.add_argument('--threads', type=int, help="torch's threads; default: torch's own choice")
    p.add_argument('--rounds', type=int, help='turns of every contender')
    p.add_argument('--out', type=Path, help=f'JSON file; default: {out}, none with --quick')
    return p


def start(p, out):
    "Parsed options, data and device"
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    if not a.quick and a.out is None:
        a.out = Path(__file__).resolve().parents[1] / out
    a.device = pick_device(a.device)
    a.dtype = torch.bfloat16 if has_bf16(a.device) else torch.float32
    torch.manual_seed(0)
    return a, load_data(a.data)


def machine(device):
    "Properties of the machine and versions of what was measured"
    found = dict(
        architecture=platform.machine(),
        system=platform.system(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        vector_instructions=torch.backends.cpu.get_cpu_capability(),
        bf16_in_hardware=has_bf16(device),
        bf16_units=bf16_units(),
        device=device.type,
    )
    if hasattr(os, 'sysconf') and 'SC_PHYS_PAGES' in os.sysconf_names:
        found['memory_gib'] = round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30, 1)
    if hasattr(os, 'getloadavg'):
        found['load_at_start'] = round(os.getloadavg()[0], 2)
    if device.type == 'cuda':
        found['gpu'] = torch.cuda.get_device_name(device)

    names = ('torch', 'torchvision', 'fastai', 'numpy', 'pillow')
    return found | {'versions': {name: version_of(name) for name in names}}


def bf16_units():
    "What multiplies bfloat16 numbers on this processor: AMX, AVX512-BF16, or None"
    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, 'get_capabilities') else {}
    return 'AMX' if found.get('amx_bf16') else 'AVX512-BF16' if found.get('avx512_bf16') else None


def version_of(name):
    "Version of an installed package, or None"
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine_in_words(found):
    "The machine as `machine` describes it, in a line"
    gpu = found.get('gpu', 'no GPU')
    cores = f'{found["cores"]} cores, {found["threads"]} threads, {found["vector_instructions"]}'
    return f'{cores}, {gpu}, torch {torch.__version__}'


def precision_of(dtype):
    "Name of a number format: float32 or bfloat16"
    return str(dtype).removeprefix('torch.')


def wait(device):
    "Let a GPU finish what it was given"
    if device.type != 'cpu':
        torch.accelerator.synchronize(device)


def training_step(model, batch, dtype, around=contextlib.nullcontext):
    "A contender: one training step without the optimiser's, on random images of 32 pixels"
    model = model.to(memory_format=torch.channels_last)
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.arange(batch) % 10

    def seconds():
        since = time.perf_counter()
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype != torch.float32), around():
            logits = model(x)
        F.cross_entropy(logits.float(), y).backward()
        model.zero_grad()
        return time.perf_counter() - since

    return seconds


def take_turns(contenders, rounds, note=print):
    """Seconds of every contender, `rounds` values each

    The order is turned round every other time, and a first round warms up.
    """
    seconds = {name: [] for name in contenders}
    for r in range(rounds + 1):
        for name in list(contenders)[:: -1 if r % 2 else 1]:
            took = contenders[name]()
            if r:
                seconds[name].append(took)
        if r and note:
            note(f'  round {r} of {rounds}: ' + ', '.join(f'{name} {t[-1]:.2f} s' for name, t in seconds.items()))
    return seconds


def ratio(ours, theirs):
    "How many times as fast: median over the rounds, each round's two neighbours compared, with the lowest and highest"
    each = sorted(t / o for o, t in zip(ours, theirs))
    return dict(median=statistics.median(each), lowest=each[0], highest=each[-1])


def rounded(value):
    "The same dictionary, list or value with all floats rounded to four digits"
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f'{value:.4g}') if isinstance(value, float) else value


def write(path, **found):
    "One JSON file, numbers rounded to four digits; nothing where there is no path"
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(found), indent=1) + '\n')
    print(f'written: {path.name}')


def first(data, n):
    "The same data with `n` training images (repeated if there are fewer) and a handful for validation"
    train = data.train.subset(torch.arange(n).remainder(len(data.train)).numpy())
    return replace(data, train=train, valid=data.valid.subset(slice(0, 10)))


def recipe(arch, batch, dtype, **changes):
    "The textbook's settings as a recipe of this library: SGD, crop, flip, nothing else"
    settings = dict(
        arch=arch,
        optimizer='sgd',
        lr=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        epochs=1,
        batch_size=batch,
        crop=4,
        flip='random',
        sizes=(32,),
        label_smoothing=0.0,
        precision=precision_of(dtype),
    )
    return Recipe(**(settings | changes))


class Stopwatch(Callback):
    "Seconds from the end of step `skip` to the end of the last one"

    order = 200

    def __init__(self, skip, device):
        self.skip = skip
        self.where = device
        self.seconds = None

    def after_batch(self):
        "Start or stop the watch"
        if not self.training or self.iter + 1 not in (self.skip, self.n_iter):
            return
        wait(self.where)
        if self.iter + 1 == self.skip:
            self.since = time.perf_counter()
        else:
            self.seconds = time.perf_counter() - self.since


class WithLearner:
    "Seconds of all but the first `skip` steps of the library's `fit`"

    def __init__(self, data, recipe, device, skip):
        self.learn = vgg_learner(data, recipe, device)
        self.device = device
        self.skip = skip

    def __call__(self):
        "Train by the recipe, and say how long it took"
        watch = Stopwatch(self.skip, self.device)
        fit(self.learn, cbs=[watch])
        return watch.seconds


class BareLoop:
    "A plain loop around a loader of this library: network, number formats, optimiser and schedule of the `Learner`"

    def __init__(self, data, recipe, device, dtype, skip):
        net = vgg(recipe.arch, num_classes=len(data.classes), dropout=0.0, width=recipe.width)
        self.net = net.to(device, memory_format=torch.channels_last)
        self.loader = vgg_learner(data, recipe, device).dls.train
        self.device = device
        self.dtype = dtype
        self.skip = skip
        self.optimiser = make_optimizer(recipe)(parameter_groups(self.net)).opt  # torch's own, as the Learner has it

    def step(self, x, y):
        "One training step; returns the loss"
        x, y = plain(x).contiguous(memory_format=torch.channels_last), plain(y)
        with forward_context(self.net, self.device, self.dtype):
            logits = self.net(x)
        loss = F.cross_entropy(logits.float(), y)
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        self.optimiser.zero_grad()
        return loss.detach()

    def __call__(self):
        "Seconds from the end of step `skip` to the end of the last one"
        self.net.train()
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, 0.01, total_steps=len(self.loader))
        total = 0.0
        for i, (x, y) in enumerate(self.loader):
            total = total + self.step(x, y)
            if i + 1 == self.skip:
                wait(self.device)
                since = time.perf_counter()
        wait(self.device)
        return time.perf_counter() - since
