"""Training throughput of VGG-11 and VGG-16: this library beside the textbook loop, and its Learner beside a bare loop.

    python benchmarks/training.py [--data SOURCE] [--quick] [--out FILE]

The textbook loop is written in the manner of the many CIFAR-10 repositories: torchvision's data set, PIL transforms, two worker
processes, float32, batches of 128, loss and accuracy read after every step. All contenders train the same network by
SGD with the same augmentation (shift by up to 4 pixels, flip) and take turns; every turn skips its first steps, so that
neither start-up nor batches that were prepared before it count. The ratio is the median over the rounds.

On a GPU it adds what the throughput means: seconds per epoch of 50,000 images.
"""
import statistics, time

import torch, torchvision
from torch import nn
from torchvision import transforms

from common import Bare, WithLearner, arguments, first, machine, ratio, recipe, start, take_turns, wait, write
from deepcnn4cifar.vgg import vgg


class InMemory(torchvision.datasets.CIFAR10):
    "torchvision's CIFAR-10 with images that have been read already"
    def __init__(self, images, labels, transform):
        torchvision.datasets.VisionDataset.__init__(self, '.', transform=transform)
        self.data, self.targets = images.transpose(0, 2, 3, 1), labels.tolist()


def textbook_loader(data, batch, pin=False):
    "torchvision, PIL, two workers"
    transform = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(data.mean, data.std)])
    return torch.utils.data.DataLoader(InMemory(data.train.images, data.train.labels, transform), batch_size=batch, shuffle=True, drop_last=True, num_workers=2, pin_memory=pin)


def textbook_steps(net, loader, device):
    "Train for ever; yields after every step"
    net.to(device).train()
    criterion, optimiser = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    while True:
        total = right = seen = 0
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            optimiser.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimiser.step()
            total += loss.item(); seen += len(targets); right += outputs.argmax(1).eq(targets).sum().item()
            yield total / seen, right / seen


class Textbook:
    "Seconds of `steps` steps, after those that the workers had prepared (two each)"
    def __init__(self, net, loader, device, steps): self.steps, self.n, self.device = textbook_steps(net, loader, device), steps, device
    def __call__(self):
        for _ in range(5): next(self.steps)
        wait(self.device); since = time.perf_counter()
        for _ in range(self.n): next(self.steps)
        wait(self.device); seconds = time.perf_counter() - since
        time.sleep(1) # the workers fill their queue again; the next contender should not wait for them
        return seconds


def throughput(arch, data, a, batch, steps, rounds, skip=2):
    "Everyone's images per second with one network"
    net, some = vgg(arch, num_classes=len(data.classes), dropout=0.), first(data, (steps + skip) * batch)
    ours, plain = recipe(arch, batch, a.dtype), recipe(arch, batch, torch.float32)
    contenders = {'textbook': Textbook(net, textbook_loader(data, batch, a.device.type == 'cuda'), a.device, steps)}
    contenders['Learner'] = WithLearner(some, ours, a.device, skip)
    contenders['bare loop'] = Bare(some, ours, a.device, a.dtype, skip)
    if a.dtype != torch.float32: contenders['Learner, float32'] = WithLearner(some, plain, a.device, skip)
    seconds = take_turns(contenders, rounds)
    found = dict(steps=steps, seconds=seconds, images_per_second={k: steps * batch / statistics.median(t) for k, t in seconds.items()})
    found['over_textbook'] = {k: ratio(t, seconds['textbook']) for k, t in seconds.items() if k != 'textbook'}
    found['bare_over_learner_seconds'] = ratio(seconds['bare loop'], seconds['Learner'])
    if a.device.type == 'cuda': found['seconds_per_epoch'] = {k: 50_000 / v for k, v in found['images_per_second'].items()}
    return found


def learner_cost(data, a, batch, steps, rounds, skip=2):
    "Milliseconds per step that the Learner adds, seen with a network so narrow that they stand out"
    small, settings = first(data, (steps + skip) * batch), recipe('vgg11', batch, a.dtype, width=1 / 32)
    seconds = take_turns({'Learner': WithLearner(small, settings, a.device, skip), 'bare loop': Bare(small, settings, a.device, a.dtype, skip)}, rounds, note=None)
    extra = sorted(1000 * (l - b) / steps for l, b in zip(seconds['Learner'], seconds['bare loop']))
    return dict(median=statistics.median(extra), lowest=extra[0], highest=extra[-1])


def main():
    p = arguments(__doc__, 'results/training_speed.json')
    p.add_argument('--archs', nargs='+', default=['vgg11', 'vgg16']); p.add_argument('--batch', type=int, default=128)
    a, data = start(p, 'results/training_speed.json')
    rounds, steps = a.rounds or (1 if a.quick else 5), 3 if a.quick else 8 if a.device.type == 'cpu' else 100
    props, found = machine(a.device), {}
    print(f'{data.description}\n{props["cores"]} cores, {props["threads"]} threads, {props["vector_instructions"]}, {props.get("gpu", "no GPU")}, torch {torch.__version__}, batches of {a.batch}')
    for arch in a.archs:
        print(f'{arch} ({"bfloat16" if a.dtype == torch.bfloat16 else "float32"} unless it says otherwise):')
        found[arch] = throughput(arch, data, a, a.batch, steps, rounds)
    cost = learner_cost(data, a, a.batch, 20 if a.quick else 40, 3 if a.quick else 9)
    print(f'\n{"":8}{"":18}{"images/s":>10}{"times the textbook loop (lowest to highest)":>48}')
    for arch, f in found.items():
        for name, speed in f['images_per_second'].items():
            r = f['over_textbook'].get(name, dict(median=1, lowest=1, highest=1))
            print(f'{arch:8}{name:18}{speed:10.1f}{r["median"]:24.2f} ({r["lowest"]:.2f} to {r["highest"]:.2f})')
    for arch, f in found.items():
        r = f['bare_over_learner_seconds']; step = 1000 * a.batch / f['images_per_second']['bare loop']
        f['learner_cost_share'] = cost['median'] / step
        print(f'{arch}: the Learner takes {100 * (r["median"] - 1):+.1f} % ({100 * (r["lowest"] - 1):+.1f} to {100 * (r["highest"] - 1):+.1f}) more time than the bare loop; its {cost["median"]:.2f} ms per step are {100 * f["learner_cost_share"]:.2f} % of {step:.0f} ms')
        if 'seconds_per_epoch' in f: print(f'{arch}: ' + ', '.join(f'{k} {v:.1f} s per epoch of 50,000 images' for k, v in f['seconds_per_epoch'].items()))
    write(a.out, benchmark='training', data=data.description, machine=props, batch=a.batch, rounds=rounds, precision=str(a.dtype).removeprefix('torch.'), networks=found, learner_cost_ms_per_step=cost)


if __name__ == '__main__': main()
