"""Which share of the machine's bfloat16 matrix-product rate does training a VGG reach, and where does the rest go?

    python benchmarks/flops.py [--data SOURCE] [--quick] [--out FILE]

A training step is counted as three forward passes (forward, gradient of the inputs, gradient of the weights) of two
operations per multiply-add, the usual convention. What it reaches is divided by the rate of a large square matrix
product, measured in turn with the training in the same run. A profile of a few steps then says which operators the
time went to, and which rate every convolution reached. On a GPU the share is what others call model FLOP utilisation.
"""

import statistics
import time
from collections import Counter
from itertools import islice

import torch
from torch.profiler import ProfilerActivity, profile

from common import (
    BareLoop,
    arguments,
    first,
    machine,
    machine_in_words,
    precision_of,
    recipe,
    start,
    take_turns,
    wait,
    write,
)
from deepcnn4cifar.cost import count_multiply_adds

groups = {
    'convolutions, forward': ('convolution', '_convolution', 'mkldnn_convolution', 'cudnn_convolution', 'thnn_conv2d'),
    'convolutions, backward': ('convolution_backward',),
    'batch norm': (
        'native_batch_norm',
        'native_batch_norm_backward',
        'cudnn_batch_norm',
        'cudnn_batch_norm_backward',
        '_batch_norm_impl_index',
        'batch_norm_backward',
        'batch_norm_with_update',
    ),
    'ReLU': ('clamp_min_', 'threshold_backward', 'relu_', 'relu'),
    'pooling': (
        'max_pool2d_with_indices',
        'max_pool2d_with_indices_backward',
        'mean',
        '_adaptive_avg_pool2d',
        '_adaptive_avg_pool2d_backward',
    ),
    'copies and casts': ('copy_', 'clone', 'contiguous', '_to_copy', 'to', 'fill_', 'zero_'),
    'linear layer': ('addmm', 'mm'),
    'optimiser': ('_foreach_add_', '_foreach_mul_', '_foreach_add', 'add', 'add_', 'mul_'),
    'gathering images': ('index', 'where', 'div', 'sub'),
}


passes_of = {'convolution_backward': 2, 'mkldnn_convolution': 1, 'cudnn_convolution': 1}  # in units of a forward pass


def group_of(operator):
    "Name of the group that an operator belongs to"
    found = next((group for group, names in groups.items() if operator in names), None)
    if found is None:
        found = 'optimiser' if operator.startswith('Optimizer') or 'fused' in operator else 'rest'
    return found


def matrix_product(n, dtype, device, repeats):
    "Contender: seconds of `repeats` products of square matrices"
    a = torch.randn(n, n, device=device).to(dtype)
    b = torch.randn(n, n, device=device).to(dtype)

    def run():
        wait(device)
        since = time.perf_counter()
        for _ in range(repeats):
            a @ b
        wait(device)
        return time.perf_counter() - since

    return run


