"""Grad-CAM maps per second, beside captum, torch-cam and pytorch-grad-cam, in one run.

    python benchmarks/gradcam.py [--arch vgg16] [--images 256] [--batch 256] [--repeats 5] [--threads N] [--json FILE]

All four explain the same network, the same images and the same classes at the same layer (the ReLU behind the last
convolution of block 4), and their raw maps must agree before anything is timed. The contenders take turns within each
repeat, so that a noisy machine is noisy for all; the median over the repeats counts. What is timed is processor time
(all threads together), which other people's work on the machine disturbs less than the clock; `--clock wall` takes the
clock. A bare forward pass is timed too, since no map of what the network says can cost less. This library picks the
memory layout of the images by the processor (`fast_layout`), the others take them as they come; so where it picks
channels last, the two fastest of the others and the bare forward pass are timed with such images as well. A second
table is about explaining what the network says, when the class is not known before: captum must be told the class,
which takes a forward pass of its own. Two more figures: six layers in one pass against the shallowest of them alone,
and the growth of memory and hooks over many batches.

Every library is used as its documentation shows. captum, torch-cam and this library ask autograd for the gradient of
the layer's output alone, so no gradient of a weight is computed; pytorch-grad-cam calls backward, which computes them
all.
"""

import argparse
import gc
import json
import platform
import resource
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import captum.attr
import pytorch_grad_cam
import torch
import torchcam.methods
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from deepcnn4cifar import vgg as nets
from deepcnn4cifar.gradcam import GradCAM, default_layers, fast_layout


# A contender takes a network, a layer's name and batches of (images, classes), and returns a list of maps (B, h, w).


def ours(net, layer, batches):
    "This library"
    with GradCAM(net, layer) as cam:
        return [cam(x, target)[layer] for x, target in batches]


def with_captum(net, layer, batches):
    "captum, told to leave out negative values, as the others do"
    cam = captum.attr.LayerGradCam(net, net.get_submodule(layer))
    return [cam.attribute(x, target, relu_attributions=True).detach()[:, 0] for x, target in batches]


def with_torchcam(net, layer, batches):
    "torch-cam, told to leave the maps unscaled"
    with torchcam.methods.GradCAM(net, layer) as cam:
        return [cam(target.tolist(), net(x), normalized=False)[0] for x, target in batches]


def ours_predicted(net, layer, batches):
    "This library with the class that the network prefers"
    return ours(net, layer, [(x, None) for x, _ in batches])


def captum_predicted(net, layer, batches):
    "Maps for the class that the network prefers, which captum asks its caller for"
    with torch.no_grad():
        said = [net(x).argmax(1) for x, _ in batches]
    return with_captum(net, layer, [(x, c) for (x, _), c in zip(batches, said)])


def torchcam_predicted(net, layer, batches):
    "torch-cam with the class that the network prefers, from the forward pass that it takes anyway"
    out = []
    with torchcam.methods.GradCAM(net, layer) as cam:
        for x, _ in batches:
            logits = net(x)
            out.append(cam(logits.argmax(1).tolist(), logits, normalized=False)[0])
    return out


def pytorch_grad_cam_predicted(net, layer, batches):
    "pytorch-grad-cam, which takes the class that the network prefers when it is given none"
    with pytorch_grad_cam.GradCAM(net, [net.get_submodule(layer)]) as cam:
        return [cam(x, None) for x, _ in batches]


def with_pytorch_grad_cam(net, layer, batches):
    "Its public call: maps scaled to the image and to the unit interval"
    with pytorch_grad_cam.GradCAM(net, [net.get_submodule(layer)]) as cam:
        return [cam(x, [ClassifierOutputTarget(int(t)) for t in target]) for x, target in batches]


def pytorch_grad_cam_raw(net, layer, batches):
    "The same library's maps before scaling, to compare values (not timed)"
    with pytorch_grad_cam.GradCAM(net, [net.get_submodule(layer)]) as cam:
        out = []
        for x, target in batches:
            cam(x, [ClassifierOutputTarget(int(t)) for t in target])
            inside = cam.activations_and_grads
            raw = cam.get_cam_image(
                x, cam.target_layers[0], target, inside.activations[0].numpy(), inside.gradients[0].numpy()
            )
            out.append(torch.from_numpy(raw).clamp(min=0))
        return out


contenders = {
    'deepcnn4cifar': ours,
    'captum': with_captum,
    'torch-cam': with_torchcam,
    'pytorch-grad-cam': with_pytorch_grad_cam,
}
predicted = {
    'deepcnn4cifar': ours_predicted,
    'captum': captum_predicted,
    'torch-cam': torchcam_predicted,
    'pytorch-grad-cam': pytorch_grad_cam_predicted,
}


def several(net, layers, batches):
    "Maps of several layers in one pass"
    with GradCAM(net, layers) as cam:
        for x, target in batches:
            cam(x, target)


def forward(net, batches):
    "Nothing but the forward pass"
    with torch.no_grad():
        for x, _ in batches:
            net(x)


def seconds(f, clock):
    "Seconds of one call"
    gc.collect()
    start = clock()
    f()
    return clock() - start


def growth_of(net, layers, x, times):
    "MiB by which the peak of memory grows over the second half of many calls"

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # on Linux

    with GradCAM(net, layers) as cam:
        for i in range(times):
            if i == times // 2:
                gc.collect()
                before = peak()
            cam(x)
        gc.collect()
    return peak() - before


