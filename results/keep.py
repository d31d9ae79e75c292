"Keep what a run measured: `python results/keep.py runs/NAME NEW_NAME` copies its small files here, without weights and pictures."
import json, shutil, sys
from pathlib import Path

if len(sys.argv) != 3: sys.exit(__doc__)
run, target = Path(sys.argv[1]), Path(__file__).resolve().parent / sys.argv[2]
if target.exists(): sys.exit(f'{target.name} is there already: remove it first, or choose another name.')
missing = [n for n in ('config.json', 'history.csv', 'metrics.json', 'predictions.npz', 'predictions_valid.npz') if not (run / n).is_file()]
if missing: sys.exit(f'{run} has no {missing[0]}: finish and evaluate the run first.')
target.mkdir()
for name in ('history.csv', 'metrics.json', 'predictions.npz', 'predictions_valid.npz'): shutil.copyfile(run / name, target / name)
config = json.loads((run / 'config.json').read_text(encoding='utf-8'))
config['data']['source'] = Path(config['data']['source']).name # where it lay is nobody else's business
config['name'] = target.name
(target / 'config.json').write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding='utf-8')
print(f'{target.name}: {sum(f.stat().st_size for f in target.iterdir()) / 1000:.0f} kB')
