// The colours that the person chose, before anything is painted: a classic script in the head, since modules run too late.
// Nothing is stored until they choose, and nothing but this choice ever is (js/theme-switch.js).

{
  let chosen;
  try {
    chosen = localStorage.getItem('theme');
  } catch {
    // A browser that keeps nothing: the system's colours it is.
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
