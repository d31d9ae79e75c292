"""The loader alone: this library beside torchvision with PIL and two workers, and beside fastai's ImageDataLoaders.

    python benchmarks/loader.py [--data SOURCE] [--quick] [--out FILE]

All three shift by up to 4 pixels, flip, normalise and deliver float32 batches of 128 on the device. torchvision takes
its images from an array in memory, fastai from PNG files in a temporary folder, as its users do. A turn is a whole
pass, starting the worker processes included; fastai passes over fewer images, because it is slower. The ratio is of
seconds per image, the median over the rounds.
"""

import statistics
import tempfile
import time
from pathlib import Path

from fastai.vision.augment import CropPad, FlipItem, RandomCrop
from fastai.vision.data import ImageDataLoaders
from fastai.data.transforms import Normalize
from PIL import Image

from common import arguments, first, machine, machine_in_words, ratio, start, take_turns, wait, write
from deepcnn4cifar.loaders import make_loaders
from training import textbook_loader


def fastai_loader(data, n, folder, batch, device):
    "PNG files under `folder/train/CLASS` and the loader that reads them"
    for name in data.classes:
        (folder / 'train' / name).mkdir(parents=True)
    for i, (image, label) in enumerate(zip(data.train.images[:n], data.train.labels[:n])):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / 'train' / data.classes[label] / f'{i}.png')
    loaders = ImageDataLoaders.from_folder(
        folder,
        valid_pct=0.0,
        seed=0,
        item_tfms=[CropPad(40, pad_mode='reflection'), RandomCrop(32), FlipItem()],
        batch_tfms=[Normalize.from_stats(data.mean, data.std)],
        bs=batch,
        num_workers=2,
        device=device,
    )
    return loaders.train


def seconds_per_image(loader, device):
    "Contender: a whole pass"

    def run():
        since, n = time.perf_counter(), 0
        for x, y in loader:
            n += len(x.to(device))
            y.to(device)
        wait(device)
        return (time.perf_counter() - since) / n

    return run


def make_contenders(data, n, folder, batch, device):
    "The three loaders by name; `n` says how many images each passes over"
    textbook = textbook_loader(first(data, n['theirs']), batch, pin=device.type == 'cuda')
    return {
        'this library': make_loaders(data, batch, crop=4, flip='random', device=device).train,
        'torchvision, PIL, 2 workers': textbook,
        'fastai ImageDataLoaders': fastai_loader(first(data, n['files']), n['files'], Path(folder), batch, device),
    }


def print_speeds(images, ratios):
    "A line for every loader"
    print(f'{"":30}{"images/s":>10}{"this library is ... times as fast (lowest to highest)":>56}')
    for name, speed in images.items():
        r = ratios.get(name)
        times = f'{r["median"]:30.1f} ({r["lowest"]:.1f} to {r["highest"]:.1f})' if r else ''
        print(f'{name:30}{speed:10,.0f}{times}')


def main():
    p = arguments(__doc__, 'results/loader_speed.json')
    p.add_argument('--batch', type=int, default=128)
    a, data = start(p, 'results/loader_speed.json')
    rounds, batch = a.rounds or (2 if a.quick else 5), a.batch
    n = dict(ours=len(data.train), theirs=4_000 if a.quick else len(data.train), files=2_000 if a.quick else 10_000)
    props = machine(a.device)
    print(f'{data.description}\n{machine_in_words(props)}, batches of {batch}')
    with tempfile.TemporaryDirectory() as folder:
        loaders = make_contenders(data, n, folder, batch, a.device)
        shapes = {name: tuple(next(iter(loader))[0].shape) for name, loader in loaders.items()}
        assert set(shapes.values()) == {(batch, 3, 32, 32)}, shapes
        contenders = {name: seconds_per_image(loader, a.device) for name, loader in loaders.items()}
        seconds = take_turns(contenders, rounds, note=None)
    speeds = {name: 1 / statistics.median(t) for name, t in seconds.items()}
    ratios = {name: ratio(seconds['this library'], t) for name, t in seconds.items() if name != 'this library'}
    print_speeds(speeds, ratios)
    told = dict(data=data.description, machine=props, batch=batch, rounds=rounds, images=dict(zip(speeds, n.values())))
    write(a.out, benchmark='loader', **told, images_per_second=speeds, times_as_fast=ratios)


if __name__ == '__main__':
    main()
