// Any picture as the pixels that the network gets, by the arithmetic of Pillow that the library uses

const bits = 22  // of Pillow's fixed-point weights

const box = Object.assign(x => x > -0.5 && x <= 0.5 ? 1 : 0, {support: 0.5})

const bicubic = Object.assign(x => {
  x = Math.abs(x)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2
  return 0
}, {support: 2})

// For each pixel of the result: the first pixel of the source, and whole-number weights from there on
function weights(length, start, end, size, filter) {
  const scale = (end - start) / size, stretch = Math.max(scale, 1), support = filter.support * stretch
  return Array.from({length: size}, (_, i) => {
    const centre = start + (i + 0.5) * scale
    const first = Math.max(Math.trunc(centre - support + 0.5), 0)
    const last = Math.min(Math.trunc(centre + support + 0.5), length)
    const w = Array.from({length: last - first}, (_, k) => filter((k + first - centre + 0.5) * (1 / stretch)))
    const sum = w.reduce((a, b) => a + b, 0)
    return {first, w: Int32Array.from(w, v => {
      const whole = v / sum * 2 ** bits
      return Math.trunc(whole < 0 ? whole - 0.5 : whole + 0.5)
    })}
  })
}

const byte = sum => Math.min(Math.max(sum >> bits, 0), 255)

// A drawing (SVG), which `createImageBitmap` does not read
async function drawn(file) {
  const address = URL.createObjectURL(file), image = new Image()
  try {
    image.src = address
    await image.decode()
    const canvas = document.createElement('canvas')
    Object.assign(canvas, {width: image.naturalWidth || 512, height: image.naturalHeight || 512})
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
    return await createImageBitmap(canvas)
  } finally { URL.revokeObjectURL(address) }
}

// A picture that the browser can read, upright, with its own numbers; an Error with one sentence otherwise
export async function decode(file) {
  const options = {colorSpaceConversion: 'none', premultiplyAlpha: 'none', imageOrientation: 'from-image'}
  let bitmap
  try { bitmap = file.type == 'image/svg+xml' ? await drawn(file) : await createImageBitmap(file, options).catch(() => createImageBitmap(file)) }  // some browsers lack an option
  catch { throw new Error(`${file.name || 'This'} is not a picture that this browser can read: try a JPEG, PNG, GIF or WebP.`) }
  if (bitmap.width * bitmap.height > 64e6) throw new Error(`This picture has ${bitmap.width}×${bitmap.height} pixels, more than the 64 million that are taken: make it smaller first.`)
  return bitmap
}

// Rows of the picture over white, as RGBA
function* strips(bitmap, top, bottom, height = 256) {
  const canvas = document.createElement('canvas')
  canvas.width = bitmap.width
  canvas.height = Math.min(height, bottom - top)
  const context = canvas.getContext('2d', {willReadFrequently: true})
  context.imageSmoothingEnabled = false
  for (let y = top; y < bottom; y += height) {
    const rows = Math.min(height, bottom - y)
    context.fillStyle = 'white'
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.drawImage(bitmap, 0, y, bitmap.width, rows, 0, 0, bitmap.width, rows)
    yield [y, rows, context.getImageData(0, 0, bitmap.width, rows).data]
  }
}

// One row of pixels made narrower: `step` bytes apart in `row`, three bytes apart in `result`
function narrower(row, step, columns, result, at) {
  columns.forEach(({first, w}, i) => {
    let r = 1 << bits - 1, g = r, b = r, from = step * first
    for (let k = 0; k < w.length; k++, from += step) { r += row[from] * w[k]; g += row[from + 1] * w[k]; b += row[from + 2] * w[k] }
    result.set([byte(r), byte(g), byte(b)], at + 3 * i)
  })
}

// The middle square of a picture as bytes (3, size, size)
export function pixels(bitmap, size) {
  const {width, height} = bitmap, short = Math.min(width, height)
  const filter = short >= size ? box : bicubic
  const left = (width - short) / 2, top = (height - short) / 2
  const columns = weights(width, left, left + short, size, filter), rows = weights(height, top, top + short, size, filter)
  const first = rows[0].first, last = rows[size - 1].first + rows[size - 1].w.length
  const tall = height > size && height - size > 2 * (width - size)  // then Pillow 13 shrinks vertically first
  const across = 3 * (tall ? width : size), sums = new Int32Array(size * across).fill(1 << bits - 1)
  const line = new Uint8Array(across)
  for (const [y, count, data] of strips(bitmap, first, last)) {
    for (let k = 0; k < count; k++) {
      const row = data.subarray(4 * k * width, 4 * (k + 1) * width)
      if (tall) for (let i = 0, from = 0; i < across; i += 3, from += 4) { line[i] = row[from]; line[i + 1] = row[from + 1]; line[i + 2] = row[from + 2] }
      else narrower(row, 4, columns, line, 0)
      rows.forEach(({first, w}, j) => {
        const weight = w[y + k - first]
        if (weight) for (let i = 0, at = j * across; i < across; i++, at++) sums[at] += line[i] * weight
      })
    }
  }
  const low = Uint8Array.from(sums, byte), square = new Uint8Array(3 * size * size)
  if (tall) rows.forEach((_, j) => narrower(low.subarray(j * across, (j + 1) * across), 3, columns, square, 3 * j * size))
  else square.set(low)
  return Uint8Array.from(square, (_, i) => square[3 * (i % (size * size)) + Math.trunc(i / (size * size))])
}
