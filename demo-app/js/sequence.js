// A sequence diagram: lanes from top to bottom, arrows between them. A picture of what the text beside it says, so it is hidden
// from screen readers. How an arrow stands is told by its shape and by words, not by colour alone.

import { drawing } from './element.js';
import { PARTICIPANTS } from './participants.js';
import { STATES, wordFor } from './record.js';
import { timeText } from './time-text.js';

const LANE = 150;
const HEAD = 64;
const ROW = 76;
const RADIUS = 13;

/**
 * `lanes`: names of participants; `arrows`: [{ from, to, label, number }]; `choose(index)`: one was clicked. Gives the drawing,
 * and `show(index, step)` and `select(index)` to change it.
 */
export function sequence(lanes, arrows, choose) {
  const width = lanes.length * LANE;
  const height = HEAD + arrows.length * ROW + 8;
  const svg = drawing('svg', { class: 'sequence', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' });
  // Rows lie below the lanes, which lie below the arrows.
  const rows = arrows.map((_, index) => drawing('rect', { class: 'hit', x: 3, y: HEAD + index * ROW + 5, width: width - 6, height: ROW - 2, rx: 9 }));
  svg.append(...rows);
  lanes.forEach((lane, place) => svg.append(laneAt(lane, middleOf(place), height)));
  const drawn = arrows.map((arrow, index) => {
    const [from, to] = [lanes.indexOf(arrow.from), lanes.indexOf(arrow.to)].map(middleOf);
    const made = arrowAt(arrow, from, to, HEAD + index * ROW + ROW / 2 + 4);
    for (const part of choose ? [made, rows[index]] : []) part.addEventListener('click', () => choose(index));
    svg.append(made);
    return made;
  });
  return {
    svg,
    show: (index, step) => show(drawn[index], step),
    select: (index) => [rows, drawn].forEach((parts) => parts.forEach((part, place) => part.classList.toggle('selected', place === index))),
  };
}

function middleOf(place) {
  return place * LANE + LANE / 2;
}

function laneAt(lane, x, height) {
  const { name, letter, mark } = PARTICIPANTS[lane];
  return drawing('g', { class: `lane ${mark}` },
    drawing('line', { class: 'life', x1: x, y1: 46, x2: x, y2: height }),
    drawing('rect', { class: 'box', x: x - 69, y: 8, width: 138, height: 38, rx: 9 }),
    drawing('rect', { class: 'badge', x: x - 62, y: 16, width: 26, height: 22, rx: 5 }),
    drawing('text', { class: 'letter', x: x - 49, y: 32 }, letter),
    drawing('text', { class: 'name', x: x + 16, y: 32 }, name));
}

function arrowAt({ from, label, number }, x1, x2, y) {
  const way = Math.sign(x2 - x1);
  const [start, end] = [x1 + way * RADIUS, x2 - way * 7];
  const middle = (start + end) / 2;
  const gap = x1 + (x2 - x1) * 0.62;
  const text = drawing('text', { class: 'state', x: middle, y: y + 21 }, STATES.idle);
  return drawing('g', { class: `arrow ${PARTICIPANTS[from].mark}`, 'data-state': 'idle' },
    drawing('path', { class: 'whole', d: `M${start} ${y}H${end - way * 8}` }),
    drawing('path', { class: 'head', d: `M${end} ${y}l${-way * 12} -6v12z` }),
    // Where nobody answers, the line breaks off.
    drawing('path', { class: 'broken', d: `M${start} ${y}H${gap}m${-way * 3} 7l${way * 6} -14m${way * 3} 14l${way * 6} -14` }),
    // Where somebody refuses, a barrier stands before them.
    drawing('path', { class: 'barrier', d: octagon(end - way * 16, y, 11) }),
    drawing('path', { class: 'cross', d: `M${end - way * 16 - 4.5} ${y - 4.5}l9 9m0 -9l-9 9` }),
    drawing('circle', { class: 'number', cx: x1, cy: y, r: RADIUS }),
    drawing('text', { class: 'digit', x: x1, y: y + 4.5 }, String(number)),
    drawing('text', { class: 'label', x: middle, y: y - 11 }, label),
    text);
}

function octagon(x, y, r) {
  const corner = (place) => {
    const angle = Math.PI / 8 + (place * Math.PI) / 4;
    return `${(x + r * Math.cos(angle)).toFixed(1)} ${(y + r * Math.sin(angle)).toFixed(1)}`;
  };
  return `M${[0, 1, 2, 3, 4, 5, 6, 7].map(corner).join('L')}z`;
}

function show(arrow, step) {
  arrow.dataset.state = step.state;
  // Between two lanes there is room for one fact beside a word.
  const brief = ['refused', 'failed'].includes(step.state) ? { ...step, tookMs: undefined } : step;
  arrow.querySelector('.state').textContent = stateLine(brief);
}

const SIGNS = { idle: '', next: '▸ ', running: '… ', done: '✓ ', refused: '✕ ', failed: '✕ ' };

/** How a step stands, in one short line: sign, word, time, status. */
export function stateLine(step) {
  const facts = [
    step.tookMs === undefined ? undefined : timeText(step.tookMs),
    step.response?.status === undefined ? undefined : String(step.response.status),
  ];
  const said = facts.filter(Boolean).join(' · ');
  const needsWord = !(step.state === 'done' && said) || step.cached;
  return `${SIGNS[step.state]}${[needsWord ? wordFor(step) : '', step.cached ? '' : said].filter(Boolean).join(' · ')}`;
}
