#!/usr/bin/env python
"""One training of the search behind `quick`, as a plain loop: prints a row of results/search.json.

python benchmarks/recipe_search.py NAME '24 24 | 48 48 | 96 96 | 192 192 | 192 192 |' --pflop 0.03 --batch_size 250

The loop trains on all images in memory, in bfloat16, with one thread unless OMP_NUM_THREADS says otherwise. What it
found is in the library (`recipes['quick']`); what did not help (a fixed first layer, windows, lookahead) is
only here.
"""

import argparse
import json
import os
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')
import torch
from torch import nn
from torch.nn import functional as F

from deepcnn4cifar.cost import count_multiply_adds
from deepcnn4cifar.data import load_data
from deepcnn4cifar.optimisers import Muon
from deepcnn4cifar.vgg import vgg

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument('name')
p.add_argument('table', help="layers as in deepcnn4cifar.vgg.configs")
p.add_argument('--data', default='auto')
p.add_argument('--pflop', type=float, default=0.03, help='arithmetic: 6 x multiply-adds x images')
p.add_argument('--steps', type=int, default=0, help='stop after so many steps in place of --pflop')
p.add_argument('--seed', type=int, default=0)
p.add_argument('--batch_size', type=int, default=500)
p.add_argument('--lr', type=float, default=0.12, help='of the convolutions')
p.add_argument('--lr_bias', type=float, default=18.0)
p.add_argument('--lr_head', type=float, default=0.0034)
p.add_argument('--warmup', type=float, default=0.0, help='share of the steps during which the rates rise')
p.add_argument('--label_smoothing', type=float, default=0.2)
p.add_argument('--activation', default='relu')
p.add_argument('--pool_last', action='store_true', help='poolings after norm and activation')
p.add_argument('--bn_scale', action='store_true', help='batch norm learns a scale')
p.add_argument('--whiten', action='store_true', help='first layer fixed to the principal patches')
p.add_argument('--momentum', type=float, default=0.6, help='of the convolutions')
p.add_argument('--bn_momentum', type=float, default=0.4, help="share of a batch in batch norm's running statistics")
p.add_argument('--crop', type=int, default=2, help='largest shift in pixels')
p.add_argument('--cutout', type=int, default=0, help='side of a square set to the mean colour')
p.add_argument('--sizes', default='32', help='sides of the training images, spread over the steps')
p.add_argument('--windows', action='store_true', help='training images of those sides are windows, not smaller images')
p.add_argument('--lookahead', type=int, default=0, help='after so many steps, back to a slow average of the weights')
a = p.parse_args()
torch.manual_seed(a.seed)
sizes = [int(s) for s in a.sizes.split(',')]

data = load_data(a.data, valid=0.1, seed=0)
mean, std = (torch.as_tensor(v, dtype=torch.float32)[:, None, None] for v in (data.mean, data.std))


def normalised(images):
    return (torch.as_tensor(images).float() / 255 - mean) / std


labels = torch.as_tensor(data.train.labels).long()
images = normalised(data.train.images).bfloat16()
if a.crop:
    images = F.pad(images, (a.crop,) * 4, mode='reflect')
images = images.contiguous(memory_format=torch.channels_last)
mirrored = torch.rand(len(labels)) < 0.5
model = vgg(
    a.table,
    len(data.classes),
    dropout=0.0,
    activation=a.activation,
    bias=False,
    pool_first=not a.pool_last,
    bn_scale=a.bn_scale,
    bn_momentum=a.bn_momentum,
).to(memory_format=torch.channels_last)

