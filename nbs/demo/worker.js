// Keeps the page for visits without a connection. The large files are put into the same store by network.js.

let opened
const files = () => opened ??= fetch('files.json', {cache: 'no-cache'}).then(r => r.json())
const large = name => name.endsWith('.gz')

self.addEventListener('install', event => event.waitUntil((async () => {
  const {version, bytes} = await files(), store = await caches.open(`deepcnn4cifar-${version}`)
  await store.addAll(['./', ...Object.keys(bytes).filter(name => !large(name))].map(name => new Request(name, {cache: 'no-cache'})))
  await store.put('files.json', new Response(JSON.stringify({version, bytes}), {headers: {'Content-Type': 'application/json'}}))
  await self.skipWaiting()
})()))

self.addEventListener('activate', event => event.waitUntil((async () => {
  const kept = await caches.keys(), {version} = await files().catch(() => ({}))
  if (version) await Promise.all(kept.filter(k => k.startsWith('deepcnn4cifar-') && k != `deepcnn4cifar-${version}`).map(k => caches.delete(k)))
  await self.clients.claim()
})()))

// The network first, so that a new version of the page is seen at once; the store where there is no connection
self.addEventListener('fetch', event => {
  if (event.request.method != 'GET' || !event.request.url.startsWith(self.registration.scope)) return
  event.respondWith((async () => {
    try { return await fetch(event.request) }
    catch (error) {
      const found = await caches.match(event.request, {ignoreSearch: true})
      if (found) return found
      throw error
    }
  })())
})
