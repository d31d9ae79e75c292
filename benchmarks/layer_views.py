"""What the layers of trained networks see: linear probes, a plane per layer, and how well strange pictures are noticed.

    python benchmarks/layer_views.py runs/A runs/B ... --data cifar10 [--out results]

For every run (trained by `deepcnn4cifar train`): how many test images a linear reader of each layer's averaged features
gets right, learnt from training images, for the trained network and for one of the same shape with random weights;
Familiarity with its threshold from validation images, false alarms on test images, and AUROC against drawn shapes and
noise. For the first run also the plane of each layer, by principal components and by t-SNE. Nothing is chosen by the
test images.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from deepcnn4cifar.activations import layer_features, layer_points, probe_accuracy
from deepcnn4cifar.data import shapes
from deepcnn4cifar.evaluation import wilson
from deepcnn4cifar.familiarity import familiar_layer, learn_familiarity, separation
from deepcnn4cifar.gradcam import layer_titles
from deepcnn4cifar.runs import Run
from deepcnn4cifar.vgg import vgg


def share(fraction, n):
    "A fraction of n with its 95 % interval, as a list"
    low, high = wilson(fraction * n, n)
    return [fraction, float(low), float(high)]


def accuracy(net, x, y):
    "Fraction of images that a network gets right"
    with torch.no_grad():
        right = sum((net(part).argmax(1) == truth).sum().item() for part, truth in zip(x.split(250), y.split(250)))
    return right / len(y)


def strange_pictures(preprocessing, seed, n=500):
    "Inputs that are like no training image, by kind"
    g = torch.Generator().manual_seed(seed)
    gaussian = torch.randn(n, 3, 32, 32, generator=g)
    uniform = torch.randint(0, 256, (n, 3, 32, 32), generator=g).byte()
    colours = torch.randint(0, 256, (n, 3, 1, 1), generator=g).byte().expand(-1, -1, 32, 32)
    return {
        'shapes': preprocessing(shapes(n, seed).images),
        'Gaussian noise': gaussian,
        'uniform noise': preprocessing(uniform),
        'single colours': preprocessing(colours),
    }


def noticed(familiar, layer, near, far):
    "How many pictures of a known kind (`near`) and of strange kinds (`far`) lie beyond the threshold"
    near = familiar.distance(near[layer])
    far = {kind: familiar.distance(features[layer]) for kind, features in far.items()}

    def alarms(distance):
        return share((distance > familiar.threshold).double().mean().item(), len(distance))

    strange = {kind: dict(images=len(d), noticed=alarms(d), auroc=separation(d, near)) for kind, d in far.items()}
    return dict(threshold=familiar.threshold, false_alarms=alarms(near), strange=strange)


def probe_layers(net, fresh, train, test):
    "Accuracy of a linear probe on each layer, of the trained network and of one with random weights"
    (x_train, y_train), (x_test, y_test) = train, test
    probes = {}
    for kind, model in (('trained', net), ('untrained', fresh)):
        learnt, seen = layer_features(model, x_train), layer_features(model, x_test)
        for title, layer in zip(layer_titles(model, learnt), learnt):
            found = probe_accuracy(learnt[layer], y_train, seen[layer], y_test)
            probes.setdefault(title, {})[kind] = share(found, len(y_test))
    return probes


def measure_familiarity(net, x_train, x_valid, x_test):
    """How well pictures unlike the training images are noticed

    The layer is chosen by one half of the validation images and strange pictures of their own; what is reported was
    measured on test images and fresh strange pictures.
    """
    learnt, valid, seen = (layer_features(net, x) for x in (x_train, x_valid, x_test))
    layer, half = familiar_layer(net), len(x_valid) // 2
    far = {kind: layer_features(net, x) for kind, x in strange_pictures(net.preprocessing, 7).items()}
    choice = {}
    for title, name in zip(layer_titles(net, learnt), learnt):
        familiar = learn_familiarity(learnt[name][:1500], valid[name][:half])
        choice[title] = noticed(familiar, name, {name: valid[name][half:]}, far)
    familiar = learn_familiarity(learnt[layer][:1500], valid[layer], layer)
    far = {kind: layer_features(net, x, [layer]) for kind, x in strange_pictures(net.preprocessing, 1).items()}
    reported = noticed(familiar, layer, seen, far)
    chosen = dict(layer=layer_titles(net, [layer])[0], known=len(familiar.known), k=familiar.k, choice=choice)
    return chosen | reported


def planes_of(net, x):
    "The plane of each layer, by how it was made and the layer's title"
    features = layer_features(net, x)
    planes = {}
    for how in ('pca', 'tsne'):
        for title, points in zip(layer_titles(net, features), layer_points(features, how).values()):
            planes[f'{how} {title}'] = np.float16(points / points.std(0))
    return planes


def measure(run, data, n_train, n_test):
    "Everything about one run"
    net = run.model.eval()
    x_train, x_valid, x_test = (
        net.preprocessing(split.images[:n])
        for split, n in ((data.train, n_train), (data.valid, 2000), (data.test, n_test))
    )
    y_train, y_test = (torch.from_numpy(s.labels[:n]) for s, n in ((data.train, n_train), (data.test, n_test)))
    torch.manual_seed(0)
    fresh = vgg(run.config['arch'], width=run.recipe.width).eval()
    return dict(
        arch=run.config['arch'],
        width=run.recipe.width,
        epochs=run.recipe.epochs,
        data=data.name,
        train_images=len(x_train),
        valid_images=len(x_valid),
        test_images=len(x_test),
        accuracy_on_these_test_images=accuracy(net, x_test, y_test),
        probes=probe_layers(net, fresh, (x_train, y_train), (x_test, y_test)),
        familiarity=measure_familiarity(net, x_train, x_valid, x_test),
    )


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('runs', nargs='+', type=Path)
    p.add_argument('--data', default='cifar10')
    p.add_argument('--out', type=Path, default=Path('results'))
    p.add_argument('--train', type=int, default=5000, help='training images for the probes')
    p.add_argument('--test', type=int, default=2000, help='test images')
    p.add_argument('--points', type=int, default=800)
    a = p.parse_args()
    a.out.mkdir(exist_ok=True)
    file = a.out / 'layer_views.json'
    found = json.loads(file.read_text()) if file.exists() else {}
    for k, path in enumerate(a.runs):
        run = Run.load(path)
        data = run.data(a.data)
        each = found[path.name] = measure(run, data, a.train, a.test)
        probes = {t: tuple(round(q[0], 3) for q in v.values()) for t, v in each['probes'].items()}
        reported = {key: each['familiarity'][key] for key in ('threshold', 'false_alarms', 'strange')}
        print(path.name, f'{each["accuracy_on_these_test_images"]:.1%}', probes, json.dumps(reported))
        file.write_text(json.dumps(found, indent=1) + '\n')
        if k == 0 and a.points:
            planes = planes_of(run.model.eval(), run.model.preprocessing(data.test.images[: a.points]))
            labels = data.test.labels[: a.points]
            np.savez_compressed(a.out / 'layer_views.npz', labels=labels, run=path.name, **planes)


if __name__ == '__main__':
    main()
