"use strict";
/* Figures for people, and what every chart shares. Everything of the page hangs on this one object. */
const Lab = (() => {
const unit = (steps, last) => v => {
  if (v === null || v === undefined) return "–";
  for (const [factor, name] of steps) if (Math.abs(v) >= factor) return +(v / factor).toPrecision(3) + name;
  return +v.toPrecision(3) + last;
};
const time = unit([[1e9, " s"], [1e6, " ms"], [1e3, " µs"]], " ns");
const rate = unit([[1e9, " G/s"], [1e6, " M/s"], [1e3, " k/s"]], " /s");
const size = unit([[1 << 30, " GiB"], [1 << 20, " MiB"], [1 << 10, " KiB"]], " B");
const count = v => v === null || v === undefined ? "–" : String(+v.toPrecision(3));
const times = v => v === null || v === undefined ? "–" : +v.toPrecision(3) + "×";
const percent = v => v === null || v === undefined ? "–" : Math.round(100 * v) + " %";

const FIGURES = {
  p50_ns: ["p50 of a message", time], p99_ns: ["p99 of a message", time],
  p999_ns: ["p99.9, of all trials together", time], p9999_ns: ["p99.99, of all trials together", time], to_control: ["p50 ÷ bare mechanism", times],
  messages_per_s: ["messages per second", rate], bytes_per_s: ["bytes per second", v => rate(v).replace("/s", "B/s")],
  cpu_ns_per_message: ["processor time per message", time], user_ns_per_message: ["… in user mode", time],
  system_ns_per_message: ["… in the kernel", time], system_calls_per_message: ["system calls per message", count],
  instructions_per_message: ["instructions per message", count], caller_instructions_per_message: ["… by the caller", count], system_call_bytes_per_message: ["bytes through system calls per message", size],
  page_faults_per_message: ["page faults per message", count],
  voluntary_switches_per_message: ["sleeps per message", count], involuntary_switches_per_message: ["preemptions per message", count],
  bytes_on_wire_per_message: ["bytes on the wire per message", size], encode_ns: ["encoding (codec)", time], decode_ns: ["decoding (codec)", time],
  first_encode_ns: ["encoding of the first message (codec)", time], first_decode_ns: ["decoding of the first message (codec)", time],
  peak_rss_bytes: ["peak memory of all Envs", size],
};

/* A name keeps its colour in every chart. Lines of one colour differ in symbol and dash. */
const COLOURS = {shm: 1, unix: 2, pipe: 3, tcp: 4, mqueue: 5, cma: 6, queue: 7, zeromq: 8, nng: 9, msgpack: 1, pickle: 2, auto: 3, dill: 4,
  cloudpickle: 5, none: 7, block: 2, adaptive: 1, spin: 3};
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "14 4", "1 5"];
const colour = (name, i) => `var(--c${COLOURS[name] || 1 + i % 9})`;

const element = (tag, text, attributes) => {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  return made;
};
/* What is packed in the page, as text. */
async function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), c => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
return {time, rate, size, count, times, percent, FIGURES, SYMBOLS, DASHES, colour, element, unpack};
})();
