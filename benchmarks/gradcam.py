"""Grad-CAM maps per second, beside captum, torch-cam and pytorch-grad-cam, in one run.

    python benchmarks/gradcam.py [--arch vgg16] [--images 256] [--batch 256] [--repeats 5] [--threads N] [--json FILE]

All four explain the same network, the same images and the same classes at the same layer (the ReLU behind the last
convolution of block 4), and their raw maps must agree before anything is timed. The contenders take turns within each
repeat, so that a noisy machine is noisy for all; the median over the repeats counts. What is timed is processor
time (all threads together), which other people's work on the machine disturbs less than the clock; `--clock wall` takes the clock. A bare forward pass
is timed too, since no map of what the network says can cost less. This library picks the memory layout of the images by
the processor (`fast_layout`), the others take them as they come; so where it picks channels last, the two fastest of the
others and the bare forward pass are timed with such images as well. A second table is about explaining what the network
says, when the class is not known before: captum must be told the class, which takes a forward pass of its own. Two more
figures: six layers in one pass against the shallowest of them alone, and the growth of memory and hooks over many batches.

Every library is used as its documentation shows. captum, torch-cam and this library ask autograd for the gradient of the
layer's output alone, so no gradient of a weight is computed; pytorch-grad-cam calls backward, which computes them all.
"""
import argparse, gc, json, platform, resource, statistics, time
from pathlib import Path

import captum.attr, pytorch_grad_cam, torch, torchcam.methods
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from deepcnn4cifar import vgg as nets
from deepcnn4cifar.gradcam import GradCAM, default_layers, fast_layout


def version(name):
    from importlib.metadata import version
    return version(name)


def ours(net, layer, batches):
    with GradCAM(net, layer) as cam: return [cam(x, target)[layer] for x, target in batches]


def with_captum(net, layer, batches):
    cam = captum.attr.LayerGradCam(net, net.get_submodule(layer))
    return [cam.attribute(x, target, relu_attributions=True).detach()[:, 0] for x, target in batches]


def with_torchcam(net, layer, batches):
    with torchcam.methods.GradCAM(net, layer) as cam: return [cam(target.tolist(), net(x), normalized=False)[0] for x, target in batches]


def captum_predicted(net, layer, batches):
    "Maps for the class that the network prefers, which captum asks its caller for"
    with torch.no_grad(): said = [net(x).argmax(1) for x, _ in batches]
    return with_captum(net, layer, [(x, c) for (x, _), c in zip(batches, said)])


def torchcam_predicted(net, layer, batches):
    out = []
    with torchcam.methods.GradCAM(net, layer) as cam:
        for x, _ in batches: logits = net(x); out.append(cam(logits.argmax(1).tolist(), logits, normalized=False)[0])
    return out


def pytorch_grad_cam_predicted(net, layer, batches):
    with pytorch_grad_cam.GradCAM(net, [net.get_submodule(layer)]) as cam: return [cam(x, None) for x, _ in batches]


def with_pytorch_grad_cam(net, layer, batches):
    "Its public call: maps scaled to the image and to the unit interval"
    with pytorch_grad_cam.GradCAM(net, [net.get_submodule(layer)]) as cam: return [cam(x, [ClassifierOutputTarget(int(t)) for t in target]) for x, target in batches]


def pytorch_grad_cam_raw(net, layer, batches):
    "The same library's maps before scaling, to compare values (not timed)"
    with pytorch_grad_cam.GradCAM(net, [net.get_submodule(layer)]) as cam:
        out = []
        for x, target in batches:
            cam(x, [ClassifierOutputTarget(int(t)) for t in target])
            inside = cam.activations_and_grads
            raw = cam.get_cam_image(x, cam.target_layers[0], target, inside.activations[0].numpy(), inside.gradients[0].numpy())
            out.append(torch.from_numpy(raw).clamp(min=0))
        return out


contenders = {'deepcnn4cifar': ours, 'captum': with_captum, 'torch-cam': with_torchcam, 'pytorch-grad-cam': with_pytorch_grad_cam}
predicted = {'deepcnn4cifar': lambda net, layer, batches: ours(net, layer, [(x, None) for x, _ in batches]), 'captum': captum_predicted,
             'torch-cam': torchcam_predicted, 'pytorch-grad-cam': pytorch_grad_cam_predicted}


def several(net, layers, batches):
    with GradCAM(net, layers) as cam:
        for x, target in batches: cam(x, target)


def forward(net, batches):
    with torch.no_grad():
        for x, _ in batches: net(x)


def seconds(f, clock):
    gc.collect()
    start = clock()
    f()
    return clock() - start


def growth_of(net, layers, x, times):
    "MiB by which the peak of memory grows over the second half of many calls"
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # on Linux
    with GradCAM(net, layers) as cam:
        for i in range(times):
            if i == times // 2: gc.collect(); before = peak()
            cam(x)
        gc.collect()
    return peak() - before


