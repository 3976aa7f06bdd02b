// `node pg_boss.cjs migrate|work DSN`: BENCH_SETTINGS are options of its work(), and `notify` is its queues'.
"use strict";

const { PgBoss } = require("pg-boss");

const [what, connectionString] = process.argv.slice(2);
const { notify = false, ...options } = JSON.parse(process.env.BENCH_SETTINGS);
const QUEUES = ["bench.noop", "bench.nap", "bench.pickup"];

async function migrate(boss) {
  for (const queue of QUEUES) await boss.createQueue(queue, { notify });
  await boss.stop();
}

async function work(boss) {
  const tasks = require("./counting.cjs");
  process.once("SIGTERM", () => boss.stop());
  for (const queue of QUEUES) {
    await boss.work(queue, options, async (jobs) => {
      await Promise.all(jobs.map((job) => tasks[queue](job.data)));
    });
  }
}

async function main() {
  const boss = new PgBoss({ connectionString, useListenNotify: notify });
  boss.on("error", console.error);
  await boss.start();
  await { migrate, work }[what](boss);
}

main();
