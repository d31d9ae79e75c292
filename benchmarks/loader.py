"""The loader alone: this library beside torchvision with PIL and two workers, and beside fastai's ImageDataLoaders.

    python benchmarks/loader.py [--data SOURCE] [--quick] [--out FILE]

All three shift by up to 4 pixels, flip, normalise and deliver float32 batches of 128 on the device. torchvision takes its images
from an array in memory, fastai from PNG files in a temporary folder, as its users do. A turn is a whole pass, starting the
worker processes included; fastai passes over fewer images, because it is slower. The ratio is of seconds per image, the
median over the rounds.
"""
import statistics, tempfile, time
from pathlib import Path

import torch
from fastai.vision.augment import CropPad, FlipItem, RandomCrop
from fastai.vision.core import PILImage
from fastai.vision.data import ImageDataLoaders
from fastai.data.transforms import Normalize
from PIL import Image

from common import arguments, first, machine, ratio, start, take_turns, wait, write
from deepcnn4cifar.loaders import make_loaders
from training import textbook_loader


def fastai_loader(data, n, folder, batch, device):
    "PNG files under `folder/train/CLASS` and the loader that reads them"
    for name in data.classes: (folder / 'train' / name).mkdir(parents=True)
    for i, (image, label) in enumerate(zip(data.train.images[:n], data.train.labels[:n])):
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / 'train' / data.classes[label] / f'{i}.png')
    tfms = [CropPad(40, pad_mode='reflection'), RandomCrop(32), FlipItem()]
    return ImageDataLoaders.from_folder(folder, valid_pct=0., seed=0, item_tfms=tfms, batch_tfms=[Normalize.from_stats(data.mean, data.std)], bs=batch, num_workers=2, device=device).train


def seconds_per_image(loader, device):
    "A whole pass"
    def run():
        since, n = time.perf_counter(), 0
        for x, y in loader: n += len(x.to(device)); y.to(device)
        wait(device)
        return (time.perf_counter() - since) / n
    return run


def main():
    p = arguments(__doc__, 'results/loader_speed.json')
    p.add_argument('--batch', type=int, default=128)
    a, data = start(p, 'results/loader_speed.json')
    rounds, batch = a.rounds or (2 if a.quick else 5), a.batch
    n = dict(ours=len(data.train), theirs=4_000 if a.quick else len(data.train), files=2_000 if a.quick else 10_000)
    props = machine(a.device)
    print(f'{data.description}\n{props["cores"]} cores, {props["threads"]} threads, {props.get("gpu", "no GPU")}, torch {torch.__version__}, batches of {batch}')
    with tempfile.TemporaryDirectory() as folder:
        loaders = {'this library': make_loaders(data, batch, crop=4, flip='random', device=a.device).train,
                   'torchvision, PIL, 2 workers': textbook_loader(first(data, n['theirs']), batch, a.device.type == 'cuda'),
                   'fastai ImageDataLoaders': fastai_loader(first(data, n['files']), n['files'], Path(folder), batch, a.device)}
        shapes = {name: tuple(next(iter(l))[0].shape) for name, l in loaders.items()}
        assert set(shapes.values()) == {(batch, 3, 32, 32)}, shapes
        seconds = take_turns({name: seconds_per_image(l, a.device) for name, l in loaders.items()}, rounds, note=None)
    images = {name: 1 / statistics.median(t) for name, t in seconds.items()}
    ratios = {name: ratio(seconds['this library'], t) for name, t in seconds.items() if name != 'this library'}
    print(f'{"":30}{"images/s":>10}{"this library is ... times as fast (lowest to highest)":>56}')
    for name, speed in images.items():
        r = ratios.get(name)
        print(f'{name:30}{speed:10,.0f}' + (f'{r["median"]:30.1f} ({r["lowest"]:.1f} to {r["highest"]:.1f})' if r else ''))
    write(a.out, benchmark='loader', data=data.description, machine=props, batch=batch, rounds=rounds, images=dict(zip(images, n.values())), images_per_second=images, times_as_fast=ratios)


if __name__ == '__main__': main()
