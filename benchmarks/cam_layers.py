"""Which layer and which method explain a trained VGG best? Choose on validation images, report on test images.

    python benchmarks/cam_layers.py runs/A runs/B ... [--data cifar10] [--json results/cam_layers.json]

For every run (made by `deepcnn4cifar train`), compares every layer and method, and the mean and the product over
layers, on validation images by insertion minus deletion; then measures the winner, the usual choice (Grad-CAM after
the last convolution), the library's default, the best map of every method and the baselines on test images, which had
no say.
"""

import argparse
import json
import time
from pathlib import Path

import torch

from deepcnn4cifar.faithfulness import baseline_map, baselines, compare_maps, mean_interval, measure_maps
from deepcnn4cifar.gradcam import GradCAM, default_layers, default_method, fuse_maps, layer_titles, methods
from deepcnn4cifar.runs import Run

measures = ['insertion - deletion', 'deletion', 'insertion', 'ROAD', 'drop', 'increase']
chosen_by = measures[0]


def summary(values):
    "Mean of every measure with its interval"
    return {name: mean_interval(values[name]) for name in measures}


def title(net, key):
    "A layer (or 'mean', 'product', 'baseline') and a method in words"
    layer, method = key
    return f'{layer_titles(net, [layer])[0]} {method}'


def maps_to_report(found, layers):
    "Keys (layer, method) of the maps that the test images see: winner, usual choice, default, best ones, baselines"

    def best(keys):
        return max(keys, key=lambda key: found[key][chosen_by].mean().item())

    winner = best(key for key in found if key[0] != 'baseline')
    best_of_methods = [best(key for key in found if key[1] == method) for method in methods]
    best_fusions = [best(key for key in found if key[0] == how) for how in ('mean', 'product')]
    return [
        winner,
        (layers[-1], 'gradcam'),
        (layers[1], 'hirescam'),
        ('mean', default_method),
        ('mean', 'layercam'),
        ('product', 'layercam'),
        *best_of_methods,
        *best_fusions,
        *(('baseline', kind) for kind in baselines),
    ]


def maps_of(key, net, x, tensors, target):
    "Maps (B, h, w) of a layer, of a fusion of all layers, or of a baseline"
    layer, method = key
    if layer == 'baseline':
        return baseline_map(method, net, x, target)
    if layer in ('mean', 'product'):
        each = {name: methods[method](*tensor).relu() for name, tensor in tensors.items()}
        return fuse_maps(each, x.shape[-2:], layer)
    return methods[method](*tensors[layer]).relu()


def lead(net, test, first):
    "By how much one kind of map is better than each other one, image by image"
    own = test[first][chosen_by]
    return {title(net, key): mean_interval(own - v[chosen_by]) for key, v in test.items() if key != first}


def measure(net, x_valid, x_test, y_test):
    "Everything found for one network"
    layers = default_layers(net, 'relu')
    found = compare_maps(net, x_valid, steps=8)
    keys = maps_to_report(found, layers)
    winner, default = keys[0], ('mean', default_method)
    with GradCAM(net, layers) as cam:
        tensors = cam.tensors(x_test)
    right, target = (cam.logits.argmax(1) == y_test).float().mean().item(), cam.target
    test = {}
    for key in dict.fromkeys(keys):
        test[key] = measure_maps(net, x_test, maps_of(key, net, x_test, tensors, target), target)
    return dict(
        valid_images=len(x_valid),
        test_images=len(x_test),
        accuracy_on_these_test_images=right,
        winner=title(net, winner),
        default=title(net, default),
        valid={title(net, key): summary(values) for key, values in found.items()},
        test={title(net, key): summary(values) for key, values in test.items()},
        winner_minus_others_on_test=lead(net, test, winner),
        default_minus_others_on_test=lead(net, test, default),
    )


def print_found(name, found, seconds):
    "The choice, and the maps on test images, best first"
    right = f'{found["accuracy_on_these_test_images"]:.1%} of {found["test_images"]} test images right'
    print(f'{name}: {right}; chosen on validation: {found["winner"]}; {seconds:.0f} s')
    for key, values in sorted(found['test'].items(), key=lambda item: -item[1][chosen_by][0]):
        numbers = [f'  {n} {values[n][0]:.3f} ({values[n][1]:.3f}, {values[n][2]:.3f})' for n in (chosen_by, 'ROAD')]
        print(f'  {key:22}' + ''.join(numbers))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('runs', nargs='+', type=Path)
    p.add_argument('--data', default='cifar10')
    p.add_argument('--valid', type=int, default=150, help='validation images')
    p.add_argument('--test', type=int, default=500, help='test images')
    p.add_argument('--json', type=Path, default=Path('results/cam_layers.json'))
    a = p.parse_args()
    out = json.loads(a.json.read_text()) if a.json.exists() else {}
    for path in a.runs:
        start, run = time.perf_counter(), Run.load(path)
        data, net, r = run.data(a.data), run.model.eval(), run.recipe
        x_valid, x_test = (net.preprocessing(s.images[:n]) for s, n in ((data.valid, a.valid), (data.test, a.test)))
        found = measure(net, x_valid, x_test, torch.from_numpy(data.test.labels[: a.test]))
        told = dict(arch=run.config['arch'], width=r.width, epochs=r.epochs, seed=r.seed, data=data.description)
        out[path.name] = told | found
        print_found(path.name, found, time.perf_counter() - start)
        a.json.parent.mkdir(exist_ok=True)
        a.json.write_text(json.dumps(out, indent=1) + '\n')


if __name__ == '__main__':
    main()
