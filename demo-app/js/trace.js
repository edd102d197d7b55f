// Steps 4 to 6 happen between servers, where no browser sees them. In demo mode API A tells of them: the events of one trace
// (`traceparent`, W3C Trace Context), whose id nobody knows but the page that made it. See docs/configuration.md, demo_trace.

/** After the call has been answered, its last events may still be on their way. API A ends the stream itself before that. */
const AFTERWARDS_MS = 3_000;

/** A new trace: its id, and the header that carries it. */
export function newTrace() {
  const id = hex(16);
  return { id, traceparent: `00-${id}-${hex(8)}-01` };
}

/** `heard(event)` for each event. `close()` stops listening; `whenOver` is there when nothing more will come. */
export function follow(id, heard) {
  const source = new EventSource(`/demo/trace/${id}`);
  let over;
  const whenOver = new Promise((resolve) => { over = resolve; });
  const close = () => {
    source.close();
    over();
  };
  source.addEventListener('step', (event) => heard(JSON.parse(event.data)));
  // After its end the browser would ask again and again.
  source.addEventListener('end', close);
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) close();
  });
  return { whenOver, close, closeSoon: () => setTimeout(close, AFTERWARDS_MS) };
}

function hex(bytes) {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
