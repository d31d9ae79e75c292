// The network with its maps: loaded once, kept for later visits, run by ONNX Runtime Web

const files = await (await fetch('files.json')).json()  // name -> bytes, and the version of all of them together
const store = globalThis.caches ? await caches.open(`deepcnn4cifar-${files.version}`).catch(() => null) : null

// A file of this page, from the browser's store if it is there
async function load(name, tell) {
  let response = await store?.match(name)
  if (!response) {
    response = await fetch(name, {cache: 'no-cache'})
    if (!response.ok) throw new Error(`${name} could not be loaded (${response.status}).`)
    await store?.put(name, response.clone()).catch(() => {})
  }
  const parts = [], reader = response.body.getReader()
  for (let {done, value} = await reader.read(); !done; {done, value} = await reader.read()) {
    parts.push(value)
    tell(value.length)
  }
  let whole = new Blob(parts)
  const start = new Uint8Array(await whole.slice(0, 2).arrayBuffer())
  const packed = start[0] == 0x1f && start[1] == 0x8b  // a server may have unpacked it already
  if (packed) whole = await new Response(whole.stream().pipeThrough(new DecompressionStream('gzip'))).blob()
  return whole.arrayBuffer()
}

// A function from pixels (3, size, size) and a class (-1: the network's own answer) to the answer
export async function openNetwork(progress) {
  const large = ['runtime.wasm.gz', 'model.onnx.gz'], total = large.reduce((sum, name) => sum + files.bytes[name], 0)
  let loaded = 0
  const tell = n => progress(Math.min((loaded += n) / total, 1))
  const [ort, facts, wasm, model] = await Promise.all([
    import('./ort.wasm.bundle.min.mjs'), load('model.json', () => {}), ...large.map(name => load(name, tell))])
  const network = JSON.parse(new TextDecoder().decode(facts))
  Object.assign(ort.env.wasm, {wasmBinary: wasm, numThreads: 1})
  const session = await ort.InferenceSession.create(new Uint8Array(model), {executionProviders: ['wasm'], graphOptimizationLevel: 'all', logSeverityLevel: 3})
  const {size, mean, std, classes, temperature = 1} = network

  async function compute(pixels, target) {
    const input = new Float32Array(pixels.length), area = size * size, f = Math.fround
    for (let i = 0; i < input.length; i++) {
      const channel = Math.trunc(i / area)
      input[i] = f(f(pixels[i] / 255) - f(mean[channel])) / f(std[channel])
    }
    const began = performance.now()
    const out = await session.run({
      images: new ort.Tensor('float32', input, [1, 3, size, size]),
      target: new ort.Tensor('int64', BigInt64Array.of(BigInt(target)), [1])})
    const milliseconds = performance.now() - began
    const logits = [...out.logits.data], top = Math.max(...logits)
    const shares = logits.map(z => Math.exp((z - top) / temperature)), sum = shares.reduce((a, b) => a + b, 0)
    const map = name => ({data: out[name].data, height: out[name].dims[1], width: out[name].dims[2]})
    const maps = [...Object.entries(network.layers).map(([name, title]) => ({title, ...map(`maps.${name}`)})), {title: 'mean', ...map('maps.mean')}]
    return {size, classes, logits, probabilities: shares.map(s => s / sum), maps, milliseconds,
      best: logits.indexOf(top), target: target < 0 ? logits.indexOf(top) : target,
      distance: out.distance?.data[0], threshold: network.familiarity?.threshold}
  }

  let before = Promise.resolve()  // a session takes one question at a time
  const answer = (pixels, target = -1) => before = before.catch(() => {}).then(() => compute(pixels, target))

  await answer(new Uint8Array(3 * size * size))  // the first run prepares the weights
  return {answer, size, classes, layers: Object.keys(network.layers).length}
}
