// What the page shows and what a reader can do

import {decode, pixels} from './picture.js'

const $ = id => document.getElementById(id)
const percent = p => `${(100 * p).toFixed(1)}\u00a0%`

// -- examples -------------------------------------------------------------------------------------------------------

const examples = [
  ['photographs/cat.jpg', 'a cat'], ['photographs/horse.png', 'the silhouette of a horse'], ['photographs/rocket.jpg', 'a rocket'], ['photographs/coffee.jpg', 'a cup of coffee'],
  ...['airplane', 'ship', 'automobile', 'truck', 'bird'].map(name => [`drawings/${name}.svg`, `a drawing: ${name}`]),
  ...['ring', 'star', 'heart'].map(name => [`shapes/${name}.png`, `a shape: ${name}`])]

function showExamples() {
  for (const [address, text] of examples) {
    const button = document.createElement('button'), image = new Image(72, 72)
    button.type = 'button'
    button.title = text
    image.src = address
    image.alt = text
    button.append(image)
    button.addEventListener('click', async () => {
      const response = await fetch(address).catch(() => null)
      if (response?.ok) look(await response.blob(), text)
      else problem(`The example ${text} could not be loaded: is there a connection?`)
    })
    button.setAttribute('aria-pressed', false)
    $('examples').append(button)
  }
}

// -- colours --------------------------------------------------------------------------------------------------------

// matplotlib's inferno at nine places
const inferno = [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164]]

function colour(value) {
  const at = Math.min(Math.max(value, 0), 1) * 8, k = Math.min(Math.trunc(at), 7)
  return inferno[k].map((low, channel) => low + (at - k) * (inferno[k + 1][channel] - low))
}

const table = Array.from({length: 256}, (_, i) => colour(i / 255))

// A map stretched to `size` by `size` between the middles of its cells, and divided by its maximum; zeros where nothing is positive
function stretched({data, height, width}, size) {
  const ends = n => Array.from({length: size}, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) * n / size - 0.5, 0), n - 1), low = Math.trunc(at)
    return [low, Math.min(low + 1, n - 1), at - low]
  })
  const rows = ends(height), columns = ends(width), result = new Float32Array(size * size)
  let top = 0
  rows.forEach(([y0, y1, v], j) => columns.forEach(([x0, x1, u], i) => {
    const upper = data[y0 * width + x0] * (1 - u) + data[y0 * width + x1] * u
    const lower = data[y1 * width + x0] * (1 - u) + data[y1 * width + x1] * u
    const value = result[j * size + i] = upper * (1 - v) + lower * v
    if (value > top) top = value
  }))
  return top > 0 ? result.map(value => value / top) : result
}

const opacity = 0.6  // the same everywhere, so that brighter means stronger

// A canvas with the picture and a map over it
function paint(canvas, map) {
  const size = canvas.width, context = canvas.getContext('2d', {willReadFrequently: true})
  const {bitmap} = state, short = Math.min(bitmap.width, bitmap.height)
  context.fillStyle = 'white'
  context.fillRect(0, 0, size, size)
  context.imageSmoothingEnabled = short > size / 4
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, (bitmap.width - short) / 2, (bitmap.height - short) / 2, short, short, 0, 0, size, size)
  const image = context.getImageData(0, 0, size, size)
  const values = stretched(map, size)
  if (values.some(value => value > 0)) values.forEach((value, i) => {
    const over = table[Math.round(255 * value)]
    for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = (1 - opacity) * image.data[4 * i + channel] + opacity * over[channel]
  })
  context.putImageData(image, 0, 0)
}

// -- the answer -----------------------------------------------------------------------------------------------------

const state = {network: null, bitmap: null, bytes: null, answer: null, target: -1, text: ''}

function problem(text) {
  $('problem').textContent = text
  $('problem').hidden = !text
}

async function network() {
  state.network ??= (async () => {
    $('loading').hidden = false
    try {
      const {openNetwork} = await import('./network.js')
      return await openNetwork(share => { $('progress').value = share })
    } finally { $('loading').hidden = true }
  })()
  try { return await state.network }
  catch (error) {
    state.network = null
    throw new Error(`The network could not be loaded: ${error.message}`)
  }
}

let turn = 0  // a newer picture overtakes an older one that is still being read

