"use strict";
// One generation at a time: the address names it, so a reload or another window finds it again.

const RETRY_MS = 1000;
const FINAL = new Set(["succeeded", "failed", "cancelled", "aborted"]);
const at = (id) => document.getElementById(id);

let handle = "";
let events = null; // the open stream
let last = ""; // the id of the last event, "<claim>-<number>"
let claim = ""; // the run whose text is shown
let text = null; // the one text node of the output

async function ask(path, body) {
  const init = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, init);
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.error), { status: answer.status });
  return said;
}

function hint(line) {
  at("hint").textContent = line;
}

function forget() {
  events?.close();
  last = claim = "";
  clear();
  at("log").replaceChildren();
  at("count").textContent = "";
  at("progress").removeAttribute("value");
  state({ status: "waiting" });
}

function clear() {
  text = document.createTextNode("");
  at("text").replaceChildren(text);
}

// The token in the stream's address opens it for a while only; so each time a new one is asked for.
async function listen() {
  const mine = handle;
  try {
    const { prompt, words, stream } = await ask(`/generations/${mine}`);
    if (mine !== handle) return;
    at("prompt").value = prompt;
    at("words").value = words;
    const url = new URL(stream);
    if (last) url.searchParams.set("last_event_id", last);
    follow(new EventSource(url));
  } catch (error) {
    if (mine !== handle) return;
    if (error.status === 404) return hint(error.message);
    hint("The connection is lost; trying again…");
    setTimeout(listen, RETRY_MS);
  }
}

const tell = { state, progress, log, chunk, end };

function follow(source) {
  events = source;
  source.onopen = () => hint("");
  source.onerror = () => {
    hint("The connection is lost; trying again…");
    // The browser comes back by itself where the connection broke, not where it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  };
  for (const [kind, show] of Object.entries(tell)) {
    source.addEventListener(kind, (event) => {
      last = event.lastEventId;
      show(JSON.parse(event.data));
    });
  }
}

function state(now) {
  at("state").textContent = now.abort_requested && now.status === "running" ? "stopping" : now.status;
  at("state").className = `badge ${now.status}`;
  at("cancel").disabled = FINAL.has(now.status) || Boolean(now.abort_requested);
  if (now.progress) progress(now.progress);
}

function progress(now) {
  at("progress").max = now.total;
  at("progress").value = now.current;
  at("count").textContent = `${now.current} of ${now.total}`;
}

function log(line) {
  const item = document.createElement("li");
  item.textContent = `${line.at.slice(11, 19)} ${line.level}: ${line.message}`;
  at("log").append(item);
}

// A run that begins anew (its worker was stopped, say) says everything again: what was shown is void.
function chunk(piece) {
  const by = last.split("-")[0];
  if (by !== claim) clear();
  claim = by;
  text.appendData(piece);
}

function end(result) {
  events.close();
  hint("");
  state(result);
}

function show(name) {
  handle = name;
  at("generation").hidden = false;
  forget();
  listen();
}

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const asked = { prompt: at("prompt").value, words: Number(at("words").value) };
    const made = await ask("/generations", asked);
    history.pushState(null, "", `/g/${made.handle}`);
    show(made.handle);
  } catch (error) {
    hint(error.message);
  }
});

at("cancel").addEventListener("click", async () => {
  at("cancel").disabled = true;
  try {
    await ask(`/generations/${handle}/cancel`, {});
  } catch (error) {
    hint(error.message);
  }
});

function arrive() {
  const name = location.pathname.match(/^\/g\/([\w-]+)$/)?.[1];
  if (name) show(name);
}

window.addEventListener("popstate", () => location.reload());
arrive();
