// graphile-worker's addJob and addJobs, through WorkerUtils and its pool.
"use strict";

const { makeWorkerUtils, Logger } = require("graphile-worker");

const silent = new Logger(() => () => {});

async function open(connectionString) {
  const utils = await makeWorkerUtils({ connectionString, logger: silent });
  return {
    one: (task, args) => utils.addJob(task, args),
    many: (identifier, args) => utils.addJobs(args.map((payload) => ({ identifier, payload }))),
    close: () => utils.release(),
  };
}

module.exports = { open };
