// Showing the page to others: keys, large type, full screen, paper, and a link that opens at a step.

/** Where a key is for typing or choosing, or belongs to somebody else. */
const TYPING = 'input, select, textarea, [contenteditable], summary, pre[tabindex]';

/** `next`, `previous`, `jump(number)`, `restart`: what the keys do. */
export function prepareKeys(actions, areOn) {
  const keys = { ArrowRight: actions.next, ArrowLeft: actions.previous, r: actions.restart, f: toggleFullScreen };
  for (const number of [1, 2, 3, 4, 5, 6]) keys[number] = () => actions.jump(number);
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    if (event.target.closest(TYPING)) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    // Single letters and digits can be switched off (WCAG 2.2, 2.1.4).
    if (!act || (event.key.length === 1 && !areOn())) return;
    event.preventDefault();
    act();
  });
}

export function prepareTools({ largeType, fullScreen, print }) {
  largeType.addEventListener('click', () => {
    const large = document.documentElement.classList.toggle('large');
    largeType.setAttribute('aria-pressed', String(large));
  });
  fullScreen.hidden = !document.fullscreenEnabled;
  fullScreen.addEventListener('click', toggleFullScreen);
  document.addEventListener('fullscreenchange', () => fullScreen.setAttribute('aria-pressed', String(Boolean(document.fullscreenElement))));
  print.addEventListener('click', () => window.print());
}

function toggleFullScreen() {
  // Refused where no person asked for it, which is no failure of this page.
  const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.();
  done?.catch(() => undefined);
}

/** What the address asks for: { step, user }. */
export function asked() {
  const parameters = new URLSearchParams(location.search);
  const step = Number(parameters.get('step'));
  const user = parameters.get('user');
  return { step: step >= 1 && step <= 6 ? Math.floor(step) : 0, user: ['alice', 'bob', 'carol'].includes(user) ? user : undefined };
}

/** The address becomes a link to what is shown. */
export function remember({ step, user }) {
  const parameters = new URLSearchParams();
  if (step) parameters.set('step', step);
  if (user) parameters.set('user', user);
  const query = parameters.toString();
  history.replaceState(null, '', query ? `/?${query}` : '/');
}