async function look(file, text) {
  const mine = ++turn
  problem('')
  closeCamera()
  try {
    const bitmap = await decode(file), net = await network()
    if (mine != turn) return
    Object.assign(state, {bitmap, text, target: -1, bytes: pixels(bitmap, net.size)})
    document.querySelectorAll('#examples button').forEach(b => b.setAttribute('aria-pressed', b.title == text))
    await explain(true)
  } catch (error) { if (mine == turn) problem(error.message) }
}

async function explain(fresh) {
  const net = await network(), mine = turn, {target} = state
  const answer = await net.answer(state.bytes, target)
  if (mine != turn || target != state.target) return  // overtaken
  state.answer = globalThis.latest = {...answer, pixels: [...state.bytes]}  // `latest` is for the test of this page
  if (!$('classes').querySelector('input')) showClasses(answer.classes)
  $('result').hidden = false
  showPixels(net.size)
  showAnswer()
  showLayer()
  showStrip()
  if (fresh) $('answer').focus({preventScroll: innerWidth > 700})
  say()
}

function showPixels(size) {
  const canvas = $('pixels'), area = size * size
  canvas.width = canvas.height = size
  const image = new ImageData(size, size)
  for (let i = 0; i < area; i++) image.data.set([state.bytes[i], state.bytes[area + i], state.bytes[2 * area + i], 255], 4 * i)
  canvas.getContext('2d').putImageData(image, 0, 0)
  canvas.setAttribute('aria-label', `The picture as ${size} by ${size} pixels`)
  document.querySelectorAll('.size').forEach(e => { e.textContent = `${size}×${size}` })
}

function showClasses(classes) {
  const rows = [['-1', 'its own answer'], ...classes.map((name, k) => [String(k), name])].map(([value, name]) => {
    const label = document.createElement('label'), input = document.createElement('input')
    label.className = value < 0 ? 'own' : 'class'
    Object.assign(input, {type: 'radio', name: 'target', value})
    input.addEventListener('change', () => { state.target = Number(value); explain(false).catch(error => problem(error.message)) })
    const bar = document.createElement('span'), share = document.createElement('span'), word = document.createElement('span')
    bar.className = 'bar'
    share.className = 'share'
    word.className = 'word'
    word.textContent = name
    label.append(input, word, ...(value < 0 ? [] : [bar, share]))
    return label
  })
  $('classes').append(...rows)
}

function showAnswer() {
  const {answer, text} = state, {probabilities, best, classes, target, distance, threshold} = answer
  $('answer').textContent = `The network says: ${classes[best]}, ${percent(probabilities[best])}`
  $('classes').querySelectorAll('input').forEach(input => { input.checked = Number(input.value) == state.target })
  $('classes').querySelectorAll('.class').forEach((label, k) => {
    label.querySelector('.bar').style.setProperty('--share', probabilities[k])
    label.querySelector('.share').textContent = percent(probabilities[k])
    label.classList.toggle('best', k == best)
    label.classList.toggle('explained', k == target)
  })
  const strange = distance > threshold
  $('familiar').hidden = distance === undefined
  $('familiar').className = strange ? 'notice' : 'hint'
  $('familiar').textContent = strange
    ? `Unfamiliar: this picture is unlike anything the network was trained on, so the answer may mean nothing (distance ${distance.toFixed(3)}; 99\u00a0% of the validation images lie within ${threshold.toFixed(3)}).`
    : `Familiar: the training images hold pictures like this one (distance ${distance?.toFixed(3)}, the limit is ${threshold?.toFixed(3)}).`
  $('time').textContent = `Answer and all maps took ${Math.round(answer.milliseconds)} ms on your machine.`
}

const current = () => state.answer.maps[Number($('layer').value)]

function describe({title, height, width}) {
  return title.startsWith('mean') ? `${title}` : `${title}, ${height}×${width} cells`
}

function showLayer() {
  const map = current(), {classes, target} = state.answer
  paint($('map'), map)
  $('layer').setAttribute('aria-valuetext', describe(map))
  $('layername').textContent = describe(map)
  $('caption').textContent = `What spoke for ${classes[target]}: ${map.title.startsWith('mean') ? `the mean of the ${state.answer.maps.length - 1} layers` : `the map of ${map.title}`}`
  $('map').setAttribute('aria-label', `The picture with the map of ${describe(map)} for ${classes[target]}: ${where(map)}`)
  document.querySelectorAll('#strip button').forEach((b, k) => b.setAttribute('aria-pressed', k == Number($('layer').value)))
}