def speeds(net, layers, layer, batches, repeats, clock):
    "Name -> images per second, the contenders taking turns"
    timed = {name: lambda f=f: f(net, layer, batches) for name, f in contenders.items()}
    timed |= {f'{name}, predicted class': lambda f=f: f(net, layer, batches) for name, f in predicted.items()}
    timed |= {'one shallow layer': lambda: ours(net, layers[0], batches), 'six layers': lambda: several(net, layers, batches), 'forward alone': lambda: forward(net, batches)}
    if fast_layout(batches[0][0]) is not batches[0][0]:
        last = [(fast_layout(x), target) for x, target in batches]
        timed |= {'captum, channels last': lambda: with_captum(net, layer, last), 'torch-cam, channels last': lambda: with_torchcam(net, layer, last), 'forward alone, channels last': lambda: forward(net, last)}
    runs = {name: [] for name in timed}
    for r in range(repeats + 1):
        for name, f in timed.items(): runs[name].append(seconds(f, clock))
    n = sum(len(x) for x, _ in batches)
    return {name: n / statistics.median(t[1:]) for name, t in runs.items()}   # the first round warms up


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--arch', default='vgg16'); p.add_argument('--images', type=int, default=256); p.add_argument('--batch', type=int, default=256)
    p.add_argument('--repeats', type=int, default=5); p.add_argument('--threads', type=int); p.add_argument('--many', type=int, default=1000, help='batches of 4 images for the memory check')
    p.add_argument('--clock', choices=['processor', 'wall'], default='processor', help='time of all threads together, or time that passes')
    p.add_argument('--json', type=Path, help='file of measurements, where this one takes the place of the last one of its kind')
    a = p.parse_args()
    if a.threads: torch.set_num_threads(a.threads)
    clock = time.process_time if a.clock == 'processor' else time.perf_counter
    torch.manual_seed(0)
    net = getattr(nets, a.arch)().eval()
    layers = default_layers(net, 'relu')
    layer = layers[-2]
    batches = [(torch.randn(a.batch, 3, 32, 32), torch.randint(10, (a.batch,))) for _ in range(a.images // a.batch)]
    growth = growth_of(net, layers, batches[0][0][:4], a.many)
    reference = ours(net, layer, batches[:1])[0]
    agreement = {name: float((f(net, layer, batches[:1])[0] - reference).abs().max() / reference.abs().max()) for name, f in {**contenders, 'pytorch-grad-cam': pytorch_grad_cam_raw}.items()}
    assert max(agreement.values()) < 1e-4, agreement
    n, speed = len(batches) * a.batch, speeds(net, layers, layer, batches, a.repeats, clock)
    ratio = {name: speed['deepcnn4cifar'] / speed[name] for name in list(contenders)[1:]}
    ratio_predicted = {name: speed['deepcnn4cifar, predicted class'] / speed[f'{name}, predicted class'] for name in list(contenders)[1:]}
    six_ratio = speed['one shallow layer'] / speed['six layers']
    hooks = sum(len(m._forward_hooks) for m in net.modules())
    print(f'{a.arch}, {layer}, {n} images of 32×32, batch {a.batch}, {torch.get_num_threads()} thread(s), torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}')
    unit = 'images/CPU-s' if a.clock == 'processor' else 'images/s'
    print(f'{"":30}{unit:>13}{"ours is ... times as fast":>28}{"largest relative difference":>30}')
    for name in contenders: print(f'{name:30}{speed[name]:13.0f}{ratio.get(name, 1):28.2f}{agreement[name]:30.1e}')
    for name in speed:
        if 'predicted' in name: print(f'{name:30}{speed[name]:13.0f}{speed["deepcnn4cifar, predicted class"] / speed[name]:28.2f}')
        elif 'last' in name or name == 'forward alone': print(f'{name:30}{speed[name]:13.0f}{speed["deepcnn4cifar"] / speed[name]:28.2f}')
    print(f'six layers in one pass cost {six_ratio:.2f} times the shallowest alone; over the second half of {a.many} batches the peak of memory grew by {growth:.1f} MiB, {hooks} hooks left')
    if a.json:
        versions = {name: version(name) for name in ('torch', 'captum', 'torchcam', 'grad-cam')}
        found = dict(arch=a.arch, layer=layer, images=n, batch=a.batch, threads=torch.get_num_threads(), clock=a.clock, processor=platform.machine(), capability=torch.backends.cpu.get_cpu_capability(),
            layout='channels last' if 'captum, channels last' in speed else 'as given', versions=versions, images_per_second=speed, ratio=ratio, ratio_predicted=ratio_predicted, relative_difference=agreement,
            six_layers_over_one=six_ratio, batches=a.many, memory_growth_mib=growth, hooks_left=hooks)
        others = [m for m in json.loads(a.json.read_text()) if any(m[k] != found[k] for k in ('arch', 'capability', 'threads', 'clock'))] if a.json.exists() else []
        a.json.write_text(json.dumps([*others, found], indent=1) + '\n')


if __name__ == '__main__': main()
