// Light or dark before the first paint: the choice made on the site, else the system's
(() => {
  const key = 'quarto-color-scheme'  // where the site keeps its choice: 'alternate' is dark
  const stored = () => { try { return localStorage.getItem(key) } catch { return null } }
  const system = matchMedia('(prefers-color-scheme: dark)')
  const show = () => {
    const dark = stored() ? stored() == 'alternate' : system.matches
    document.documentElement.dataset.theme = dark ? 'dark' : 'light'
    document.getElementById('theme')?.setAttribute('aria-pressed', dark)
  }
  show()
  system.addEventListener('change', show)
  addEventListener('storage', show)
  addEventListener('DOMContentLoaded', () => {
    show()
    document.getElementById('theme').addEventListener('click', () => {
      const dark = document.documentElement.dataset.theme != 'dark'
      try { localStorage.setItem(key, dark ? 'alternate' : 'default') } catch {}
      document.documentElement.dataset.theme = dark ? 'dark' : 'light'
      document.getElementById('theme').setAttribute('aria-pressed', dark)
    })
  })
})()
