// The system's colours, light, or dark. The choice is kept in this browser; `theme.js` applies it before the first paint.

export function prepareThemeSwitch(fieldset) {
  const now = document.documentElement.dataset.theme ?? 'system';
  for (const choice of fieldset.querySelectorAll('input')) {
    choice.checked = choice.value === now;
    choice.addEventListener('change', () => apply(choice.value));
  }
}

function apply(theme) {
  try {
    if (theme === 'system') localStorage.removeItem('theme');
    else localStorage.setItem('theme', theme);
  } catch {
    // It holds for this visit all the same.
  }
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
