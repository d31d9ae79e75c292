"""What an activation and the first layer cost: training steps of the network of `quick`, without the optimiser's.

python benchmarks/activations.py [--quick] [--threads N] [--out FILE]
"""

from dataclasses import replace

from common import arguments, machine, precision_of, ratio, start, take_turns, training_step, write
from deepcnn4cifar.callbacks import new_model
from deepcnn4cifar.recipes import recipes
from deepcnn4cifar.runs import hardware

QUICK = recipes['quick']


def step(dtype, **changes):
    "A training step of `quick` after changes to it"
    return training_step(new_model(replace(QUICK, **changes), 10), QUICK.batch_size, dtype)


if __name__ == '__main__':
    a, _ = start(arguments(__doc__, 'results/activations.json'), 'results/activations.json')
    rounds = a.rounds or (2 if a.quick else 15)
    steps = {name: step(a.dtype, activation=name) for name in ('relu', 'gelu', 'silu', 'mish')}
    steps['wider'] = step(a.dtype, channels=(24, *QUICK.channels[1:]))
    seconds = take_turns(steps, rounds, None)
    longer = {name: ratio(seconds['relu'], seconds[name]) for name in ('gelu', 'silu', 'mish')}
    wider = ratio(seconds['gelu'], seconds['wider'])
    print(longer, wider)
    write(
        a.out,
        benchmark='activations',
        machine=machine(a.device),
        hardware=hardware(a.device),
        precision=precision_of(a.dtype),
        batch_size=QUICK.batch_size,
        rounds=rounds,
        times_as_long=longer,  # than with ReLU
        first_layer_of_24=wider,  # channels, with GELU: times as long as quick
    )
