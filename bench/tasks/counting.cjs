// The bodies of the tasks, the same for every peer in Node; bench/tally.py describes the file.
//
// Node has no mmap. Its writes go to the page cache that the benchmark has mapped, so they are seen at once; there
// is one for each turn of the event loop that ended jobs, so that counting costs a busy worker next to nothing.
"use strict";

const { openSync, readSync, writeSync } = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");

const SLOTS = 16;
const FIELDS = 2;
const WIDTH = 8;
const COUNT = 0;
const LAST = 1;

const file = openSync(process.env.BENCH_TALLY, "r+");
const place = Number(process.env.BENCH_SLOT) * FIELDS * WIDTH;
const numbers = new BigInt64Array(FIELDS);
readSync(file, numbers, 0, FIELDS * WIDTH, place);
let ended = 0;

function count() {
  if (ended === 0) setImmediate(write);
  ended += 1;
}

function write() {
  numbers[COUNT] += BigInt(ended);
  numbers[LAST] = process.hrtime.bigint();
  ended = 0;
  writeSync(file, numbers, 0, FIELDS * WIDTH, place);
}

async function noop(_args) {
  count();
}

async function nap({ ms }) {
  await sleep(ms);
  count();
}

// hrtime is the clock of Python's time.monotonic_ns.
async function pickup({ n, sent }) {
  const latency = BigInt64Array.of(process.hrtime.bigint() - BigInt(sent));
  writeSync(file, latency, 0, WIDTH, (SLOTS * FIELDS + n) * WIDTH);
  count();
}

module.exports = { "bench.noop": noop, "bench.nap": nap, "bench.pickup": pickup };
