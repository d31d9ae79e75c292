"""What the layers of trained networks see: linear probes, a plane per layer, and how well strange pictures are noticed.

    python benchmarks/layer_views.py runs/A runs/B ... --data cifar10 [--out results]

For every run (trained by `deepcnn4cifar train`): how many test images a linear reader of each layer's averaged features
gets right, learnt from training images, for the trained network and for one of the same shape with random weights;
Familiarity with its threshold from validation images, false alarms on test images, and AUROC against drawn shapes and
noise. For the first run also the plane of each layer, by principal components and by t-SNE. Nothing is chosen by the test images.
"""
import argparse, json, math
from pathlib import Path

import numpy as np, torch

from deepcnn4cifar.activations import layer_features, layer_points, probe_accuracy
from deepcnn4cifar.familiarity import familiar_layer, learn_familiarity, separation
from deepcnn4cifar.data import shapes
from deepcnn4cifar.gradcam import layer_titles
from deepcnn4cifar.runs import Run
from deepcnn4cifar.vgg import vgg


def wilson(p, n, z=1.96):
    "95 % interval of a share"
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return [p, middle - half, middle + half]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('runs', nargs='+', type=Path); p.add_argument('--data', default='cifar10'); p.add_argument('--out', type=Path, default=Path('results'))
    p.add_argument('--train', type=int, default=5000, help='training images for the probes'); p.add_argument('--test', type=int, default=2000, help='test images'); p.add_argument('--points', type=int, default=800)
    a = p.parse_args()
    file = a.out / 'layer_views.json'
    out = json.loads(file.read_text()) if file.exists() else {}
    for n, path in enumerate(a.runs):
        run = Run.load(path)
        data, net, told = run.data(a.data), run.model.eval(), run.config['data']
        mean, std = (torch.tensor(told[k], dtype=torch.float32).view(3, 1, 1) for k in ('mean', 'std'))
        prepared = lambda images: (torch.as_tensor(images) / 255 - mean) / std
        x_train, x_valid, x_test = (prepared(s.images[:k]) for s, k in ((data.train, a.train), (data.valid, 2000), (data.test, a.test)))
        y_train, y_test = (torch.from_numpy(s.labels[:k]) for s, k in ((data.train, a.train), (data.test, a.test)))
        torch.manual_seed(0)
        fresh = vgg(run.config['arch'], width=run.recipe.width).eval()
        with torch.no_grad(): right = sum((net(x).argmax(1) == y).sum().item() for x, y in zip(x_test.split(250), y_test.split(250))) / len(y_test)
        learnt, seen = layer_features(net, x_train), layer_features(net, x_test)
        raw, raw_seen = layer_features(fresh, x_train), layer_features(fresh, x_test)
        probes = {t: dict(trained=wilson(probe_accuracy(learnt[l], y_train, seen[l], y_test), len(y_test)), untrained=wilson(probe_accuracy(raw[l], y_train, raw_seen[l], y_test), len(y_test)))
                  for t, l in zip(layer_titles(net, learnt), learnt)}
        valid, layer = layer_features(net, x_valid), familiar_layer(net)
        def strange(seed):
            g = torch.Generator().manual_seed(seed)
            return {'shapes': prepared(shapes(500, seed).images), 'Gaussian noise': torch.randn(500, 3, 32, 32, generator=g), 'uniform noise': prepared(torch.randint(0, 256, (500, 3, 32, 32), generator=g)),
                    'single colours': prepared(torch.randint(0, 256, (500, 3, 1, 1), generator=g).expand(-1, -1, 32, 32))}
        def notice(familiar, layer, near, far):
            near, far = familiar.distance(near[layer]), {k: familiar.distance(f[layer]) for k, f in far.items()}
            alarms = lambda d: wilson((d > familiar.threshold).double().mean().item(), len(d))
            return dict(threshold=familiar.threshold, false_alarms=alarms(near), strange={k: dict(images=len(d), noticed=alarms(d), auroc=separation(d, near)) for k, d in far.items()})
        # the layer is chosen by one half of the validation images and strange pictures of their own; reported are test images and fresh strange pictures
        far, half = {k: layer_features(net, x) for k, x in strange(7).items()}, len(x_valid) // 2
        choice = {t: notice(learn_familiarity(learnt[l][:1500], valid[l][:half]), l, {l: valid[l][half:]}, far) for t, l in zip(layer_titles(net, learnt), learnt)}
        familiar = learn_familiarity(learnt[layer][:1500], valid[layer], layer)
        reported = notice(familiar, layer, seen, {k: layer_features(net, x, [layer]) for k, x in strange(1).items()})
        out[path.name] = dict(arch=run.config['arch'], width=run.recipe.width, epochs=run.recipe.epochs, data=data.name, train_images=len(x_train), valid_images=len(x_valid), test_images=len(x_test), accuracy_on_these_test_images=right,
            probes=probes, familiarity=dict(layer=layer_titles(net, [layer])[0], known=len(familiar.known), k=familiar.k, choice=choice) | reported)
        print(path.name, f'{right:.1%}', {t: tuple(round(q[0], 3) for q in v.values()) for t, v in probes.items()}, json.dumps(reported))
        a.out.mkdir(exist_ok=True); file.write_text(json.dumps(out, indent=1) + '\n')
        if n == 0 and a.points:
            few = {l: seen[l][:a.points] for l in seen}
            planes = {f'{how} {t}': np.float16(q / q.std(0)) for how in ('pca', 'tsne') for t, q in zip(layer_titles(net, few), layer_points(few, how).values())}
            np.savez_compressed(a.out / 'layer_views.npz', labels=y_test[:a.points].numpy(), run=path.name, **planes)


if __name__ == '__main__': main()