def profile_steps(bare, batches, device):
    """Where the time of a few training steps goes

    Returns seconds by group of operators; seconds by operator; seconds and operations of every kind of convolution, by
    channels and side; and the share of the clock's time that the operators explain.
    """
    gpu = device.type == 'cuda'
    with profile(activities=[ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * gpu, record_shapes=True) as prof:
        since = time.perf_counter()
        for x, y in batches:
            bare.step(x, y)
        wait(device)
        wall = time.perf_counter() - since
    by_group, by_operator, convolutions = Counter(), Counter(), {}
    for event in prof.key_averages(group_by_input_shape=True):
        operator = event.key.removeprefix('aten::')
        seconds = (event.self_device_time_total if gpu else event.self_cpu_time_total) / 1e6
        if seconds <= 0:
            continue
        by_group[group_of(operator)] += seconds
        by_operator[operator] += seconds
        shapes = [shape for shape in event.input_shapes if len(shape) == 4][-2:]
        if operator in passes_of and len(shapes) == 2:
            (n, c, _, side), (out, _, k, _) = shapes
            row = convolutions.setdefault((f'{c}→{out}', side), [0.0, 0.0])
            row[0] += seconds
            row[1] += event.count * passes_of[operator] * 2 * n * c * out * k * k * side * side
    return by_group, by_operator, convolutions, sum(by_group.values()) / wall


def measure(arch, data, a, batch, steps, rounds, product):
    "Share of the matrix-product rate, and the profile"
    bare = BareLoop(first(data, (steps + 2) * batch), recipe(arch, batch, a.dtype), a.device, a.dtype, skip=2)
    size, repeats = product
    seconds = take_turns({'matrix product': matrix_product(size, a.dtype, a.device, repeats), 'training': bare}, rounds)
    per_image = 6 * count_multiply_adds(bare.net)
    rate = {
        'matrix product': [2 * size**3 * repeats / t for t in seconds['matrix product']],
        'training': [per_image * steps * batch / t for t in seconds['training']],
    }
    shares = sorted(t / m for t, m in zip(rate['training'], rate['matrix product']))
    bare.schedule = torch.optim.lr_scheduler.ConstantLR(bare.optimiser, 1)
    by_group, by_operator, convolutions, explained = profile_steps(bare, islice(bare.loader, 2), a.device)
    total, top = sum(by_group.values()), statistics.median(rate['matrix product'])
    layers = [
        dict(channels=channels, side=side, share_of_time=t / total, share_of_rate=work / t / top)
        for (channels, side), (t, work) in convolutions.items()
    ]
    return dict(
        flop_per_image=per_image,
        matrix_product_gflops=top / 1e9,
        training_gflops=statistics.median(rate['training']) / 1e9,
        images_per_second=statistics.median(rate['training']) / per_image,
        share=dict(median=statistics.median(shares), lowest=shares[0], highest=shares[-1]),
        profiled_over_clock=explained,
        time_by_group={g: t / total for g, t in by_group.most_common()},
        time_by_operator={o: t / total for o, t in by_operator.most_common(20)},
        convolutions=layers,
    )


def print_found(arch, f):
    "What was found for one network"
    lowest, median, highest = (100 * f['share'][k] for k in ('lowest', 'median', 'highest'))
    print(
        f'\n{arch}: {f["images_per_second"]:.0f} images/s, {f["training_gflops"]:.0f} of '
        f'{f["matrix_product_gflops"]:.0f} GFLOP/s: {median:.1f} % ({lowest:.1f} to {highest:.1f})'
    )
    for group, share in f['time_by_group'].items():
        print(f'  {group:26}{100 * share:6.1f} % of the time')
    for c in f['convolutions']:
        print(
            f'  convolution {c["channels"]:>8} at {c["side"]:2}×{c["side"]:<2}{100 * c["share_of_time"]:6.1f} % of the '
            f"time, at {100 * c['share_of_rate']:3.0f} % of the matrix product's rate"
        )


def main():
    p = arguments(__doc__, 'results/flops.json')
    p.add_argument('--archs', nargs='+', default=['vgg11', 'vgg16'])
    p.add_argument('--batch', type=int, default=256)
    a, data = start(p, 'results/flops.json')
    rounds = a.rounds or (1 if a.quick else 5)
    if a.device.type == 'cpu':
        steps, product = 5, (4096, 6)  # side of the matrices, products
    else:
        steps, product = 100, (8192, 50)
    if a.quick:
        steps = 2
        product = (2048, 4) if a.device.type == 'cpu' else product
    props = machine(a.device)
    print(f'{data.description}\n{machine_in_words(props)}, {a.dtype}, batches of {a.batch}')
    found = {arch: measure(arch, data, a, a.batch, steps, rounds, product) for arch in a.archs}
    for arch, f in found.items():
        print_found(arch, f)
    told = dict(data=data.description, machine=props, batch=a.batch, rounds=rounds, precision=precision_of(a.dtype))
    write(a.out, benchmark='flops', **told, matrix=product[0], networks=found)


if __name__ == '__main__':
    main()
