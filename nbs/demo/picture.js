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
    const w = Array.from({length: last - first}, (_, k) => filter((k + first - centre + 0.5) / stretch))
    const sum = w.reduce((a, b) => a + b, 0)
    return {first, w: Int32Array.from(w, v => {
      const whole = v / sum * 2 ** bits
      return Math.trunc(whole < 0 ? whole - 0.5 : whole + 0.5)
    })}
  })
}

const byte = sum => Math.min(Math.max(sum >> bits, 0), 255)

// A picture that the browser can read, upright, with its own numbers; an Error with one sentence otherwise
export async function decode(file) {
  let bitmap
  try { bitmap = await createImageBitmap(file, {colorSpaceConversion: 'none', premultiplyAlpha: 'none', imageOrientation: 'from-image'}) }
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

// The middle square of a picture as bytes (3, size, size)
export function pixels(bitmap, size) {
  const {width, height} = bitmap, short = Math.min(width, height)
  const filter = short >= size ? box : bicubic
  const left = (width - short) / 2, top = (height - short) / 2
  const across = weights(width, left, left + short, size, filter), down = weights(height, top, top + short, size, filter)
  const first = down[0].first, last = down[size - 1].first + down[size - 1].w.length
  const narrow = new Uint8Array((last - first) * size * 3)
  for (const [y, rows, data] of strips(bitmap, first, last)) {
    for (let row = 0; row < rows; row++) {
      across.forEach(({first: x, w}, i) => {
        let r = 1 << bits - 1, g = r, b = r, at = 4 * (row * width + x)
        for (let k = 0; k < w.length; k++, at += 4) { r += data[at] * w[k]; g += data[at + 1] * w[k]; b += data[at + 2] * w[k] }
        narrow.set([byte(r), byte(g), byte(b)], 3 * ((y - first + row) * size + i))
      })
    }
  }
  const result = new Uint8Array(3 * size * size)
  down.forEach(({first: y, w}, j) => {
    for (let i = 0; i < 3 * size; i++) {
      let sum = 1 << bits - 1
      for (let k = 0; k < w.length; k++) sum += narrow[(y - first + k) * 3 * size + i] * w[k]
      result[(i % 3) * size * size + j * size + Math.trunc(i / 3)] = byte(sum)
    }
  })
  return result
}
