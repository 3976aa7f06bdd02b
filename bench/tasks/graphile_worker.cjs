// `node graphile_worker.cjs migrate|work DSN`: graphile-worker's library mode; BENCH_SETTINGS is its preset's.
"use strict";

const { run, runMigrations, WorkerPreset } = require("graphile-worker");

const [what, connectionString] = process.argv.slice(2);

async function work() {
  const worker = { connectionString, ...JSON.parse(process.env.BENCH_SETTINGS) };
  const preset = { extends: [WorkerPreset], worker };
  const runner = await run({ preset, taskList: require("./counting.cjs"), crontab: "" });
  await runner.promise;
}

if (what === "migrate") runMigrations({ connectionString });
else work();