// In words, for those who cannot see it: where the map is brightest
function where({data, height, width}) {
  let total = 0, x = 0, y = 0
  data.forEach((value, i) => { total += value; x += value * (i % width + 0.5) / width; y += value * (Math.trunc(i / width) + 0.5) / height })
  if (!total) return 'nothing speaks for this class'
  const third = (at, names) => names[at < 0.42 ? 0 : at > 0.58 ? 2 : 1]
  const place = [third(y / total, ['top', 'middle', 'bottom']), third(x / total, ['left', 'middle', 'right'])]
  return `its weight lies at the ${place[0] == place[1] ? 'middle' : place.join(' ')}`
}

function showStrip() {
  const strip = $('strip')
  state.answer.maps.forEach((map, k) => {
    let button = strip.children[k]
    if (!button) {
      button = document.createElement('button')
      button.type = 'button'
      const canvas = document.createElement('canvas'), name = document.createElement('span')
      canvas.width = canvas.height = 96
      name.textContent = map.title
      canvas.setAttribute('aria-hidden', 'true')
      button.append(canvas, name)
      button.addEventListener('click', () => { $('layer').value = k; showLayer(); say() })
      strip.append(button)
      $('layer').max = state.answer.maps.length - 1
    }
    paint(button.firstChild, map)
  })
  showLayer()
}

function say() {
  const {classes, probabilities, best, target, distance, threshold} = state.answer, map = current()
  $('said').textContent = `${classes[best]}, ${percent(probabilities[best])}. ${distance > threshold ? 'The picture is unfamiliar. ' : ''}Map of ${describe(map)} for ${classes[target]}: ${where(map)}.`
}

// -- own pictures ---------------------------------------------------------------------------------------------------

let stream = null

function closeCamera() {
  stream?.getTracks().forEach(track => track.stop())
  stream = null
  $('viewfinder').hidden = true
}

async function openCamera() {
  problem('')
  try { stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: 640, height: 480}}) }
  catch (error) { return problem(error?.name == 'NotAllowedError' ? 'The camera may not be used: allow it for this page, or open a file.' : 'There is no camera that this page can use: open a file instead.') }
  $('viewfinder').querySelector('video').srcObject = stream
  $('viewfinder').hidden = false
  await $('viewfinder').querySelector('video').play()
}

async function shoot() {
  const video = $('viewfinder').querySelector('video'), canvas = document.createElement('canvas')
  if (!video.videoWidth) return
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d').drawImage(video, 0, 0)
  const picture = await new Promise(done => canvas.toBlob(done))
  look(picture, 'the picture of your camera')
}

function offered(items) {
  const file = [...(items ?? [])].find(item => item.kind == 'file')?.getAsFile()
  if (file) look(file, file.name)
  return Boolean(file)
}

function listen() {
  $('file').addEventListener('change', () => {
    if ($('file').files[0]) look($('file').files[0], $('file').files[0].name)
    $('file').value = ''
  })
  $('camera').addEventListener('click', openCamera)
  $('shoot').addEventListener('click', shoot)
  $('stop').addEventListener('click', closeCamera)
  $('layer').addEventListener('input', showLayer)
  $('layer').addEventListener('change', say)
  addEventListener('paste', event => { if (offered(event.clipboardData?.items)) event.preventDefault() })
  addEventListener('dragenter', event => { event.preventDefault(); $('drop').hidden = false })
  addEventListener('dragover', event => event.preventDefault())
  addEventListener('dragleave', event => { if (!event.relatedTarget) $('drop').hidden = true })
  addEventListener('drop', event => {
    event.preventDefault()
    $('drop').hidden = true
    if (!offered(event.dataTransfer?.items)) problem('That was no file: drop a picture that is stored on this machine.')
  })
}

// -- start ----------------------------------------------------------------------------------------------------------

if (typeof WebAssembly != 'object' || typeof DecompressionStream != 'function') {
  $('unable').hidden = false
  $('unable').querySelector('img').src = 'explained.png'
  document.querySelector('[aria-labelledby=choose]').hidden = true
} else {
  showExamples()
  listen()
  navigator.serviceWorker?.register('worker.js').catch(() => {})
  fetch('files.json').then(r => r.json()).then(files => {
    const total = Object.values(files.bytes).reduce((a, b) => a + b, 0)
    $('megabytes').textContent = `${Math.ceil(total / 1e6)} MB`
  }).catch(() => {})
}
