"""Which layer and which method explain a VGG on CIFAR-10 best? Choose on validation images, report on test images.

    python benchmarks/cam_layers.py --data cifar10 [--json results/cam_layers.json]

Trains a VGG-11 and a VGG-16 of quarter width for three passes over 25,000 training images (AdamW, one cycle, flips,
seed 0), compares every layer and method on validation images by insertion minus deletion, then measures the winner,
the usual choice (Grad-CAM after the last convolution), the best single layer of every method and the baselines on
test images. With --weights DIR the networks are kept there and taken from there.
"""
import argparse, json, time
from pathlib import Path

import torch
from torch.nn import functional as F

from deepcnn4cifar.data import load_data
from deepcnn4cifar.faithfulness import baseline_map, baselines, compare_maps, fuse_maps, mean_interval, measure_maps
from deepcnn4cifar.gradcam import GradCAM, default_layers, layer_titles, methods
from deepcnn4cifar.vgg import vgg


def train(net, x, y, epochs=3, lr=5e-3, batch=64):
    steps = len(x) // batch
    optimiser = torch.optim.AdamW(net.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=epochs * steps)
    net.train()
    for _ in range(epochs):
        for b in torch.randperm(len(x))[:steps * batch].view(steps, batch):
            xb = x[b].flip(3) if torch.rand(()) < 0.5 else x[b]
            F.cross_entropy(net(xb), y[b]).backward()
            optimiser.step(); schedule.step(); optimiser.zero_grad()
    return net.eval()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--data', default='cifar10'); p.add_argument('--archs', nargs='+', default=['vgg11', 'vgg16'])
    p.add_argument('--valid', type=int, default=150, help='validation images'); p.add_argument('--test', type=int, default=500, help='test images')
    p.add_argument('--weights', type=Path); p.add_argument('--json', type=Path, default=Path('results/cam_layers.json'))
    a = p.parse_args()
    data = load_data(a.data)
    mean, std = (torch.tensor(v, dtype=torch.float32).view(3, 1, 1) for v in (data.mean, data.std))
    prepared = lambda split, n: ((torch.from_numpy(split.images[:n]) / 255 - mean) / std, torch.from_numpy(split.labels[:n]))
    x_train, x_valid, x_test = prepared(data.train, 25000), prepared(data.valid, a.valid), prepared(data.test, a.test)
    keys = ['insertion - deletion', 'deletion', 'insertion', 'ROAD', 'drop', 'increase']
    summary = lambda values: {k: mean_interval(values[k]) for k in keys}
    out = json.loads(a.json.read_text()) if a.json.exists() else {}
    out |= {'data': data.description, 'train_images': len(x_train[0]), 'epochs': 3, 'width': 0.25, 'seed': 0}
    for arch in a.archs:
        torch.manual_seed(0)
        net, file = vgg(arch, width=0.25, dropout=0.), a.weights and a.weights / f'cam-{arch}.pt'
        if file and file.exists(): net.load_state_dict(torch.load(file)); net.eval()
        else:
            train(net, *x_train)
            if file: torch.save(net.state_dict(), file)
        start = time.perf_counter()
        found = compare_maps(net, x_valid[0], steps=8)
        score = lambda key: found[key]['insertion - deletion'].mean().item()
        layers = default_layers(net, 'relu')
        winner = max((k for k in found if k[0] != 'baseline'), key=score)
        shown = [winner, (layers[-1], 'gradcam')]
        shown += [max(((layer, m) for layer in (*layers, 'fused')), key=score) for m in methods] + [('baseline', b) for b in baselines]
        title = lambda key: f'{layer_titles(net, key[:1])[0]} {key[1]}'
        test, right = {}, 0
        with GradCAM(net, layers) as cam:
            tensors = cam.tensors(x_test[0])
            right, target = (cam.logits.argmax(1) == x_test[1]).float().mean().item(), cam.target
        for layer, m in dict.fromkeys(shown):
            if layer == 'baseline': maps = baseline_map(m, net, x_test[0], target)
            elif layer == 'fused': maps = fuse_maps({l: methods[m](*t).relu() for l, t in tensors.items()}, 32)
            else: maps = methods[m](*tensors[layer]).relu()
            test[layer, m] = measure_maps(net, x_test[0], maps, target)
        lead = {title(k): mean_interval(test[winner]['insertion - deletion'] - v['insertion - deletion']) for k, v in test.items() if k != winner}
        out[arch] = {'valid_images': len(x_valid[0]), 'test_images': len(x_test[0]), 'accuracy_on_these_test_images': right, 'winner': title(winner), 'valid': {title(k): summary(v) for k, v in found.items()}, 'test': {title(k): summary(v) for k, v in test.items()}, 'winner_minus_others_on_test': lead}
        print(f'{arch}: {right:.1%} of {len(x_test[0])} test images right; chosen on validation: {title(winner)}; {time.perf_counter() - start:.0f} s')
        for k, v in sorted(out[arch]['test'].items(), key=lambda kv: -kv[1][keys[0]][0]): print(f'  {k:22}' + ''.join(f'  {n} {v[n][0]:.3f} ({v[n][1]:.3f}, {v[n][2]:.3f})' for n in (keys[0], 'ROAD')))
        a.json.parent.mkdir(exist_ok=True); a.json.write_text(json.dumps(out, indent=1) + '\n')


if __name__ == '__main__': main()