if a.whiten:
    first = model.features[0].weight
    patches = (
        normalised(data.train.images[:5000]).unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 27)
    )
    values, vectors = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
    half = vectors.T.flip(0)[: len(first) // 2].float().reshape(-1, 3, 3, 3)
    first.data[: 2 * len(half)] = torch.cat([half, -half])
    first.requires_grad_(False)

cost = {size: count_multiply_adds(model, size) for size in {*sizes, 32}}
per_epoch = len(labels) // a.batch_size
mean_cost = sum(cost[s] for s in sizes) / len(sizes)
steps = a.steps or round(a.pflop * 1e15 / 6 / mean_cost / a.batch_size)

convolutions = [m.weight for m in model.features if isinstance(m, nn.Conv2d) and m.weight.requires_grad]
biases = [m.bias for m in model.features if isinstance(m, nn.BatchNorm2d)]
scales = [m.weight for m in model.features if isinstance(m, nn.BatchNorm2d) and a.bn_scale]
groups = [
    dict(params=convolutions, lr=a.lr, matrix=True, renormalise=True),
    dict(params=biases, lr=a.lr_bias, momentum=0.9),
    dict(params=list(model.classifier.parameters()), lr=a.lr_head, momentum=0.9),
]
if scales:
    groups.append(dict(params=scales, lr=0.1, momentum=0.9))
optimizer = Muon(groups, momentum=a.momentum, dtype=torch.bfloat16)
peaks = [g['lr'] for g in optimizer.param_groups]


def batch(which, epoch, size):
    "Images shifted, every other epoch the other way round, with a square cut out where that is asked for"
    full = size if a.windows else 32
    x = torch.empty(len(which), 3, full, full, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    side = 2 * a.crop + 33 - full
    shift = torch.randint(0, side * side, (len(which),))
    for s in shift.unique().tolist():
        at = (shift == s).nonzero()[:, 0]
        down, right = divmod(s, side)
        x[at] = images[which[at], :, down : down + full, right : right + full]
    flip = (mirrored[which] ^ bool(epoch % 2)).nonzero()[:, 0]
    x[flip] = x[flip].flip(3)
    if a.cutout:
        top, left = torch.randint(-a.cutout // 2, 33 - a.cutout // 2, (2, len(which), 1))
        pixel = torch.arange(full)
        row = (pixel >= top) & (pixel < top + a.cutout)
        column = (pixel >= left) & (pixel < left + a.cutout)
        x = x.masked_fill((row[:, :, None] & column[:, None, :])[:, None], 0)
    if size == full:
        return x
    return F.interpolate(x.float(), size=(size, size), mode='bilinear', antialias=True, align_corners=False).bfloat16()


def rate(step):
    "Share of the peak rates: up during the warm-up, then straight down to zero"
    done = step / steps
    return done / a.warmup if done < a.warmup else (1 - done) / (1 - a.warmup)


start = time.perf_counter()
slow = [t.detach().clone() for t in model.state_dict().values()]
work = 0.0
for step in range(steps):
    epoch, i = divmod(step, per_epoch)
    if i == 0:
        order = torch.randperm(len(labels))
    which = order[i * a.batch_size : (i + 1) * a.batch_size]
    size = sizes[min(len(sizes) - 1, step * len(sizes) // steps)]
    with torch.autocast('cpu', torch.bfloat16):
        logits = model(batch(which, epoch, size).contiguous(memory_format=torch.channels_last))
    F.cross_entropy(logits.float(), labels[which], label_smoothing=a.label_smoothing).backward()
    for group, peak in zip(optimizer.param_groups, peaks):
        group['lr'] = peak * rate(step)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if a.lookahead and (step % a.lookahead == 0 or step == steps - 1):
        kept = 1.0 if step == steps - 1 else 0.95**a.lookahead * (step / steps) ** 3
        with torch.no_grad():
            for average, now in zip(slow, model.state_dict().values()):
                if now.is_floating_point():
                    now.copy_(average.lerp_(now, 1 - kept))
    work += 6 * cost[size] * len(which)
seconds = time.perf_counter() - start

model.eval()
x, y = normalised(data.valid.images), torch.as_tensor(data.valid.labels)
wide = F.pad(x, (1,) * 4, mode='reflect')


def enlarged(images):
    "Images at the size of the last steps, if that is more than 32 pixels"
    if sizes[-1] <= 32:
        return images
    return F.interpolate(images, size=(sizes[-1],) * 2, mode='bilinear', antialias=True, align_corners=False)


@torch.inference_mode()
def both_ways(x):
    "Logits of images, and of their mirror images"
    return [
        torch.cat([model(enlarged(b).contiguous(memory_format=torch.channels_last)) for b in v.split(500)])
        for v in (x, x.flip(3))
    ]


plain, mirror = both_ways(x)
shifted = sum(both_ways(wide[:, :, :32, :32]) + both_ways(wide[:, :, 2:, 2:]))
right = lambda logits: round((logits.argmax(1) == y).float().mean().item(), 4)
print(
    json.dumps(
        dict(
            vars(a),
            multiply_adds=cost[32],
            pflop=round(work / 1e15, 4),
            epochs=round(steps / per_epoch, 2),
            valid=right(plain),
            mirrored=right(plain + mirror),
            six_views=right((plain + mirror) / 2 + shifted / 4),
            seconds=round(seconds),
        )
    )
)
