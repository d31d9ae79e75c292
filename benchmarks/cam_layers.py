"""Which layer and which method explain a trained VGG best? Choose on validation images, report on test images.

    python benchmarks/cam_layers.py runs/A runs/B ... [--data cifar10] [--json results/cam_layers.json]

For every run (made by `deepcnn4cifar train`), compares every layer and method, and the mean and the product over layers,
on validation images by insertion minus deletion; then measures the winner, the usual choice (Grad-CAM after the last
convolution), the library's default, the best map of every method and the baselines on test images, which had no say.
"""
import argparse, json, time
from pathlib import Path

import torch

from deepcnn4cifar.faithfulness import baseline_map, baselines, compare_maps, mean_interval, measure_maps
from deepcnn4cifar.gradcam import GradCAM, default_layers, default_method, fuse_maps, layer_titles, methods
from deepcnn4cifar.runs import Run

keys = ['insertion - deletion', 'deletion', 'insertion', 'ROAD', 'drop', 'increase']


def summary(values): return {k: mean_interval(values[k]) for k in keys}


def measure(net, x_valid, x_test, y_test):
    "Everything found for one network"
    found, layers = compare_maps(net, x_valid, steps=8), default_layers(net, 'relu')
    score = lambda key: found[key][keys[0]].mean().item()
    title = lambda key: f'{layer_titles(net, key[:1])[0]} {key[1]}'
    winner = max((k for k in found if k[0] != 'baseline'), key=score)
    default = 'mean', default_method
    shown = [winner, (layers[-1], 'gradcam'), (layers[1], 'hirescam'), default, ('mean', 'layercam'), ('product', 'layercam'), *(max((k for k in found if k[1] == m), key=score) for m in methods)]
    shown += [max((k for k in found if k[0] == how), key=score) for how in ('mean', 'product')] + [('baseline', b) for b in baselines]
    test = {}
    with GradCAM(net, layers) as cam: tensors = cam.tensors(x_test)
    right, target = (cam.logits.argmax(1) == y_test).float().mean().item(), cam.target
    for layer, m in dict.fromkeys(shown):
        if layer == 'baseline': maps = baseline_map(m, net, x_test, target)
        elif layer in ('mean', 'product'): maps = fuse_maps({l: methods[m](*t).relu() for l, t in tensors.items()}, x_test.shape[-2:], layer)
        else: maps = methods[m](*tensors[layer]).relu()
        test[layer, m] = measure_maps(net, x_test, maps, target)
    lead = lambda first: {title(k): mean_interval(test[first][keys[0]] - v[keys[0]]) for k, v in test.items() if k != first}
    return dict(valid_images=len(x_valid), test_images=len(x_test), accuracy_on_these_test_images=right, winner=title(winner), default=title(default),
        valid={title(k): summary(v) for k, v in found.items()}, test={title(k): summary(v) for k, v in test.items()}, winner_minus_others_on_test=lead(winner), default_minus_others_on_test=lead(default))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('runs', nargs='+', type=Path); p.add_argument('--data', default='cifar10')
    p.add_argument('--valid', type=int, default=150, help='validation images'); p.add_argument('--test', type=int, default=500, help='test images')
    p.add_argument('--json', type=Path, default=Path('results/cam_layers.json'))
    a = p.parse_args()
    out = json.loads(a.json.read_text()) if a.json.exists() else {}
    for path in a.runs:
        start, run = time.perf_counter(), Run.load(path)
        data, told = run.data(a.data), run.config['data']
        mean, std = (torch.tensor(told[k], dtype=torch.float32).view(3, 1, 1) for k in ('mean', 'std'))
        x_valid, x_test = ((torch.from_numpy(s.images[:n]) / 255 - mean) / std for s, n in ((data.valid, a.valid), (data.test, a.test)))
        found = measure(run.model.eval(), x_valid, x_test, torch.from_numpy(data.test.labels[:a.test]))
        out[path.name] = dict(arch=run.config['arch'], width=run.recipe.width, epochs=run.recipe.epochs, seed=run.recipe.seed, data=data.description) | found
        print(f"{path.name}: {found['accuracy_on_these_test_images']:.1%} of {a.test} test images right; chosen on validation: {found['winner']}; {time.perf_counter() - start:.0f} s")
        for k, v in sorted(found['test'].items(), key=lambda kv: -kv[1][keys[0]][0]): print(f'  {k:22}' + ''.join(f'  {n} {v[n][0]:.3f} ({v[n][1]:.3f}, {v[n][2]:.3f})' for n in (keys[0], 'ROAD')))
        a.json.parent.mkdir(exist_ok=True); a.json.write_text(json.dumps(out, indent=1) + '\n')


if __name__ == '__main__': main()
