"""What the parts of a recipe cost: seconds of training for every variant of an experiment in results/plan.toml, in one run.

    python benchmarks/recipes.py [EXPERIMENT ...] [--data SOURCE] [--quick] [--out FILE]

All variants take turns with a few steps at every image size they use; the median of a variant's steps, times the steps it
takes, is what a whole training would last on this machine without validation, and only the ratios matter.
"""
import statistics
from dataclasses import replace
from pathlib import Path

from common import WithLearner, arguments, first, machine, start, take_turns, write
from deepcnn4cifar.experiments import load_plan
from deepcnn4cifar.training import size_at


def sizes_of(recipe):
    "Image size -> epochs at that size"
    all_ = [size_at(recipe.sizes, e, recipe.epochs) for e in range(recipe.epochs)]
    return {s: all_.count(s) for s in dict.fromkeys(all_)}


def main():
    p = arguments(__doc__, 'results/recipe_seconds.json')
    p.add_argument('experiments', nargs='*', default=['ladder-half', 'recipe-half', 'resolution-quarter'], metavar='EXPERIMENT')
    a, data = start(p, 'results/recipe_seconds.json')
    rounds, images, skip = a.rounds or (1 if a.quick else 3), 512 if a.quick else 1536, 1
    plan = {f'{t.experiment}-{t.variant}': t.recipe for t in load_plan(Path(__file__).parents[1]/'results/plan.toml') if t.experiment in a.experiments and t.recipe.seed == 0}
    if not plan: raise SystemExit(f'results/plan.toml has none of the experiments {", ".join(a.experiments)}.')
    some, contenders = {}, {}
    for name, r in plan.items():
        for size in sizes_of(r):
            steps = max(2, (images if size < 100 else 256) // r.batch_size)
            some[name, size] = steps
            contenders[name, size] = WithLearner(first(data, (steps + skip) * r.batch_size), replace(r, images=0, epochs=1, sizes=(size,), start='', valid=10, early_stopping=0), a.device, skip)
    taken = take_turns(contenders, rounds, note=None)
    found = {}
    for name, r in plan.items():
        n = r.images or len(data.train)
        step = {size: statistics.median(taken[name, size]) / some[name, size] for size in sizes_of(r)}
        found[name] = dict(seconds=sum(epochs * (n // r.batch_size) * step[size] for size, epochs in sizes_of(r).items()), step_seconds={str(k): v for k, v in step.items()}, rounds={str(s): taken[name, s] for s in step})
        print(f'{name:34}{found[name]["seconds"]:8.0f} s')
    write(a.out, benchmark='recipes', data=data.description, machine=machine(a.device), networks=found)


if __name__ == '__main__': main()
