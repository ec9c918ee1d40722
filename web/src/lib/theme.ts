const themes = ['auto', 'light', 'dark'] as const
type Theme = (typeof themes)[number]
const key = 'lifeboat.theme'

/** The colours that were chosen; `auto` follows the system. */
export function theme(): Theme {
  const kept = localStorage.getItem(key)
  return themes.find((each) => each === kept) ?? 'auto'
}

export function nextTheme(): Theme {
  const next = themes[(themes.indexOf(theme()) + 1) % themes.length]!
  localStorage.setItem(key, next)
  showTheme()
  return next
}

export function showTheme(): void {
  document.documentElement.dataset.theme = theme()
}
showTheme()