def speeds(net, layers, layer, batches, repeats, clock):
    "Name -> images per second, the contenders taking turns"
    timed = {name: lambda f=f: f(net, layer, batches) for name, f in contenders.items()}
    timed |= {f'{name}, predicted class': lambda f=f: f(net, layer, batches) for name, f in predicted.items()}
    timed |= {
        'one shallow layer': lambda: ours(net, layers[0], batches),
        'six layers': lambda: several(net, layers, batches),
        'forward alone': lambda: forward(net, batches),
    }
    if fast_layout(batches[0][0]) is not batches[0][0]:
        last = [(fast_layout(x), target) for x, target in batches]
        timed |= {
            'captum, channels last': lambda: with_captum(net, layer, last),
            'torch-cam, channels last': lambda: with_torchcam(net, layer, last),
            'forward alone, channels last': lambda: forward(net, last),
        }
    runs = {name: [] for name in timed}
    for r in range(repeats + 1):
        for name, f in timed.items():
            runs[name].append(seconds(f, clock))
    n = sum(len(x) for x, _ in batches)
    return {name: n / statistics.median(t[1:]) for name, t in runs.items()}  # the first round warms up


def agreement_with(reference, net, layer, batches):
    "Largest difference of every library's maps from ours, relative to our largest value"
    found = {}
    for name, contender in {**contenders, 'pytorch-grad-cam': pytorch_grad_cam_raw}.items():
        difference = (contender(net, layer, batches)[0] - reference).abs().max()
        found[name] = float(difference / reference.abs().max())
    return found


def measure(a):
    "Everything, as it is stored"
    clock = time.process_time if a.clock == 'processor' else time.perf_counter
    net = getattr(nets, a.arch)().eval()
    layers = default_layers(net, 'relu')
    layer = layers[-2]
    batches = [(torch.randn(a.batch, 3, 32, 32), torch.randint(10, (a.batch,))) for _ in range(a.images // a.batch)]
    growth = growth_of(net, layers, batches[0][0][:4], a.many)
    agreement = agreement_with(ours(net, layer, batches[:1])[0], net, layer, batches[:1])
    assert max(agreement.values()) < 1e-4, agreement
    speed = speeds(net, layers, layer, batches, a.repeats, clock)
    others, known = list(contenders)[1:], 'predicted class'
    return dict(
        arch=a.arch,
        layer=layer,
        images=len(batches) * a.batch,
        batch=a.batch,
        threads=torch.get_num_threads(),
        clock=a.clock,
        processor=platform.machine(),
        capability=torch.backends.cpu.get_cpu_capability(),
        layout='channels last' if 'captum, channels last' in speed else 'as given',
        versions={name: version(name) for name in ('torch', 'captum', 'torchcam', 'grad-cam')},
        images_per_second=speed,
        ratio={name: speed['deepcnn4cifar'] / speed[name] for name in others},
        ratio_predicted={name: speed[f'deepcnn4cifar, {known}'] / speed[f'{name}, {known}'] for name in others},
        relative_difference=agreement,
        six_layers_over_one=speed['one shallow layer'] / speed['six layers'],
        batches=a.many,
        memory_growth_mib=growth,
        hooks_left=sum(len(m._forward_hooks) for m in net.modules()),
    )


def print_found(f):
    "What was measured, for people"
    speed, ratio = f['images_per_second'], f['ratio']
    print(
        f'{f["arch"]}, {f["layer"]}, {f["images"]} images of 32×32, batch {f["batch"]}, {f["threads"]} thread(s), '
        f'torch {torch.__version__}, {f["capability"]}'
    )
    unit = 'images/CPU-s' if f['clock'] == 'processor' else 'images/s'
    print(f'{"":30}{unit:>13}{"ours is ... times as fast":>28}{"largest relative difference":>30}')
    for name in contenders:
        print(f'{name:30}{speed[name]:13.0f}{ratio.get(name, 1):28.2f}{f["relative_difference"][name]:30.1e}')
    for name in speed:
        if 'predicted' in name:
            print(f'{name:30}{speed[name]:13.0f}{speed["deepcnn4cifar, predicted class"] / speed[name]:28.2f}')
        elif 'last' in name or name == 'forward alone':
            print(f'{name:30}{speed[name]:13.0f}{speed["deepcnn4cifar"] / speed[name]:28.2f}')
    print(
        f'six layers in one pass cost {f["six_layers_over_one"]:.2f} times the shallowest alone; over the second half '
        f'of {f["batches"]} batches the peak of memory grew by {f["memory_growth_mib"]:.1f} MiB, '
        f'{f["hooks_left"]} hooks left'
    )


def keep(path, found):
    "Store what was measured, in place of what was measured before under the same conditions"
    kept = json.loads(path.read_text()) if path.exists() else []
    conditions = ('arch', 'capability', 'threads', 'clock')
    others = [m for m in kept if any(m[k] != found[k] for k in conditions)]
    path.write_text(json.dumps([*others, found], indent=1) + '\n')


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--arch', default='vgg16')
    p.add_argument('--images', type=int, default=256)
    p.add_argument('--batch', type=int, default=256)
    p.add_argument('--repeats', type=int, default=5)
    p.add_argument('--threads', type=int)
    p.add_argument('--many', type=int, default=1000, help='batches of 4 images for the memory check')
    p.add_argument('--clock', choices=['processor', 'wall'], default='processor', help='all threads together, or wall')
    p.add_argument('--json', type=Path, help='file of measurements; this one replaces the last one of its kind')
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    found = measure(a)
    print_found(found)
    if a.json:
        keep(a.json, found)


if __name__ == '__main__':
    main()
