// `node enqueue.cjs PEER DSN KIND …`: what bench.clients.enqueue does, for a peer whose library is one of Node's.
// PEER is a file beside this one; its open(dsn, settings) gives one(), many() and close().
"use strict";

const { setTimeout: sleep } = require("node:timers/promises");

const WARM_UP = 0.5;

const now = () => performance.now() / 1000;

// Counts what was acknowledged within the window.
async function single(producer, clients, seconds) {
  const begin = now() + WARM_UP;
  const end = begin + seconds;
  let jobs = 0;
  async function client() {
    for (let sent = now(); sent < end; sent = now()) {
      await producer.one("bench.noop", { n: 12345 });
      if (begin <= sent && now() <= end) jobs += 1;
    }
  }
  await Promise.all(Array.from({ length: clients }, client));
  return { jobs, seconds };
}

async function bulk(producer, size, seconds) {
  const jobs = Array.from({ length: size }, (_, n) => ({ n }));
  await producer.many("bench.noop", jobs);
  const begin = now();
  let calls = 0;
  for (; now() - begin < seconds; calls += 1) await producer.many("bench.noop", jobs);
  return { jobs: calls * size, seconds: now() - begin };
}

// On a fixed beat, so that a slow call doesn't spare the next ones their wait.
async function pickup(producer, jobs, gap) {
  const begin = now();
  for (let n = 0; n < jobs; n += 1) {
    await sleep(Math.max(0, begin + n * gap - now()) * 1000);
    await producer.one("bench.pickup", { n, sent: Number(process.hrtime.bigint()) });
  }
  return { jobs, seconds: now() - begin };
}

const KINDS = { single, bulk, pickup };

async function main(peer, dsn, kind, ...options) {
  const { open } = require(`./${peer}.cjs`);
  const producer = await open(dsn, JSON.parse(process.env.BENCH_SETTINGS));
  console.log(JSON.stringify(await KINDS[kind](producer, ...options.map(Number))));
  await producer.close();
}

main(...process.argv.slice(2));
