// pg-boss' send and insert; a process that only enqueues supervises and schedules nothing, as its documentation says.
"use strict";

const { PgBoss } = require("pg-boss");

async function open(connectionString) {
  const boss = new PgBoss({ connectionString, supervise: false, schedule: false });
  boss.on("error", console.error);
  await boss.start();
  return {
    one: (task, args) => boss.send(task, args),
    many: (task, args) => boss.insert(task, args.map((data) => ({ data }))),
    close: () => boss.stop(),
  };
}

module.exports = { open };
