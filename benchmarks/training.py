"""Training throughput of VGG-11 and VGG-16: this library beside the textbook loop, and its Learner beside a bare loop.

    python benchmarks/training.py [--data SOURCE] [--quick] [--out FILE]

The textbook loop is written in the manner of the many CIFAR-10 repositories: torchvision's data set, PIL transforms,
two worker processes, float32, batches of 128, loss and accuracy read after every step. All contenders train the same
network by SGD with the same augmentation (shift by up to 4 pixels, flip) and take turns; every turn skips its first
steps, so that neither start-up nor batches that were prepared before it count. The ratio is the median over the rounds.

On a GPU it adds what the throughput means: seconds per epoch of 50,000 images.
"""

import statistics
import time

import torch
import torchvision
from torch import nn
from torchvision import transforms

from common import (
    BareLoop,
    WithLearner,
    arguments,
    first,
    machine,
    machine_in_words,
    precision_of,
    ratio,
    recipe,
    start,
    take_turns,
    wait,
    write,
)
from deepcnn4cifar.vgg import vgg


class InMemory(torchvision.datasets.CIFAR10):
    "torchvision's CIFAR-10 with images that have been read already"

    def __init__(self, images, labels, transform):
        torchvision.datasets.VisionDataset.__init__(self, '.', transform=transform)
        self.data, self.targets = images.transpose(0, 2, 3, 1), labels.tolist()


def textbook_loader(data, batch, pin=False):
    "torchvision, PIL, two workers"
    steps = [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(data.mean, data.std),
    ]
    images = InMemory(data.train.images, data.train.labels, transforms.Compose(steps))
    settings = dict(batch_size=batch, shuffle=True, drop_last=True, num_workers=2, pin_memory=pin)
    return torch.utils.data.DataLoader(images, **settings)


def textbook_steps(net, loader, device):
    "Train for ever; yields after every step"
    net.to(device).train()
    criterion = nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    while True:
        total = right = seen = 0
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            optimiser.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimiser.step()
            total += loss.item()
            seen += len(targets)
            right += outputs.argmax(1).eq(targets).sum().item()
            yield total / seen, right / seen


class Textbook:
    "Seconds of `steps` steps, after those that the workers had prepared (two each)"

    def __init__(self, net, loader, device, steps):
        self.steps = textbook_steps(net, loader, device)
        self.n = steps
        self.device = device

    def __call__(self):
        for _ in range(5):
            next(self.steps)
        wait(self.device)
        since = time.perf_counter()
        for _ in range(self.n):
            next(self.steps)
        wait(self.device)
        seconds = time.perf_counter() - since
        time.sleep(1)  # the workers fill their queue again; the next contender should not wait for them
        return seconds


def throughput(arch, data, a, batch, steps, rounds, skip=2):
    "Everyone's images per second with one network"
    net = vgg(arch, num_classes=len(data.classes), dropout=0.0)
    some = first(data, (steps + skip) * batch)
    ours, plain = recipe(arch, batch, a.dtype), recipe(arch, batch, torch.float32)
    loader = textbook_loader(data, batch, pin=a.device.type == 'cuda')
    contenders = {
        'textbook': Textbook(net, loader, a.device, steps),
        'Learner': WithLearner(some, ours, a.device, skip),
        'bare loop': BareLoop(some, ours, a.device, a.dtype, skip),
    }
    if a.dtype != torch.float32:
        contenders['Learner, float32'] = WithLearner(some, plain, a.device, skip)
    seconds = take_turns(contenders, rounds)
    speed = {k: steps * batch / statistics.median(t) for k, t in seconds.items()}
    found = dict(steps=steps, seconds=seconds, images_per_second=speed)
    found['over_textbook'] = {k: ratio(t, seconds['textbook']) for k, t in seconds.items() if k != 'textbook'}
    found['bare_over_learner_seconds'] = ratio(seconds['bare loop'], seconds['Learner'])
    if a.device.type == 'cuda':
        found['seconds_per_epoch'] = {k: 50_000 / v for k, v in speed.items()}
    return found


def learner_cost(data, a, batch, steps, rounds, skip=2):
    "Milliseconds per step that the Learner adds, seen with a network so narrow that they stand out"
    small, settings = first(data, (steps + skip) * batch), recipe('vgg11', batch, a.dtype, width=1 / 32)
    contenders = {
        'Learner': WithLearner(small, settings, a.device, skip),
        'bare loop': BareLoop(small, settings, a.device, a.dtype, skip),
    }
    seconds = take_turns(contenders, rounds, note=None)
    extra = sorted(1000 * (ours - bare) / steps for ours, bare in zip(seconds['Learner'], seconds['bare loop']))
    return dict(median=statistics.median(extra), lowest=extra[0], highest=extra[-1])


def print_throughput(found):
    "A line for every network and contender"
    print(f'\n{"":8}{"":18}{"images/s":>10}{"times the textbook loop (lowest to highest)":>48}')
    for arch, f in found.items():
        for name, speed in f['images_per_second'].items():
            r = f['over_textbook'].get(name, dict(median=1, lowest=1, highest=1))
            print(f'{arch:8}{name:18}{speed:10.1f}{r["median"]:24.2f} ({r["lowest"]:.2f} to {r["highest"]:.2f})')


def print_learner_cost(arch, f, cost, step):
    "What the Learner costs with one network, whose steps take `step` milliseconds"
    median, lowest, highest = (100 * (f['bare_over_learner_seconds'][k] - 1) for k in ('median', 'lowest', 'highest'))
    print(
        f'{arch}: the Learner takes {median:+.1f} % ({lowest:+.1f} to {highest:+.1f}) more time than the bare loop; '
        f'its {cost["median"]:.2f} ms per step are {100 * f["learner_cost_share"]:.2f} % of {step:.0f} ms'
    )
    if 'seconds_per_epoch' in f:
        each = [f'{k} {v:.1f} s per epoch of 50,000 images' for k, v in f['seconds_per_epoch'].items()]
        print(f'{arch}: ' + ', '.join(each))


def main():
    p = arguments(__doc__, 'results/training_speed.json')
    p.add_argument('--archs', nargs='+', default=['vgg11', 'vgg16'])
    p.add_argument('--batch', type=int, default=128)
    a, data = start(p, 'results/training_speed.json')
    rounds = a.rounds or (1 if a.quick else 5)
    steps = 3 if a.quick else 8 if a.device.type == 'cpu' else 100
    props, found = machine(a.device), {}
    print(f'{data.description}\n{machine_in_words(props)}, batches of {a.batch}')
    for arch in a.archs:
        print(f'{arch} ({precision_of(a.dtype)} unless it says otherwise):')
        found[arch] = throughput(arch, data, a, a.batch, steps, rounds)
    cost = learner_cost(data, a, a.batch, 20 if a.quick else 40, 3 if a.quick else 9)
    print_throughput(found)
    for arch, f in found.items():
        step = 1000 * a.batch / f['images_per_second']['bare loop']
        f['learner_cost_share'] = cost['median'] / step
        print_learner_cost(arch, f, cost, step)
    told = dict(data=data.description, machine=props, batch=a.batch, rounds=rounds, precision=precision_of(a.dtype))
    write(a.out, benchmark='training', **told, networks=found, learner_cost_ms_per_step=cost)


if __name__ == '__main__':
    main()
